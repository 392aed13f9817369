//! HTTP/2 with prior knowledge, as proxies use it towards their backends.
//!
//! It is driven without hyper, which does not look at a body while its client gives no window: here each response has
//! timers of its own, and what is kept for it is counted ([`response`]).

mod request;
mod response;

use std::time::Duration;

use h2::{
    Ping, PingPong, Reason,
    server::{Builder, Connection},
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    gone::gone,
    idle::{Limits, Requests},
    watched::Rewound,
};
use crate::{
    http::{HubService, Peer, Places},
    hub::Hub,
};
use response::Piece;

/// The most concurrent requests on one connection. A proxy opens further connections.
const STREAMS: u32 = 256;

/// The most responses of some size, such as pages of topics, that are under way at once on one connection: as many more
/// requests wait. At 16 KB for a piece that is 256 KB.
const LARGE: usize = 16;

/// The largest request head.
const HEAD_BYTES: u32 = 64 << 10;

/// The most bytes of request bodies that a connection may have in flight to the hub, and so may fill its memory with.
const RECEIVED: u32 = 256 << 10;

/// The most bytes of one stream in flight to its client.
const SEND_BUFFER: usize = 64 << 10;

/// How long the peer may take to acknowledge a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the peer may take to take the last frames of a connection that is closed.
const LAST_MOMENTS: Duration = Duration::from_secs(1);

/// Serves the connection until it closes or is idle or, once the server stops, until its requests are answered. Its
/// requests end with it.
pub(super) async fn serve(io: Rewound, service: HubService, hub: &Hub, peer: Peer, mut stopped: watch::Receiver<bool>) {
    let address = peer.address;
    let limits = Limits::of(&hub.config().server);
    let mut stop_sender = stopped.clone();
    let mut orphaned = std::pin::pin!(gone(&mut stop_sender));
    let opened = tokio::select! {
        opened = timeout(limits.header, builder().handshake::<_, Piece>(io)) => opened,
        () = &mut orphaned => return,
    };
    let mut connection = match opened {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return tracing::debug!(?address, %error, "connection broke"),
        Err(_) => return tracing::debug!(?address, "no HTTP/2 settings came in time"),
    };
    let mut lost = std::pin::pin!(lost(connection.ping_pong(), hub.config().stream.heartbeat));
    let mut responses = JoinSet::new();
    let requests = Requests::default();
    let mut idle = std::pin::pin!(requests.idle(limits));
    let mut goodbye = std::pin::pin!(requests.goodbye());
    let mut stop = std::pin::pin!(stopped.wait_for(|stopped| *stopped));
    let places = Places::new(LARGE);
    let mut closing = false;
    loop {
        tokio::select! {
            accepted = connection.accept() => match accepted {
                Some(Ok((mut request, respond))) => {
                    request.extensions_mut().insert(peer.clone());
                    request.extensions_mut().insert(places.clone());
                    let counted = requests.open();
                    let response = response::respond(service.clone(), hub.clone(), request, respond, counted);
                    responses.spawn(response);
                }
                Some(Err(error)) => return tracing::debug!(?address, %error, "connection broke"),
                None => return,
            },
            Some(_) = responses.join_next() => {}
            () = &mut idle, if !closing => {
                closing = true;
                connection.graceful_shutdown();
            }
            stop = &mut stop, if !closing => {
                if stop.is_err() {
                    return; // the server is gone
                }
                closing = true;
                connection.graceful_shutdown();
            }
            () = &mut goodbye, if closing => break,
            () = &mut orphaned => return,
            () = &mut lost => return tracing::debug!(?address, "a ping was not acknowledged"),
        }
    }
    abandon(connection).await;
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_BYTES)
        .initial_window_size(RECEIVED)
        .initial_connection_window_size(RECEIVED)
        .max_send_buffer_size(SEND_BUFFER);
    builder
}

/// Waits until the peer does not acknowledge a ping in time. It gets one `every` so often.
async fn lost(pings: Option<PingPong>, every: Duration) {
    let Some(mut pings) = pings else { return std::future::pending().await };
    loop {
        sleep(every).await;
        match timeout(PING_TIMEOUT, pings.ping(Ping::opaque())).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return std::future::pending().await, // the connection ends by itself
            Err(_) => return,
        }
    }
}

/// Closes a connection whose peer does not: it is told, if it takes anything.
async fn abandon(mut connection: Connection<Rewound, Piece>) {
    connection.abrupt_shutdown(Reason::NO_ERROR);
    let _ = timeout(LAST_MOMENTS, std::future::poll_fn(|cx| connection.poll_closed(cx))).await;
}
