//! One connection, from its first byte to an orderly end.

use std::{
    convert::Infallible,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderValue, Request, Response, Version, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::metrics::gauge::Gauge;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::watch,
};
use tower_service::Service;

use super::linger::linger;
use crate::{handle::Hub, http::Peer};

/// What hyper may buffer of a request's head, or of a response that its client does not take.
const BUFFER: usize = 64 << 10;

/// Serves the connection until it closes, or, once stopped, until its request is answered.
pub(super) async fn serve<S, B>(stream: TcpStream, peer: Peer, service: S, hub: Hub, mut stopped: watch::Receiver<bool>)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Unpin + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let metrics = hub.metrics();
    let _open = Open::count(&metrics.connections);
    let answer = service_fn(move |mut request: Request<Incoming>| {
        let version = request.version();
        // The target's authority, where there is one, is what counts (RFC 9112, 3.2.2).
        let authority = request.uri().authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
        if let Some(authority) = authority {
            request.headers_mut().insert(header::HOST, authority);
        }
        request.extensions_mut().insert(Peer { needs_host: version == Version::HTTP_11, ..peer });
        let mut service = service.clone();
        Box::pin(async move {
            let mut response = service.call(request).await?;
            if version == Version::HTTP_10 {
                *response.version_mut() = version; // hyper then leaves keep-alive alone
            }
            Ok::<_, Infallible>(response)
        })
    });
    let io = TokioIo::new(Watched { stream, stalled: false, laggards: metrics.stalled.clone() });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(hub.config().server.header_timeout)
        .max_buf_size(BUFFER)
        .serve_connection(io, answer);
    let mut stop_sender = stopped.clone();
    let mut stopping = false;
    let served = loop {
        tokio::select! {
            served = std::future::poll_fn(|cx| connection.poll_without_shutdown(cx)) => break served,
            stop = stopped.wait_for(|stopped| *stopped), if !stopping => {
                if stop.is_err() {
                    return; // whoever served is gone
                }
                stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            () = gone(&mut stop_sender), if stopping => return,
        }
    };
    if let Err(error) = served {
        tracing::debug!(address = %peer.address, %error, "connection broke");
    }
    linger(connection.into_parts().io.into_inner()).await;
}

/// Waits until the server that the connection belongs to is gone.
async fn gone(stopped: &mut watch::Receiver<bool>) {
    while stopped.changed().await.is_ok() {}
}

/// A connection that is counted.
struct Open(Gauge);

impl Open {
    fn count(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A socket that counts itself while its peer takes nothing.
#[derive(Debug)]
struct Watched {
    stream: TcpStream,
    stalled: bool,
    laggards: Gauge,
}

impl Watched {
    fn note<T>(&mut self, written: Poll<T>) -> Poll<T> {
        let stalled = written.is_pending();
        if stalled != self.stalled {
            self.stalled = stalled;
            if stalled {
                self.laggards.inc()
            } else {
                self.laggards.dec()
            };
        }
        written
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.stalled {
            self.laggards.dec();
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        Poll::Ready(Ok(()))
    }
}
