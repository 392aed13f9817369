//! A connection's socket, with TLS or without.

use std::{
    io::{self, ErrorKind, IoSlice, Read, Write},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::transport::tls::TlsSession;

/// The most bytes that a client may send behind its request for a stream, where they have to be read to see its end.
const MAX_IGNORED: usize = 64 << 10;

/// A socket, with TLS or without.
#[derive(Debug)]
pub(super) struct Socket {
    tcp: TcpStream,
    tls: Option<Box<TlsSession>>,
    /// The bytes that the client sent and nobody asked for, of those that are encrypted.
    ignored: usize,
}

/// A socket of tokio's for those who know nothing of tasks: what is not ready would block, and the task is woken when it is.
pub(super) struct Blocking<'a, 'b>(pub(super) &'a mut TcpStream, pub(super) &'a mut Context<'b>);

impl Read for Blocking<'_, '_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(bytes);
        match Pin::new(&mut *self.0).poll_read(self.1, &mut buf) {
            Poll::Ready(read) => read.map(|()| buf.filled().len()),
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Blocking<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match Pin::new(&mut *self.0).poll_write(self.1, bytes) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The outcome of something that is tried until it is done or would block.
pub(super) fn polled<T>(mut attempt: impl FnMut() -> io::Result<T>) -> Poll<io::Result<T>> {
    loop {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return Poll::Ready(done),
        }
    }
}

impl Socket {
    pub(super) const fn new(tcp: TcpStream, tls: Option<Box<TlsSession>>) -> Self {
        Self { tcp, tls, ignored: 0 }
    }

    pub(super) const fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Returns true if something that was written is held back, since the socket below does not take it.
    pub(super) fn holds_back(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.held_back() > 0)
    }

    /// The socket below all protocols.
    pub(super) const fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// The socket below all protocols, and what encrypts between it and what is written.
    pub(super) fn into_parts(self) -> (TcpStream, Option<Box<TlsSession>>) {
        (self.tcp, self.tls)
    }

    /// Fails if the peer has ended its side. Else the task is woken when it does, unless the peer sends what nobody asked for:
    /// then perhaps only a write shows its end.
    pub(super) fn check_peer(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.tls.is_none() {
            let mut byte = [0];
            return match self.tcp.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
                Poll::Ready(Ok(0)) => Err(ErrorKind::UnexpectedEof.into()),
                Poll::Ready(Err(error)) => Err(error),
                Poll::Ready(Ok(_)) | Poll::Pending => Ok(()),
            };
        }
        // The end is within what is encrypted: it shows only to who reads.
        loop {
            let mut bytes = [0; 512];
            let mut buf = ReadBuf::new(&mut bytes);
            match Pin::new(&mut *self).poll_read(cx, &mut buf) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(())) if buf.filled().is_empty() => return Err(ErrorKind::UnexpectedEof.into()),
                Poll::Ready(Ok(())) => {
                    self.ignored += buf.filled().len();
                    if self.ignored > MAX_IGNORED {
                        return Err(io::Error::other("a stream's client sends without end"));
                    }
                }
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { tcp, tls, .. } = &mut *self;
        let Some(tls) = tls else { return Pin::new(tcp).poll_read(cx, buf) };
        let read = polled(|| tls.read(&mut Blocking(tcp, cx), buf.initialize_unfilled()));
        read.map_ok(|count| buf.advance(count))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Self { tcp, tls, .. } = &mut *self;
        let Some(tls) = tls else { return Pin::new(tcp).poll_write(cx, buf) };
        polled(|| tls.write(&mut Blocking(tcp, cx), buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { tcp, tls, .. } = &mut *self;
        let Some(tls) = tls else { return Pin::new(tcp).poll_write_vectored(cx, bufs) };
        polled(|| tls.write_vectored(&mut Blocking(tcp, cx), bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { tcp, tls, .. } = &mut *self;
        let Some(tls) = tls else { return Pin::new(tcp).poll_flush(cx) };
        polled(|| tls.flush(&mut Blocking(tcp, cx)))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { tcp, tls, .. } = &mut *self;
        if let Some(tls) = tls {
            std::task::ready!(polled(|| tls.end(&mut Blocking(tcp, cx))))?;
        }
        Pin::new(tcp).poll_shutdown(cx)
    }
}
