//! Sockets as hyper gets them.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use super::{frames::Frames, idle::HeadTimer, socket::Socket};
use crate::{
    hub::Hub,
    transport::{stall::Stall, takeover::Takeover},
};

/// What a client of HTTP/2 begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The most bytes that are read at once. hyper doubles its buffer whenever a read fills it, and keeps it while a body comes.
const READ: usize = (16 << 10) - 1;

/// A socket whose writes fail if its peer takes nothing for too long, and that reports when its writes have been flushed.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) stream: Socket,
    stall: Stall,
    takeover: Option<Takeover>,
    head: HeadTimer,
    /// What has come so far is the beginning of [`PREFACE`], of this length. It is held back until it is known which protocol
    /// it is. `None` once that is known.
    preface: Option<usize>,
    /// Whether the answer is a stream, which nobody reads any more when the peer has ended its side. hyper leaves an answer
    /// alone then.
    streaming: Arc<AtomicBool>,
}

impl Watched {
    pub(super) fn new(
        stream: Socket,
        hub: Hub,
        takeover: Option<Takeover>,
        head: HeadTimer,
        streaming: Arc<AtomicBool>,
    ) -> Self {
        Self { stream, stall: Stall::new(hub), takeover, head, preface: Some(0), streaming }
    }

    /// Notes the outcome of a write of `waiting` bytes, and returns it; or an error if the connection has to end. A write to TLS
    /// that the socket below has not taken is as one that is not done, but for who has written.
    fn note<T>(&mut self, written: Poll<io::Result<T>>, waiting: usize, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_pending() {
            self.check_peer(cx)?;
        } else if self.stream.holds_back() {
            self.check_peer(cx)?;
            let held: Poll<io::Result<()>> = self.stall.note(Poll::Pending, waiting, self.stream.tcp(), cx);
            return match held {
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                _ => written,
            };
        }
        self.stall.note(written, waiting, self.stream.tcp(), cx)
    }

    /// Fails if the answer is a stream and the peer has ended its side. Else the task is woken when it does.
    fn check_peer(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.streaming.load(Ordering::Relaxed) { self.stream.check_peer(cx) } else { Ok(()) }
    }

    fn poll_some(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.preface {
            Some(held) => self.poll_first(cx, buf, held),
            None => Pin::new(&mut self.stream).poll_read(cx, buf),
        }
    }

    /// Reads, and holds the beginning of a preface back.
    fn poll_first(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>, mut held: usize) -> Poll<io::Result<()>> {
        let start = buf.filled().len();
        if buf.remaining() < PREFACE.len() {
            self.preface = None;
            buf.put_slice(&PREFACE[..held.min(buf.remaining())]);
            return Poll::Ready(Ok(()));
        }
        buf.put_slice(&PREFACE[..held]);
        loop {
            let before = buf.filled().len();
            let read = Pin::new(&mut self.stream).poll_read(cx, buf);
            let bytes = &buf.filled()[start..];
            let ended = !matches!(read, Poll::Ready(Ok(()))) || buf.filled().len() == before;
            if read.is_ready() && (ended || bytes.len() >= PREFACE.len() || !PREFACE.starts_with(bytes)) {
                self.preface = None;
                return read;
            }
            held = bytes.len();
            self.preface = Some(held);
            if read.is_pending() {
                buf.set_filled(start);
                return Poll::Pending;
            }
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if buf.remaining() <= READ {
            ready!(self.poll_some(cx, buf))?;
        } else {
            let mut part = ReadBuf::new(buf.initialize_unfilled_to(READ));
            ready!(self.poll_some(cx, &mut part))?;
            let count = part.filled().len();
            buf.advance(count);
        }
        let more = buf.filled().len() - before;
        if more > 0 && !self.head.on_input(more) {
            return Poll::Ready(Err(io::Error::other("too many heads of requests are not whole")));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.note(written, buf.len(), cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.note(written, bufs.iter().map(|buf| buf.len()).sum(), cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if flushed.is_pending() || self.stream.is_tls() {
            ready!(self.note(flushed, 0, cx))?; // without TLS a flush says nothing of what the socket took
        } else {
            ready!(flushed)?;
        }
        // hyper flushes once it has written everything
        if let Some(takeover) = &self.takeover {
            takeover.flushed();
        }
        self.check_peer(cx)?;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        Poll::Ready(Ok(()))
    }
}

/// A socket whose first bytes have been read already.
#[derive(Debug)]
pub(super) struct Rewound {
    read: Bytes,
    io: Watched,
    frames: Frames,
}

impl Rewound {
    /// A socket for HTTP/2, which counts what waits to be written by itself.
    pub(super) fn new(read: Bytes, mut io: Watched) -> Self {
        io.stall.leave_counting();
        Self { read, io, frames: Frames::new(Instant::now()) }
    }
}

impl AsyncRead for Rewound {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if self.read.is_empty() {
            ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        } else {
            let count = self.read.len().min(buf.remaining());
            buf.put_slice(&self.read[..count]);
            self.read.advance(count);
        }
        let counted = self.frames.read(&buf.filled()[before..], Instant::now());
        Poll::Ready(counted.map_err(io::Error::other))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, buf))?;
        self.frames.wrote(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, bufs))?;
        self.frames.wrote(written);
        Poll::Ready(Ok(written))
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use prometheus_client::metrics::gauge::Gauge;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::{config::Config, server::idle::Limits};

    async fn pair() -> (TcpStream, Watched) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.set_nodelay(true).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let timer = HeadTimer::new(Limits::of(&Config::default().server), true, Gauge::default());
        (
            client,
            Watched::new(
                Socket::new(stream, None),
                Hub::new(Config::in_memory()).unwrap(),
                None,
                timer,
                Arc::default(),
            ),
        )
    }

    #[tokio::test]
    async fn the_beginning_of_a_preface_is_held_back_until_it_is_known_what_it_is() {
        for cut in 1..PREFACE.len() {
            for rest in [&PREFACE[cut..], b"?", b""] {
                let (mut client, mut watched) = pair().await;
                client.write_all(&PREFACE[..cut]).await.unwrap();
                watched.stream.tcp().readable().await.unwrap();
                let mut first = [0; 100];
                assert!(watched.read(&mut first).now_or_never().is_none(), "cut at {cut}");
                client.write_all(rest).await.unwrap();
                client.shutdown().await.unwrap();
                let mut all = Vec::new();
                watched.read_to_end(&mut all).await.unwrap();
                assert_eq!(all, [&PREFACE[..cut], rest].concat());
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_preface_is_read_at_once() {
        for text in ["G", "PO", "PRI * HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nand more"] {
            let (mut client, mut watched) = pair().await;
            client.write_all(text.as_bytes()).await.unwrap();
            let mut read = vec![0; 100];
            let count = watched.read(&mut read).await.unwrap();
            assert_eq!(&read[..count], text.as_bytes());
        }
    }
}
