//! A connection's socket, with TLS or without.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
#[cfg(feature = "tls")]
use tokio_rustls::server::TlsStream;

/// The most bytes that a client may send behind its request for a stream, where they have to be read to see its end.
#[cfg(feature = "tls")]
const MAX_IGNORED: usize = 64 << 10;

/// The most bytes that are encrypted before the socket takes them.
#[cfg(feature = "tls")]
const HELD_BACK: usize = 16 << 10;

/// A socket, with TLS or without.
#[derive(Debug)]
pub(super) enum Socket {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream<TcpStream>>, Ignored),
}

/// The bytes that a client sent and nobody asked for.
#[cfg(feature = "tls")]
#[derive(Debug, Default)]
pub(super) struct Ignored(usize);

impl Socket {
    #[cfg(feature = "tls")]
    pub(super) fn tls(mut stream: TlsStream<TcpStream>) -> Self {
        stream.get_mut().1.set_buffer_limit(Some(HELD_BACK));
        Self::Tls(Box::new(stream), Ignored::default())
    }

    pub(super) const fn is_tls(&self) -> bool {
        !matches!(self, Self::Plain(_))
    }

    /// Returns true if something that was written is held back, since the socket below does not take it.
    pub(super) fn holds_back(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls(stream, _) => stream.get_ref().1.wants_write(),
        }
    }

    /// The socket below all protocols.
    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            #[cfg(feature = "tls")]
            Self::Tls(stream, _) => stream.get_ref().0,
        }
    }

    /// The socket, if there is nothing between it and what is written.
    pub(super) fn into_plain(self) -> Option<TcpStream> {
        match self {
            Self::Plain(stream) => Some(stream),
            #[cfg(feature = "tls")]
            Self::Tls(..) => None,
        }
    }

    /// Fails if the peer has ended its side. Else the task is woken when it does, unless the peer sends what nobody asked for:
    /// then perhaps only a write shows its end.
    pub(super) fn check_peer(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self {
            Self::Plain(stream) => {
                let mut byte = [0];
                match stream.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
                    Poll::Ready(Ok(0)) => Err(io::ErrorKind::UnexpectedEof.into()),
                    Poll::Ready(Err(error)) => Err(error),
                    Poll::Ready(Ok(_)) | Poll::Pending => Ok(()),
                }
            }
            // The end is within what is encrypted: it shows only to who reads.
            #[cfg(feature = "tls")]
            Self::Tls(stream, ignored) => loop {
                let mut bytes = [0; 512];
                let mut buf = ReadBuf::new(&mut bytes);
                match Pin::new(&mut **stream).poll_read(cx, &mut buf) {
                    Poll::Pending => return Ok(()),
                    Poll::Ready(Err(error)) => return Err(error),
                    Poll::Ready(Ok(())) if buf.filled().is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Poll::Ready(Ok(())) => {
                        ignored.0 += buf.filled().len();
                        if ignored.0 > MAX_IGNORED {
                            return Err(io::Error::other("a stream's client sends without end"));
                        }
                    }
                }
            },
        }
    }
}

/// Calls the same of either socket.
macro_rules! either {
    ($self:ident, $method:ident($($argument:expr),*)) => {
        match $self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).$method($($argument),*),
            #[cfg(feature = "tls")]
            Socket::Tls(stream, _) => Pin::new(&mut **stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_read(cx, buf))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_shutdown(cx))
    }
}
