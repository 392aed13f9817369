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
    routes::{self, Route, RouteSet},
};
use crate::hub::Hub;

/// The hub's routes as a [`tower_service::Service`], for any HTTP library that speaks [`http`]'s types: hyper, axum, warp,
/// tonic. It answers every request; what is none of its routes is answered 404.
///
/// Paths begin at the root. Whoever mounts it below another path takes that off, as axum's `nest_service` does. Streams
/// are ordinary response bodies, which end when the hub is [drained](Hub::drain).
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

/// The answer to a request, in a moment.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Infallible>> + Send>>;

impl HubService {
    /// These routes of a hub.
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
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answer {
        let Self { hub, guard, routes } = self.clone();
        let path = request.uri().path();
        let route = Route::of(path.strip_prefix('/').unwrap_or(path), routes).unwrap_or(Route::Nowhere);
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
        Ok(_) => routes::serve(hub, route, request).await,
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
