//! HTTP/2 with prior knowledge, as proxies use it towards their backends. Its streams are ordinary response bodies.

use std::{net::SocketAddr, time::Duration};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    server::conn::http2,
    service::{Service, service_fn},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::watch;

use super::{
    gone::gone,
    idle::{Answering, Limits, Requests},
    socket::Rewound,
};
use crate::{base::clock::is_presentable, hub::Hub};

/// The most concurrent requests on one connection. A proxy opens further connections.
const STREAMS: u32 = 256;

/// The largest request head.
const HEAD_BYTES: u32 = 64 << 10;

/// The most bytes of one stream in flight to its client.
const SEND_BUFFER: usize = 64 << 10;

/// How long the peer may take to acknowledge a ping.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves the connection until it closes or, once the server stops, until its requests are answered.
pub(super) async fn serve<S, B>(
    io: Rewound,
    service: S,
    hub: &Hub,
    address: SocketAddr,
    mut stopped: watch::Receiver<bool>,
) where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body<Data = bytes::Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let limits = Limits::of(&hub.config().server);
    let requests = Requests::default();
    let service = service_fn({
        let requests = requests.clone();
        move |request| {
            let counted = requests.open();
            let answered = service.call(request);
            async move { answered.await.map(|answer| answer.map(|body| Answering { body, _request: counted })) }
        }
    });
    let mut connection = std::pin::pin!(
        http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .auto_date_header(is_presentable())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEAD_BYTES)
            .max_send_buf_size(SEND_BUFFER)
            .keep_alive_interval(hub.config().stream.heartbeat)
            .keep_alive_timeout(PATIENCE)
            .serve_connection(TokioIo::new(io), service)
    );
    let mut stop_sender = stopped.clone();
    let mut stopping = false;
    let mut idle = std::pin::pin!(requests.idle(limits));
    let mut told = false;
    let mut goodbye = std::pin::pin!(requests.goodbye());
    let served = loop {
        tokio::select! {
            served = &mut connection => break served,
            stop = stopped.wait_for(|stopped| *stopped), if !stopping => {
                if stop.is_err() {
                    return; // the server is gone
                }
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = gone(&mut stop_sender), if stopping => return,
            () = &mut idle, if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
            () = &mut goodbye, if told => return,
        }
    };
    if let Err(error) = served {
        tracing::debug!(%address, %error, "connection broke");
    }
}
