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

use sse_core::Event;
use sse_server::{Hub, RouteSet, routes};
use warp::{Filter, Rejection, Reply, http::StatusCode, reply::Response};

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
            match hub.publish(TOPIC, Event::message(format!("{name} is number {count}"))).await {
                Ok(id) => id.as_str().to_owned().into_response(),
                Err(error) => {
                    warp::reply::with_status(error.to_string(), StatusCode::SERVICE_UNAVAILABLE).into_response()
                }
            }
        }
    });
    let live = warp::path("live").and(routes(hub, RouteSet::Public));
    hello.or(sign).unify().or(live).unify()
}
