//! Taking a connection over from hyper: the route leaves a stream for it, and it is taken once the head is flushed.
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
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::Stream;
use sse_engine::{Control, Cursor, Opening};

use crate::{base::lock::Slot, hub::Subscriber};

const NONE: u8 = 0;
const LEFT: u8 = 1;
const ENCODED: u8 = 2;
const SENT: u8 = 3;

/// A slot of one connection, in which a route leaves the stream to continue without hyper.
#[derive(Debug, Clone, Default)]
pub(crate) struct Takeover(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    stage: AtomicU8,
    stream: Slot<Option<TakenStream>>,
}

/// A stream to continue on the taken connection.
#[derive(Debug)]
pub(crate) struct TakenStream {
    pub(crate) subscriber: Subscriber,
    pub(crate) cursor: Cursor,
    pub(crate) opening: Opening,
    pub(crate) control: Control,
}

impl Takeover {
    /// Leaves a stream, and returns the body for hyper, which sends nothing and does not end.
    pub(crate) fn put(&self, stream: TakenStream) -> PendingBody {
        self.0.stream.replace(Some(stream));
        self.0.stage.store(LEFT, Ordering::Relaxed);
        PendingBody(self.clone())
    }

    /// Records that all writes of the connection have been flushed.
    pub(crate) fn flushed(&self) {
        let _ = self.0.stage.compare_exchange(ENCODED, SENT, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Returns true if the head is sent and the connection can be taken over.
    pub(crate) fn is_sent(&self) -> bool {
        self.0.stage.load(Ordering::Relaxed) == SENT
    }

    /// The stream, if one was left.
    pub(crate) fn take(&self) -> Option<TakenStream> {
        self.0.stage.store(NONE, Ordering::Relaxed);
        self.0.stream.replace(None)
    }
}

/// The body of a response whose connection is being taken over. Hyper polls it once the head is encoded.
#[derive(Debug)]
pub(crate) struct PendingBody(Takeover);

impl Stream for PendingBody {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let _ = self.0.0.stage.compare_exchange(LEFT, ENCODED, Ordering::Relaxed, Ordering::Relaxed);
        Poll::Pending
    }
}
