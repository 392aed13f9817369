//! One connection, from its first byte to an orderly end.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use http::{Request, Version};
use hyper::{
    body::Incoming,
    server::conn::http1::{self, Parts},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tower_service::Service;

use super::{
    gone::gone,
    half_close::half_close,
    http2,
    idle::{HeadTimer, Limits},
    socket::Socket,
    watched::{Rewound, Watched},
};
use crate::{
    base::{clock::is_presentable, connections::OpenConnection},
    http::{HubService, Peer},
    hub::Hub,
    transport::{shard::Shards, takeover::Takeover},
};

/// The most that hyper buffers of a request head, or of a response that its client does not read.
const BUFFER: usize = 64 << 10;

/// The context of a connection.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) hub: Hub,
    /// The shards that take streams over from hyper, if there are any.
    pub(super) shards: Option<Arc<Shards>>,
    pub(super) open: OpenConnection,
    /// There are many connections.
    pub(super) crowded: bool,
}

/// How hyper finished with a connection.
enum Served {
    Closed(hyper::Result<()>),
    /// The head of a stream is sent; a shard carries the rest.
    TakenOver,
}

/// Serves the connection until it closes or, once the server stops, until its request is answered.
pub(super) async fn serve(
    stream: Socket,
    peer: Peer,
    service: HubService,
    serving: Serving,
    mut stopped: watch::Receiver<bool>,
) {
    let Serving { hub, shards, open, crowded } = serving;
    let takeover = shards.is_some().then(Takeover::default);
    let slot = takeover.clone();
    let over_http2 = service.clone();
    let chunked = Arc::new(AtomicBool::new(true));
    let is_chunked = chunked.clone();
    let streaming = Arc::new(AtomicBool::new(false));
    let is_streaming = streaming.clone();
    let limits = Limits::of(&hub.config().server);
    let head = HeadTimer::new(limits, crowded, hub.metrics().head_bytes.clone());
    let (head_read, head_is_http2) = (head.clone(), head.clone());
    let of_request = peer.clone();
    let answer = service_fn(move |mut request: Request<Incoming>| {
        let version = request.version();
        request.extensions_mut().insert(Peer { needs_host: version == Version::HTTP_11, ..of_request.clone() });
        // A body that comes with `GET /events` is nobody's: whoever carries the stream reads and discards it.
        if let Some(takeover) = slot.clone() {
            request.extensions_mut().insert(takeover);
        }
        is_chunked.store(version == Version::HTTP_11, Ordering::Relaxed);
        is_streaming.store(false, Ordering::Relaxed);
        head_read.on_request();
        let mut service = service.clone();
        let is_streaming = is_streaming.clone();
        Box::pin(async move {
            let mut response = service.call(request).await?;
            if response.body().is_stream() {
                is_streaming.store(true, Ordering::Relaxed);
            }
            if version == Version::HTTP_10 {
                *response.version_mut() = version; // hyper then leaves keep-alive alone
            }
            Ok::<_, Infallible>(response)
        })
    });
    let io = Watched::new(stream, hub.clone(), takeover.clone(), head.clone(), streaming);
    let mut connection = http1::Builder::new()
        .timer(head)
        .auto_date_header(is_presentable())
        .header_read_timeout(limits.header)
        .half_close(true) // who ends their side after a request still gets the answer
        .max_buf_size(BUFFER)
        .writev(false) // responses are small: copying them behind their heads is cheaper
        .serve_connection(TokioIo::new(io), answer);
    let mut stop_sender = stopped.clone();
    let mut stopping = false;
    let served = loop {
        let served = std::future::poll_fn(|cx| match connection.poll_without_shutdown(cx) {
            Poll::Ready(served) => Poll::Ready(Served::Closed(served)),
            Poll::Pending if takeover.as_ref().is_some_and(Takeover::is_sent) => Poll::Ready(Served::TakenOver),
            Poll::Pending => Poll::Pending,
        });
        tokio::select! {
            served = served => break served,
            stop = stopped.wait_for(|stopped| *stopped), if !stopping => {
                if stop.is_err() {
                    return; // the server is gone
                }
                stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            () = gone(&mut stop_sender), if stopping => return,
        }
    };
    let Parts { io, read_buf, .. } = connection.into_parts();
    let io = io.into_inner();
    match served {
        Served::Closed(Err(error)) if error.is_parse_version_h2() => {
            head_is_http2.on_request();
            // few connections are, and the others need no memory for it
            Box::pin(http2::serve(Rewound::new(read_buf, io), over_http2, &hub, peer, stopped)).await;
        }
        Served::Closed(served) => {
            if let Err(error) = served {
                tracing::debug!(address = ?peer.address, %error, "connection broke");
            }
            drop(shards);
            half_close(io.stream).await;
        }
        Served::TakenOver => {
            let (Some(shards), Some(stream)) = (shards, takeover.and_then(|takeover| takeover.take())) else { return };
            let (socket, tls) = io.stream.into_parts();
            match socket.into_std() {
                Ok(socket) => shards.adopt((socket, tls), stream, chunked.load(Ordering::Relaxed), open),
                Err(error) => tracing::debug!(address = ?peer.address, %error, "can't take the connection"),
            }
        }
    }
}
