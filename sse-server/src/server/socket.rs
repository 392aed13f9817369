//! Sockets as the HTTP library gets them.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use prometheus_client::metrics::gauge::Gauge;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::transport::takeover::Takeover;

/// A socket that counts itself while its peer takes nothing, and tells when what was written has left.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) stream: TcpStream,
    stall: Stall,
    takeover: Option<Takeover>,
}

impl Watched {
    pub(super) const fn new(stream: TcpStream, stalled_connections: Gauge, takeover: Option<Takeover>) -> Self {
        Self { stream, stall: Stall::new(stalled_connections), takeover }
    }
}

/// Counts a connection while it is stalled.
#[derive(Debug)]
struct Stall {
    stalled: bool,
    stalled_connections: Gauge,
}

impl Stall {
    const fn new(stalled_connections: Gauge) -> Self {
        Self { stalled: false, stalled_connections }
    }

    fn note<T>(&mut self, written: Poll<T>) -> Poll<T> {
        let stalled = written.is_pending();
        if stalled != self.stalled {
            self.stalled = stalled;
            if stalled {
                self.stalled_connections.inc()
            } else {
                self.stalled_connections.dec()
            };
        }
        written
    }
}

impl Drop for Stall {
    fn drop(&mut self) {
        if self.stalled {
            self.stalled_connections.dec();
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
        self.stall.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.stall.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        // hyper flushes when it has written all that it had
        if let Some(takeover) = &self.takeover {
            takeover.flushed();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        Poll::Ready(Ok(()))
    }
}

/// A socket whose first bytes were read already.
#[derive(Debug)]
pub(super) struct Rewound {
    read: Bytes,
    io: Watched,
}

impl Rewound {
    pub(super) const fn new(read: Bytes, io: Watched) -> Self {
        Self { read, io }
    }
}

impl AsyncRead for Rewound {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let count = self.read.len().min(buf.remaining());
        buf.put_slice(&self.read[..count]);
        self.read.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
