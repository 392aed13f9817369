//! The hub's routes as a warp filter.

use bytes::Buf;
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body::Frame;
use http_body_util::{BodyDataStream, StreamBody};
use tower_service::Service;
use warp::{Filter, Rejection, Reply, host::Authority, path::Tail, reply::Response};

use super::{
    routes::{Route, RouteSet},
    service::HubService,
};
use crate::hub::Hub;

/// The hub's routes as a warp filter. Any other path is rejected as not found, so that other filters can follow.
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
    let routes = service.routes();
    // `tail` panics where the target has no path, as that of CONNECT. `end` takes it for `/`.
    let path = warp::path::end().map(String::new).or(warp::path::tail().map(|tail: Tail| tail.as_str().to_owned()));
    path.unify()
        .and_then(move |path: String| async move {
            let is_ours = Route::of(&path, routes).is_some();
            if is_ours { Ok(path) } else { Err(warp::reject::not_found()) }
        })
        .and(warp::host::optional())
        .and(warp::method())
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |path: String, authority, method, query: String, headers, body| {
            let service = service.clone();
            async move {
                let target = format!("/{path}?{query}");
                match request(&target, method, named(headers, authority), body) {
                    Ok(request) => answer(service, request).await,
                    Err(error) => {
                        warp::reply::with_status(error.to_string(), http::StatusCode::BAD_REQUEST).into_response()
                    }
                }
            }
        })
}

/// The headers with `Host`: over HTTP/2 it is the target that names the host. A request in which the two differ was
/// rejected.
fn named(mut headers: HeaderMap, authority: Option<Authority>) -> HeaderMap {
    let authority = authority.and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    if let (header::Entry::Vacant(host), Some(authority)) = (headers.entry(header::HOST), authority) {
        host.insert(authority);
    }
    headers
}

/// Reassembles the request from the parts that filters extract.
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

#[cfg(test)]
mod tests {
    use http_body_util::Empty;

    use super::*;
    use crate::config::Config;

    #[tokio::test]
    async fn the_host_is_known_wherever_it_is_named() {
        let filter = warp::path("hub").and(super::routes(Hub::new(Config::in_memory()).unwrap(), RouteSet::Public));
        for (target, host, expected) in [
            ("/hub/ready", None, 200),
            ("/hub/ready", Some("localhost:1"), 200),
            ("/hub/ready", Some("evil.example"), 421),
            ("http://localhost/hub/ready", None, 200),
            ("http://evil.example/hub/ready", None, 421),
            ("http://evil.example/hub/ready", Some("localhost"), 400),
        ] {
            let mut request = Request::get(target);
            if let Some(host) = host {
                request = request.header(header::HOST, host);
            }
            let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
            let Ok(response) = warp::service(filter.clone()).call(request).await;
            assert_eq!(response.status(), expected, "{target} {host:?}");
        }
    }

    #[tokio::test]
    async fn a_target_without_a_path_is_answered() {
        let filter = super::routes(Hub::new(Config::in_memory()).unwrap(), RouteSet::Public);
        for (method, target, expected) in [
            (Method::CONNECT, "localhost:80", 405),
            (Method::POST, "localhost:80", 405),
            (Method::CONNECT, "evil.example:80", 421),
            (Method::OPTIONS, "*", 404),
            (Method::GET, "/", 200),
            (Method::GET, "/ready", 200),
        ] {
            let request = Request::builder().method(&method).uri(target).body(Empty::<bytes::Bytes>::new()).unwrap();
            let Ok(response) = warp::service(filter.clone()).call(request).await;
            assert_eq!(response.status(), expected, "{method} {target}");
        }
    }
}
