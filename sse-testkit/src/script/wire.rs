//! A socket under hyper that reports when it has taken what was written, and that can be reset.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::answer::OnTaken;

/// The link between a body and the socket that it is written to.
#[derive(Debug, Default)]
pub(super) struct SocketLink {
    /// The signal for what the body yielded last. The script sends nothing more before it is taken, so there is at most
    /// one.
    taken: Mutex<Option<OnTaken>>,
    reset: AtomicBool,
}

impl SocketLink {
    /// Sets the signal for what is yielded next, which counts as taken once hyper has flushed everything.
    pub(super) fn when_flushed(&self, taken: OnTaken) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = Some(taken);
    }

    /// Makes the socket close with a reset.
    pub(super) fn reset(&self) {
        self.reset.store(true, Ordering::Relaxed);
    }

    fn flushed(&self) {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(taken) = taken {
            let _ = taken.send(());
        }
    }
}

/// The socket. The task that reads and writes it drops it.
#[derive(Debug)]
pub(super) struct Wire {
    socket: TokioIo<TcpStream>,
    link: Arc<SocketLink>,
}

impl Wire {
    pub(super) fn new(socket: TcpStream, link: Arc<SocketLink>) -> Self {
        Self { socket: TokioIo::new(socket), link }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.link.reset.load(Ordering::Relaxed) {
            // if the system refuses, the client sees a close
            let _ = self.socket.inner().set_zero_linger();
        }
    }
}

impl Read for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    /// Called by hyper when it has nothing left to write.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
        self.link.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }
}
