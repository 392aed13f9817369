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
/// Paths start at the root. To mount it below another path, strip that prefix first, as axum's `nest_service` does.
/// Streams are ordinary response bodies, which end when the hub is [drained](Hub::drain).
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
}

/// The future response to a request.
pub(super) type ResponseFuture = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Infallible>> + Send>>;

impl HubService {
    /// A service of `routes` for `hub`.
    #[must_use]
    pub fn new(hub: Hub, routes: RouteSet) -> Self {
        let guard = Arc::new(Guard::new(hub.config()));
        Self { hub, guard, routes }
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
        let Self { hub, guard, routes } = self.clone();
        let path = request.uri().path();
        let route = Route::of(path.strip_prefix('/').unwrap_or(path), routes).unwrap_or(Route::Nowhere);
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
