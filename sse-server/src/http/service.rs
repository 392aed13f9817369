//! The hub as a service from requests to responses.

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

/// The hub's routes as a [`tower_service::Service`], for any HTTP library that uses the types of [`http`]: hyper, axum,
/// warp, tonic. It responds to every request, with 404 to those outside its routes.
///
/// Paths start at the root. A router that mounts it below another path has to strip that prefix, as axum's
/// `nest_service` does; without such a router use [`below`](Self::below). Streams are ordinary response bodies, which
/// end when the hub is [drained](Hub::drain).
///
/// The hub responds only under names that it knows: loopback, the address `server.listen` and the names in
/// `server.hosts`. To any other it responds with 421. The name is the authority of the request's target, or else its
/// `Host` header.
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
    /// The prefix of all paths, without its leading and trailing `/`.
    prefix: Arc<str>,
}

/// The future response to a request.
pub(super) type ResponseFuture = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Infallible>> + Send>>;

impl HubService {
    /// A service of `routes` for `hub`.
    #[must_use]
    pub fn new(hub: Hub, routes: RouteSet) -> Self {
        let guard = Arc::new(Guard::new(hub.config()));
        Self { hub, guard, routes, prefix: "".into() }
    }

    /// The same service below the path `prefix`, such as `/hub`, for a program without a router. It responds with 404
    /// to any other path.
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

    /// The route of a request's path, if it is one of the hub's.
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
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let Self { hub, guard, .. } = self.clone();
        let route = self.route(request.uri().path()).unwrap_or(Route::Nowhere);
        let request = request::Request::new(request, &hub);
        Box::pin(async move { Ok(answer(&hub, &guard, route, request).await) })
    }
}

/// Responds to one request: it passes the guard first, and the response gets its CORS headers.
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
