//! A warp program of someone else's with a hub in it: visitors sign a guest book, and whoever watches sees it at once.
//!
//! | route | whose | |
//! |---|---|---|
//! | `GET /hello/{name}` | the program's | a greeting, of no interest to the hub |
//! | `POST /sign/{name}` | the program's | counts the signature, and publishes it to the topic `book` |
//! | `/live/…` | the hub's | its routes, mounted under a prefix: `/live/events?topic=book` |
//!
//! The prefix keeps the two apart, and the hub's own page is at `/live`.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use sse_server::{Face, Hub, routes};
use tower_service::Service;
use warp::{
    Filter, Rejection, Reply,
    http::{Request, StatusCode},
    reply::Response,
};

/// The topic that the program publishes to.
const TOPIC: &str = "book";

/// The whole program as one filter: its own routes, then the hub's.
pub fn program(hub: Hub) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync {
    let signatures = Arc::new(AtomicU64::new(0));
    let own = hub.clone();
    let hello =
        warp::path!("hello" / String).and(warp::get()).map(|name: String| format!("hello, {name}\n").into_response());
    let sign = warp::path!("sign" / String).and(warp::post()).then(move |name: String| {
        let (signatures, hub) = (signatures.clone(), own.clone());
        async move {
            let count = signatures.fetch_add(1, Ordering::Relaxed) + 1;
            publish(&hub, TOPIC, format!("{name} is number {count}")).await
        }
    });
    let live = warp::path("live").and(routes(hub, Face::Public));
    hello.or(sign).unify().or(live).unify()
}

/// Publishes in process: the hub's own route is called, with no socket between. On a task of its own, since warp keeps
/// the request that it is working on with the task, and has room for one.
async fn publish(hub: &Hub, topic: &str, text: String) -> Response {
    let service = warp::service(routes(hub.clone(), Face::Public));
    let request = Request::post(format!("/publish/{topic}")).body(text);
    let answer = tokio::spawn(async move {
        let (mut service, request) = (service, request.ok()?);
        service.call(request).await.ok()
    });
    let failed = || StatusCode::INTERNAL_SERVER_ERROR.into_response();
    answer.await.ok().flatten().unwrap_or_else(failed)
}
