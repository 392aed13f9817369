//! The hub as a service from requests to responses.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Buf;
use http::{HeaderValue, Method, Request, Response, Uri, Version, header, uri::PathAndQuery};

use super::{
    guard::{Caller, Guard},
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
    /// The port to which everybody is sent, where the same is served over TLS.
    redirects_to: Option<u16>,
}

/// The methods that some route allows.
const METHODS: &str = "GET, HEAD, POST";

/// The future response to a request.
pub(super) type ResponseFuture = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Infallible>> + Send>>;

impl HubService {
    /// A service of `routes` for `hub`.
    ///
    /// If the hub controls access, [`RouteSet::All`] is [`RouteSet::Public`]: the operator's routes ask for no token, and
    /// are served only where nothing else is.
    #[must_use]
    pub fn new(hub: Hub, routes: RouteSet) -> Self {
        let routes = if hub.access().is_some() && routes == RouteSet::All { RouteSet::Public } else { routes };
        let guard = Arc::new(Guard::new(hub.config()));
        Self { hub, guard, routes, prefix: "".into(), redirects_to: None }
    }

    /// A service that sends everybody to `port` of the same host, where there is TLS.
    pub(crate) fn redirecting(hub: Hub, port: u16) -> Self {
        Self { redirects_to: Some(port), ..Self::new(hub, RouteSet::Public) }
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

    /// The routes that are served.
    #[cfg(feature = "warp")]
    pub(super) const fn routes(&self) -> RouteSet {
        self.routes
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
        let Self { hub, guard, redirects_to, .. } = self.clone();
        let path = request.uri().path();
        // as of `CONNECT host:port`: an authority is no address of anything here
        let route = match redirects_to {
            _ if path.is_empty() => None,
            Some(port) => Some(Route::Secure { port, target: target(request.uri()) }),
            None => Some(self.route(path).unwrap_or(Route::Nowhere)),
        };
        let request = request::Request::new(request, &hub);
        Box::pin(async move { Ok(answer(&hub, &guard, route, request).await) })
    }
}

/// What is asked for, without where.
fn target(uri: &Uri) -> String {
    uri.path_and_query().map(PathAndQuery::as_str).unwrap_or_default().to_owned()
}

/// Responds to one request: it passes the guard first, and the response gets the headers that all have. Without a path there
/// is no route.
async fn answer(
    hub: &Hub,
    guard: &Guard,
    route: Option<Route>,
    mut request: request::Request,
) -> Response<ResponseBody> {
    let verdict =
        request.check_head().and_then(|host| guard.check(host.as_ref(), &request, route == Some(Route::Page)));
    request.client = guard.client(&request);
    request.has_own_origin =
        request.headers.contains_key(header::ORIGIN) && matches!(verdict, Ok(Caller::Own | Caller::Listed(_)));
    let answer = match (&verdict, route) {
        (Err(problem), _) => Err(problem.clone()),
        (Ok(_), None) if request.method == Method::CONNECT => Err(Problem::method_not_allowed(METHODS)),
        (Ok(_), None) => Err(Problem::invalid("the request's target has no path; ask for one such as /events")),
        (Ok(_), Some(route)) if request.method == Method::OPTIONS && route != Route::Nowhere => Ok(guard.preflight()),
        (Ok(_), Some(route)) if !route.allows(&request.method) => Err(Problem::method_not_allowed(route.methods())),
        (Ok(_), Some(route)) => serve(hub, route, &mut request).await,
    };
    let mut response = match answer {
        Ok(response) => response,
        Err(problem) => {
            hub.metrics().refused(problem.kind());
            tracing::debug!(status = problem.status().as_u16(), detail = problem.detail(), "refused");
            if request.version == Version::HTTP_2 {
                request.body.discard(&request.headers);
            }
            problem.into_response()
        }
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Everything but the page and the streams is of the moment, and for the one who asked.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if request.peer.as_ref().is_some_and(|peer| peer.is_tls)
        && let Some(hsts) = guard.hsts()
    {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
    if let Ok(caller) = verdict {
        guard.stamp(&caller, headers);
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

    #[tokio::test]
    async fn a_head_that_can_be_read_in_two_ways_is_refused() {
        let service = service(|_| {});
        let refused = [
            ("host", "evil.example@localhost"),
            ("host", "localhost:abc"),
            ("host", "localhost:99999"),
            ("host", "[127.0.0.1]"),
            ("host", "[::1]x"),
            ("host", "a b"),
            ("host", "löcalhost"),
        ];
        for header in refused {
            assert_eq!(status(&service, "/ready", &[header]).await, 400, "{header:?}");
        }
        for (target, headers, expected) in [
            ("http://evil@localhost/ready", &[][..], 400),
            ("http://localhost:99999/ready", &[], 400),
            ("http://localhost/ready", &[("host", "a:b")], 400),
            ("http://localhost/ready", &[("host", "a"), ("host", "b")], 400),
            ("/ready", &[("host", "localhost"), ("host", "localhost")], 400),
            ("/ready", &[("origin", "http://localhost"), ("origin", "http://localhost")], 400),
            ("/ready", &[("transfer-encoding", "chunked")], 200),
            ("/ready", &[("transfer-encoding", "Chunked")], 200),
            ("/ready", &[("transfer-encoding", "gzip, chunked")], 501),
            ("/ready", &[("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")], 501),
            ("/ready", &[("transfer-encoding", "chunked, chunked")], 501),
        ] {
            assert_eq!(status(&service, target, headers).await, expected, "{target} {headers:?}");
        }
    }

    #[tokio::test]
    async fn http_1_1_demands_one_host_whatever_the_target_is() {
        let service = service(|_| {});
        let peer = request::Peer { address: None, surplus: false, needs_host: true, is_tls: false, certificate: None };
        for (target, hosts, expected) in [
            ("/ready", &[][..], 400),
            ("/ready", &["localhost"], 200),
            ("http://localhost/ready", &[], 400),
            ("http://localhost/ready", &["evil.example"], 200),
            ("http://localhost/ready", &["localhost", "localhost"], 400),
        ] {
            let mut request = Request::get(target).extension(peer.clone());
            for host in hosts {
                request = request.header("host", *host);
            }
            let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
            let Ok(response) = service.clone().call(request).await;
            assert_eq!(response.status(), expected, "{target} {hosts:?}");
        }
    }

    #[tokio::test]
    async fn every_response_is_what_it_says_and_only_the_page_and_streams_may_be_kept() {
        let service = HubService::new(Hub::new(Config::in_memory()).unwrap(), RouteSet::All);
        for (method, target, cached) in [
            ("GET", "/", "no-cache, no-transform"),
            ("GET", "/events?topic=a", "no-cache, no-transform"),
            ("HEAD", "/events?topic=a", "no-cache, no-transform"),
            ("GET", "/events", "no-store"),
            ("GET", "/topics", "no-store"),
            ("GET", "/live", "no-store"),
            ("GET", "/ready", "no-store"),
            ("GET", "/metrics", "no-store"),
            ("GET", "/nowhere", "no-store"),
            ("POST", "/publish/a", "no-store"),
            ("PUT", "/publish/a", "no-store"),
            ("OPTIONS", "/publish/a", "no-store"),
        ] {
            let request = Request::builder().method(method).uri(target).body(Empty::<bytes::Bytes>::new()).unwrap();
            let Ok(response) = service.clone().call(request).await;
            assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{method} {target}");
            assert_eq!(response.headers()["cache-control"], cached, "{method} {target}");
        }
    }

    /// The status of a response, and how much of the request's body was read until the hub let go of it.
    async fn read_until_dropped(request: http::request::Builder, size: usize) -> (u16, usize) {
        use futures_util::{StreamExt, stream};
        use http_body::Frame;
        use std::sync::atomic::{AtomicUsize, Ordering};

        const PIECE: usize = 1 << 16;
        let service = service(|config| config.publish.max_event_bytes = 1000);
        let read = Arc::new(AtomicUsize::new(0));
        let (held, dropped) = tokio::sync::oneshot::channel::<()>();
        let count = read.clone();
        let pieces = stream::repeat(bytes::Bytes::from_static(&[b'x'; PIECE])).take(size / PIECE);
        let pieces = pieces.chain(stream::pending()).map(move |piece| {
            let _ = &held;
            count.fetch_add(piece.len(), Ordering::Relaxed);
            Ok::<_, Infallible>(Frame::data(piece))
        });
        let request = request.body(http_body_util::StreamBody::new(pieces)).unwrap();
        let Ok(response) = service.clone().call(request).await;
        let _ = dropped.await;
        (response.status().as_u16(), read.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn over_http_2_a_refused_body_is_read_on_for_a_bounded_time_and_size() {
        const MIB: usize = 1 << 20;
        let post = |version| Request::post("/publish/a").version(version);
        let (two, one) = (Version::HTTP_2, Version::HTTP_11);
        let begun = tokio::time::Instant::now();
        assert_eq!(read_until_dropped(post(two), 4 * MIB).await, (413, 4 * MIB));
        assert_eq!(begun.elapsed().as_secs(), 1, "the client sent no more");
        let evil = post(two).header("origin", "http://evil.example");
        assert_eq!(read_until_dropped(evil, 4 * MIB).await, (403, 4 * MIB));
        let (status, read) = read_until_dropped(post(two), 64 * MIB).await;
        assert!(status == 413 && (16 * MIB..17 * MIB).contains(&read), "{status} {read}");
        // who asks first is not told to go on
        let asking = post(two).header("expect", "100-continue").header("content-length", 4 * MIB);
        assert_eq!(read_until_dropped(asking, 4 * MIB).await, (413, 0));
        // HTTP/1 has an orderly end of its own
        let (status, read) = read_until_dropped(post(one), 4 * MIB).await;
        assert!(status == 413 && read <= MIB, "{status} {read}");
    }

    #[tokio::test]
    async fn a_target_without_a_path_has_no_route() {
        let service = service(|_| {});
        for (method, target, expected) in [
            (Method::CONNECT, "localhost:80", 405),
            (Method::GET, "localhost:80", 400),
            (Method::POST, "localhost", 400),
            (Method::OPTIONS, "localhost:80", 400),
            (Method::CONNECT, "evil.example:80", 421),
            (Method::OPTIONS, "*", 404),
            (Method::GET, "http://localhost", 200),
        ] {
            let request = Request::builder().method(&method).uri(target).body(Empty::<bytes::Bytes>::new()).unwrap();
            let Ok(response) = service.clone().call(request).await;
            assert_eq!(response.status(), expected, "{method} {target}");
        }
    }
}
