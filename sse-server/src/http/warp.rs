//! The hub's routes as a filter of warp's.

use bytes::Buf;
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, Method, Request};
use http_body::Frame;
use http_body_util::{BodyDataStream, StreamBody};
use tower_service::Service;
use warp::{Filter, Rejection, Reply, path::Tail, reply::Response};

use super::{
    routes::{Route, RouteSet},
    service::HubService,
};
use crate::hub::Hub;

/// The hub's routes as a warp filter. A path that is none of them is rejected as not found, so that other filters can
/// follow.
///
/// ```
/// use sse_server::{Config, Hub, RouteSet, routes};
/// use warp::Filter;
///
/// let hub = Hub::new(Config::in_memory())?;
/// let hello = warp::path("hello").map(|| "hello");
/// let service = warp::service(warp::path("hub").and(routes(hub, RouteSet::All)).or(hello));
/// # drop(service);
/// # Ok::<(), sse_server::HubError>(())
/// ```
pub fn routes(
    hub: Hub,
    routes: RouteSet,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync {
    let service = HubService::new(hub, routes);
    warp::path::tail()
        .and_then(move |tail: Tail| async move {
            let is_ours = Route::of(tail.as_str(), routes).is_some();
            if is_ours { Ok(tail) } else { Err(warp::reject::not_found()) }
        })
        .and(warp::method())
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |tail: Tail, method, query: String, headers, body| {
            let service = service.clone();
            async move {
                let target = format!("/{}?{query}", tail.as_str());
                match request(&target, method, headers, body) {
                    Ok(request) => answer(service, request).await,
                    Err(error) => {
                        warp::reply::with_status(error.to_string(), http::StatusCode::BAD_REQUEST).into_response()
                    }
                }
            }
        })
}

/// The request again, put together from what filters take out of it.
fn request<D: Buf>(
    target: &str,
    method: Method,
    headers: HeaderMap,
    body: impl Stream<Item = Result<D, warp::Error>> + Send + 'static,
) -> Result<Request<impl http_body::Body<Data = D> + Send + 'static>, http::Error> {
    let body = StreamBody::new(body.map(|piece| piece.map(Frame::data)));
    let mut request = Request::builder().method(method).uri(target).body(body)?;
    *request.headers_mut() = headers;
    Ok(request)
}

async fn answer<B>(mut service: HubService, request: Request<B>) -> Response
where
    B: http_body::Body<Data: Buf> + Send + 'static,
{
    let Ok(response) = service.call(request).await;
    let (parts, body) = response.into_parts();
    let mut response = match body.into_whole() {
        Ok(bytes) => Response::new(bytes.into()),
        Err(stream) => warp::reply::stream(BodyDataStream::new(stream)).into_response(),
    };
    *response.status_mut() = parts.status;
    *response.headers_mut() = parts.headers;
    response
}
