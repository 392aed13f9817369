//! The hub as a service: a request in, a response out.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Buf;
use http::{HeaderValue, Method, Request, Response, header};

use super::{
    guard::Guard,
    problem::Problem,
    request,
    response::ResponseBody,
    routes::{Route, RouteSet, serve},
};
use crate::hub::Hub;

/// The hub's routes as a [`tower_service::Service`], for any HTTP library that speaks [`http`]'s types: hyper, axum, warp,
/// tonic. It answers every request; what is none of its routes is answered 404.
///
/// Paths begin at the root. A router that mounts it below another path takes that off, as axum's `nest_service` does;
/// without such a router, [`below`](Self::below) does it. Streams are ordinary response bodies, which end when the hub is
/// [drained](Hub::drain).
///
/// The hub answers only to names that it knows: to any other than loopback's, the address `server.listen` and those in
/// `server.hosts` it says 421. The name is the authority of the request's target, or else its header `Host`.
///
/// ```
/// use http::{Request, StatusCode};
/// use http_body_util::Empty;
/// use sse_server::{Config, Hub, HubService, RouteSet};
/// use tower_service::Service;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut service = HubService::new(Hub::new(Config::in_memory())?, RouteSet::All);
/// let request = Request::get("/ready").body(Empty::<bytes::Bytes>::new())?;
/// assert_eq!(service.call(request).await?.status(), StatusCode::OK);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct HubService {
    hub: Hub,
    guard: Arc<Guard>,
    routes: RouteSet,
    /// What all paths begin with, without its first and last `/`.
    prefix: Arc<str>,
}

/// The answer to a request, in a moment.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Infallible>> + Send>>;

impl HubService {
    /// These routes of a hub.
    #[must_use]
    pub fn new(hub: Hub, routes: RouteSet) -> Self {
        let guard = Arc::new(Guard::new(hub.config()));
        Self { hub, guard, routes, prefix: "".into() }
    }

    /// The same service for a program without a router: all paths begin with `prefix`, such as `/hub`. What is not below
    /// it is answered 404.
    ///
    /// ```
    /// use http::{Request, StatusCode};
    /// use http_body_util::Empty;
    /// use sse_server::{Config, Hub, HubService, RouteSet};
    /// use tower_service::Service;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut service = HubService::new(Hub::new(Config::in_memory())?, RouteSet::Public).below("/hub");
    /// let request = Request::get("/hub/ready").body(Empty::<bytes::Bytes>::new())?;
    /// assert_eq!(service.call(request).await?.status(), StatusCode::OK);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn below(mut self, prefix: &str) -> Self {
        self.prefix = prefix.trim_matches('/').into();
        self
    }

    /// The route of a request's path.
    fn route(&self, path: &str) -> Option<Route> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = match path.strip_prefix(&*self.prefix)? {
            "" => "",
            rest if self.prefix.is_empty() => rest,
            rest => rest.strip_prefix('/')?,
        };
        Route::of(path, self.routes)
    }
}

impl<B> tower_service::Service<Request<B>> for HubService
where
    B: http_body::Body<Data: Buf> + Send + 'static,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answer {
        let Self { hub, guard, .. } = self.clone();
        let route = self.route(request.uri().path()).unwrap_or(Route::Nowhere);
        let request = request::Request::new(request, &hub);
        Box::pin(async move { Ok(answer(&hub, &guard, route, request).await) })
    }
}

/// Every request passes the guard, and every answer leaves with what CORS wants.
async fn answer(hub: &Hub, guard: &Guard, route: Route, request: request::Request) -> Response<ResponseBody> {
    let verdict = guard.check(&request, route == Route::Page);
    let mut response = match &verdict {
        Err(problem) => Err(problem.clone()),
        Ok(_) if request.method == Method::OPTIONS && route != Route::Nowhere => Ok(guard.preflight()),
        Ok(_) if !route.allows(&request.method) => Err(Problem::method_not_allowed(route.methods())),
        Ok(_) => serve(hub, route, request).await,
    }
    .unwrap_or_else(|problem| {
        hub.metrics().refused(problem.kind());
        tracing::debug!(status = problem.status().as_u16(), detail = problem.detail(), "refused");
        problem.into_response()
    });
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
    if let Ok(caller) = verdict {
        guard.stamp(&caller, response.headers_mut());
    }
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::Empty;
    use tower_service::Service;

    use super::*;
    use crate::config::Config;

    fn service(set: impl FnOnce(&mut Config)) -> HubService {
        let mut config = Config::in_memory();
        set(&mut config);
        HubService::new(Hub::new(config).unwrap(), RouteSet::Public)
    }

    async fn status(service: &HubService, target: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::get(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let Ok(response) = service.clone().call(request.body(Empty::<bytes::Bytes>::new()).unwrap()).await;
        response.status().as_u16()
    }

    #[tokio::test]
    async fn below_a_prefix_is_nothing_else() {
        for prefix in ["/a/hub", "/a/hub/", "a/hub"] {
            let service = service(|_| {}).below(prefix);
            for (path, expected) in [
                ("/a/hub", 200),
                ("/a/hub/", 200),
                ("/a/hub/ready?x", 200),
                ("/a/hub/events?topic=a", 200),
                ("/a/hub/topics", 404),
                ("/a/hub//ready", 404),
                ("/a/hubready", 404),
                ("/a/hub/a/hub/ready", 404),
                ("/a", 404),
                ("/ready", 404),
                ("/", 404),
            ] {
                assert_eq!(status(&service, path, &[]).await, expected, "{path} below {prefix}");
            }
        }
        for prefix in ["", "/"] {
            let service = service(|_| {}).below(prefix);
            for (path, expected) in [("/", 200), ("/ready", 200), ("//ready", 404), ("/a/hub", 404)] {
                assert_eq!(status(&service, path, &[]).await, expected, "{path} below {prefix}");
            }
        }
    }

    #[tokio::test]
    async fn the_target_s_authority_is_the_host() {
        let service = service(|config| config.server.hosts = vec!["hub.example".into()]);
        let host = |host| ("host", host);
        assert_eq!(status(&service, "http://hub.example/ready", &[]).await, 200);
        assert_eq!(status(&service, "http://hub.example/ready", &[host("evil.example")]).await, 200);
        assert_eq!(status(&service, "http://evil.example/ready", &[]).await, 421);
        assert_eq!(status(&service, "http://evil.example/ready", &[host("hub.example")]).await, 421);
        let page = ("origin", "http://hub.example");
        assert_eq!(status(&service, "http://hub.example/ready", &[page]).await, 200);
        assert_eq!(status(&service, "http://localhost/ready", &[page]).await, 403);
    }
}
