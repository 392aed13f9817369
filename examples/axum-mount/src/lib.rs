//! An axum program of someone else's with a hub in it: a shop takes orders, and whoever watches sees them at once.
//!
//! | route | whose | |
//! |---|---|---|
//! | `GET /hello/{name}` | the program's | a greeting, of no interest to the hub |
//! | `POST /orders/{item}` | the program's | publishes the order to the topic `orders` |
//! | `/hub/…` | the hub's | its routes, mounted under a prefix: `/hub/events?topic=orders` |

use std::{io, net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
    serve::ListenerExt,
};
use futures_util::StreamExt;
use sse_core::Event;
use sse_server::{Config, Delivery, Hub, HubService, RouteSet, Subscription};
use tokio::{net::TcpListener, sync::oneshot, time::sleep};

/// The hub's configuration in a program that listens on this address.
#[must_use]
pub fn config(address: SocketAddr) -> Config {
    let mut config = Config::in_memory(); // with Config::default() the log is on disk
    // The hub answers to these names, to this address and to loopback. To any other it says 421.
    config.server.hosts = vec!["shop.example".into()];
    config.server.listen = vec![address.into()];
    config.server.drain = Duration::from_secs(1);
    config
}

/// The program: its own routes, and the hub's.
pub fn program(hub: &Hub) -> Router {
    Router::new()
        .route("/hello/{name}", get(hello))
        .route("/orders/{item}", post(order))
        .with_state(hub.clone())
        .nest_service("/hub", HubService::new(hub.clone(), RouteSet::Public))
}

async fn hello(Path(name): Path<String>) -> String {
    format!("hello, {name}\n")
}

async fn order(State(hub): State<Hub>, Path(item): Path<String>) -> Result<String, (StatusCode, String)> {
    match hub.publish("orders", Event::message(item)).await {
        Ok(id) => Ok(id.as_str().to_owned()),
        Err(error) => Err((StatusCode::SERVICE_UNAVAILABLE, error.to_string())),
    }
}

/// Tells of the orders as they come, until the hub ends: the program is a subscriber like any other.
pub async fn follow(mut orders: Subscription, mut tell: impl FnMut(String)) {
    while let Some(delivery) = orders.next().await {
        match delivery {
            Delivery::Event { event, .. } => tell(event.data().map_or("", |data| data.as_str()).to_owned()),
            Delivery::Gap(gap) => tell(format!("orders may be missing: {}", gap.reason.as_str())),
            Delivery::Drain(reason) => tell(format!("the hub ends it: {}", reason.as_str())),
            _ => {}
        }
    }
    tell(format!("told of everything through {}", orders.position().as_str()));
}

/// Serves the program until `stop` is done, then ends the streams and what else is under way.
///
/// # Errors
///
/// None at present: axum goes on after a failed accept.
pub async fn serve(listener: TcpListener, hub: Hub, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    // without this a small event may wait until the one before it is acknowledged
    let listener = listener.tap_io(|socket| _ = socket.set_nodelay(true));
    let (drained, draining) = oneshot::channel();
    let ending = hub.clone();
    let serving = axum::serve(listener, program(&hub)).with_graceful_shutdown(async move {
        stop.await;
        ending.drain(); // axum waits for every answer to end, and a stream ends when the hub ends it
        _ = drained.send(());
    });
    let overdue = async {
        _ = draining.await;
        sleep(2 * hub.config().server.drain).await;
    };
    tokio::select! {
        served = serving => served?,
        () = overdue => {} // a client that has stopped reading holds its connection no longer
    }
    hub.close().await;
    Ok(())
}
