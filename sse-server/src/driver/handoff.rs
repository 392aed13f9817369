//! How a connection is taken out of hyper: what the routes leave for it, and how it is known that the head is out.
//!
//! ```text
//!  connection ── slot in the request's extensions ──▶ route
//!      ▲                                                │ stream, and a body without end
//!      └── head encoded (the body is polled), then flushed ◀──┘
//! ```

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::Stream;

use super::body::Heartbeat;
use crate::{handle::Subscriber, hub::Opening};

const NONE: u8 = 0;
const LEFT: u8 = 1;
const ENCODED: u8 = 2;
const SENT: u8 = 3;

/// A slot of one connection, in which a route leaves the stream that is to go on without hyper.
#[derive(Debug, Clone, Default)]
pub(crate) struct Handoff(Arc<Slot>);

#[derive(Debug, Default)]
struct Slot {
    stage: AtomicU8,
    stream: Mutex<Option<Handed>>,
}

/// A stream to be carried on.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) subscriber: Subscriber,
    pub(crate) opening: Opening,
    pub(crate) heartbeat: Heartbeat,
}

impl Handoff {
    /// Leaves a stream, and gives the body for hyper: it sends nothing and does not end.
    pub(crate) fn leave(&self, stream: Handed) -> Silence {
        *self.stream() = Some(stream);
        self.0.stage.store(LEFT, Ordering::Relaxed);
        Silence(self.clone())
    }

    /// The connection's writes have all reached the socket.
    pub(crate) fn flushed(&self) {
        let _ = self.0.stage.compare_exchange(ENCODED, SENT, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether the head is out and the connection can be taken.
    pub(crate) fn is_sent(&self) -> bool {
        self.0.stage.load(Ordering::Relaxed) == SENT
    }

    /// The stream, if one was left.
    pub(crate) fn take(&self) -> Option<Handed> {
        self.0.stage.store(NONE, Ordering::Relaxed);
        self.stream().take()
    }

    fn stream(&self) -> std::sync::MutexGuard<'_, Option<Handed>> {
        self.0.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of a response whose connection is to be taken. Hyper asks for it when the head is encoded.
#[derive(Debug)]
pub(crate) struct Silence(Handoff);

impl Stream for Silence {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let _ = self.0.0.stage.compare_exchange(LEFT, ENCODED, Ordering::Relaxed, Ordering::Relaxed);
        Poll::Pending
    }
}
