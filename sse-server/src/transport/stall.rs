//! Watching over the writes to a socket that a library drives: hyper, or h2.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

use crate::{
    base::{
        pinned::Pin as Pinning,
        unacknowledged::{SystemSocket, extend_user_timeout, has_taken, unacknowledged},
    },
    hub::Hub,
};

/// Counts a connection while its socket accepts nothing, with what is kept for it, and fails its writes if its peer
/// takes nothing for too long, or if too much is kept for all such peers.
#[derive(Debug)]
pub(crate) struct Stall {
    hub: Hub,
    /// Whether what waits to be written is counted here; else whoever gave it to the library counts it.
    counts_bytes: bool,
    /// The size of the library's buffer, by the most that has waited in it: it doubles as it grows, and does not shrink.
    buffer: usize,
    stalled: Option<Box<Stalled>>,
}

#[derive(Debug)]
struct Stalled {
    /// The unacknowledged bytes when the peer was last seen to take some, where they are known.
    unacknowledged: Option<usize>,
    /// Fires when the peer has taken nothing for too long.
    timer: Pin<Box<Sleep>>,
    pin: Option<Pinning>,
}

impl Stall {
    pub(crate) const fn new(hub: Hub) -> Self {
        Self { hub, counts_bytes: true, buffer: 0, stalled: None }
    }

    /// Leaves it to others to count what waits to be written.
    pub(crate) fn leave_counting(&mut self) {
        self.counts_bytes = false;
        if let Some(stalled) = &mut self.stalled {
            stalled.pin = None;
        }
    }

    /// Notes the outcome of a write of `waiting` bytes to `socket`, and returns it; or an error if the connection has
    /// to end.
    pub(crate) fn note<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        waiting: usize,
        socket: &impl SystemSocket,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.end();
            return written;
        }
        let limit = self.hub.config().stream.write_stall;
        if self.buffer == 0 && self.stalled.is_none() {
            extend_user_timeout(socket, self.hub.config().stream.user_timeout()); // it has never stalled before
        }
        let grows = waiting > self.buffer;
        if grows {
            self.buffer = waiting.next_power_of_two();
        }
        let begins = self.stalled.is_none();
        let stalled = self.stalled.get_or_insert_with(|| {
            self.hub.metrics().stalled_connections.inc();
            Box::new(Stalled::new(unacknowledged(socket), limit))
        });
        if grows || begins {
            stalled.pin = self.counts_bytes.then(|| self.hub.pinned().pin_copy(self.buffer));
            if self.hub.pinned().is_over() {
                return self.cut("more is kept for clients that take nothing than limits.pinned_bytes allows");
            }
        }
        if stalled.is_over(|| unacknowledged(socket), limit, cx) {
            return self.cut("the client took nothing for stream.write_stall");
        }
        Poll::Pending
    }

    fn cut<T>(&mut self, why: &'static str) -> Poll<io::Result<T>> {
        self.end();
        self.hub.metrics().cut_off.inc();
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)))
    }

    fn end(&mut self) {
        if self.stalled.take().is_some() {
            self.hub.metrics().stalled_connections.dec();
        }
    }
}

impl Drop for Stall {
    fn drop(&mut self) {
        self.end();
    }
}

impl Stalled {
    fn new(unacknowledged: Option<usize>, limit: Duration) -> Self {
        Self { unacknowledged, timer: Box::pin(sleep(limit)), pin: None }
    }

    /// Returns true if the peer has taken nothing for `limit`.
    fn is_over(&mut self, left: impl Fn() -> Option<usize>, limit: Duration, cx: &mut Context<'_>) -> bool {
        while self.timer.as_mut().poll(cx).is_ready() {
            let left = left();
            if !has_taken(self.unacknowledged, left) {
                return true;
            }
            self.unacknowledged = left;
            let again = Instant::now() + limit;
            self.timer.as_mut().reset(again);
        }
        false
    }
}
