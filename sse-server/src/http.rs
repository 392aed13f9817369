//! The hub over HTTP: the only place that names warp.

mod accept;
mod admin;
mod body;
mod guard;
mod page;
mod problem;
mod publish;
mod query;
mod subscribe;
mod topics;

use std::{net::SocketAddr, sync::Arc};

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use warp::{Filter, Rejection, reply::Response};

use crate::{driver::handoff::Handoff, handle::Hub, metrics::Refused};
use body::Body;
use guard::Guard;
use problem::Problem;

/// Which of the routes a listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Face {
    /// All of them.
    All,
    /// What publishers and subscribers use; `/topics` and `/metrics` are elsewhere.
    Public,
    /// What operators use.
    Admin,
}

/// What the accept loop tells of a connection, in the request's extensions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// The hub has all the connections it may have: this one is only there to be told so.
    pub(crate) surplus: bool,
    /// The request is HTTP/1.1, which has to name its host.
    pub(crate) needs_host: bool,
}

/// The hub's routes, to be mounted in a program of one's own. A path that is none of them is rejected as not found,
/// so that other filters can follow.
///
/// ```
/// use sse_server::{Config, Face, Hub, routes};
/// use warp::Filter;
///
/// let hub = Hub::new(Config::in_memory())?;
/// let hello = warp::path("hello").map(|| "hello");
/// let service = warp::service(warp::path("hub").and(routes(hub, Face::All)).or(hello));
/// # drop(service);
/// # Ok::<(), sse_server::HubError>(())
/// ```
pub fn routes(hub: Hub, face: Face) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync {
    filter(hub, face, false)
}

/// The same where there are no other routes: what is none of the hub's is answered, too.
pub(crate) fn all_routes(
    hub: Hub,
    face: Face,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync {
    filter(hub, face, true)
}

fn filter(
    hub: Hub,
    face: Face,
    alone: bool,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync {
    let guard = Arc::new(Guard::new(hub.config()));
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::path::tail()
        .and_then(move |tail: warp::path::Tail| async move {
            let nowhere = alone.then_some(Route::Nowhere);
            Route::of(tail.as_str(), face).or(nowhere).ok_or_else(warp::reject::not_found)
        })
        .and(warp::method())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Peer>())
        .and(warp::ext::optional::<Handoff>())
        .and(warp::body::stream())
        .then(move |route, method, query, headers, peer, handoff, body| {
            let (hub, guard) = (hub.clone(), guard.clone());
            async move {
                let request = Request { method, query, headers, peer, handoff, body: Body::new(body, &hub) };
                answer(&hub, &guard, route, request).await
            }
        })
}

/// A request's parts, as the handlers want them.
struct Request {
    method: Method,
    query: String,
    headers: HeaderMap,
    peer: Option<Peer>,
    /// Where a stream is left that is to go on without hyper.
    handoff: Option<Handoff>,
    body: Body,
}

/// A path of the hub's; what is in it of the user's is not yet looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Route {
    Page,
    Events,
    Publish,
    PublishTo(String),
    Topics,
    Topic(String),
    Live,
    Ready,
    Metrics,
    Nowhere,
}

impl Route {
    fn of(path: &str, face: Face) -> Option<Self> {
        let (first, rest) = match path.split_once('/') {
            Some((first, rest)) => (first, Some(rest)),
            None => (path, None),
        };
        let route = match (first, rest) {
            ("", None) => Self::Page,
            ("events", None) => Self::Events,
            ("publish", None) => Self::Publish,
            ("publish", Some(topic)) => Self::PublishTo(topic.to_owned()),
            ("topics", None) => Self::Topics,
            ("topics", Some(topic)) => Self::Topic(topic.to_owned()),
            ("live", None) => Self::Live,
            ("ready", None) => Self::Ready,
            ("metrics", None) => Self::Metrics,
            _ => return None,
        };
        let served = match route {
            Self::Live | Self::Ready => true,
            Self::Topics | Self::Topic(_) | Self::Metrics => face != Face::Public,
            _ => face != Face::Admin,
        };
        served.then_some(route)
    }

    /// What `Allow` says.
    const fn methods(&self) -> &'static str {
        match self {
            Self::Publish | Self::PublishTo(_) => "POST, OPTIONS",
            Self::Nowhere => "",
            _ => "GET, HEAD, OPTIONS",
        }
    }

    fn allows(&self, method: &Method) -> bool {
        *self == Self::Nowhere || self.methods().split(", ").any(|allowed| allowed == method)
    }
}

/// Every request passes the guard, and every answer leaves with what CORS wants.
async fn answer(hub: &Hub, guard: &Guard, route: Route, request: Request) -> Response {
    let verdict = guard.check(&request, route == Route::Page);
    let mut response = match &verdict {
        Err(problem) => Err(problem.clone()),
        Ok(_) if request.method == Method::OPTIONS && route != Route::Nowhere => Ok(guard.preflight()),
        Ok(_) if !route.allows(&request.method) => Err(Problem::method_not_allowed(route.methods())),
        Ok(_) => serve(hub, route, request).await,
    }
    .unwrap_or_else(|problem| {
        hub.metrics().refused(problem.refused());
        tracing::debug!(status = problem.status().as_u16(), detail = problem.detail(), "refused");
        problem.into_response()
    });
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
    if let Ok(caller) = verdict {
        guard.stamp(&caller, response.headers_mut());
    }
    response
}

async fn serve(hub: &Hub, route: Route, request: Request) -> Result<Response, Problem> {
    match route {
        Route::Page => Ok(page::page()),
        Route::Events => subscribe::subscribe(hub, request).await,
        Route::Publish => publish::publish(hub, request).await,
        Route::PublishTo(topic) => publish::publish_text(hub, &topic, request).await,
        Route::Topics => topics::list(hub, &request.query),
        Route::Topic(topic) => topics::one(hub, &topic),
        Route::Live => Ok(admin::live()),
        Route::Ready => admin::ready(hub),
        Route::Metrics => Ok(admin::metrics(hub)),
        Route::Nowhere => {
            let detail = "there is nothing here; see / for what the hub serves";
            Err(Problem::new(StatusCode::NOT_FOUND, Refused::other, detail))
        }
    }
}
