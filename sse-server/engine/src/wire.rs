//! The hub's own events, as bytes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use sse_core::hub::{COMMENT_HEARTBEAT, Cursor, Drain, DrainReason, Position};

use crate::Gap;

/// What a stream opens with: the gap if there is one, else the cursor, with the reconnection time.
pub(crate) fn opening(retry: Duration, position: Position, told: Option<&Gap>) -> Bytes {
    match told {
        Some(gap) => encode(|bytes| told_as(gap).encode(gap.position, Some(retry), bytes)),
        None => encode(|bytes| Cursor::new().encode(position, Some(retry), bytes)),
    }
}

/// The position through which a subscriber has been served.
pub(crate) fn cursor(position: Position) -> Bytes {
    encode(|bytes| Cursor::new().encode(position, None, bytes))
}

/// Something that matches may have been lost.
pub(crate) fn gap(gap: &Gap) -> Bytes {
    encode(|bytes| told_as(gap).encode(gap.position, None, bytes))
}

/// The hub ends the stream: come back after the reconnection time.
pub(crate) fn drain(retry: Duration, position: Position, reason: DrainReason) -> Bytes {
    encode(|bytes| Drain::new(reason).encode(Some(position), Some(retry), bytes))
}

/// The whole body for a stream that is turned away: without an ID, so that the client keeps its own.
pub fn turned_away(retry: Duration, reason: DrainReason) -> Bytes {
    encode(|bytes| Drain::new(reason).encode(None, Some(retry), bytes))
}

/// A heartbeat for clients that ask for comments.
pub(crate) const fn comment() -> Bytes {
    Bytes::from_static(COMMENT_HEARTBEAT)
}

fn told_as(gap: &Gap) -> sse_core::hub::Gap {
    sse_core::hub::Gap::new(gap.reason, gap.requested.as_str(), gap.first.map(Position::id))
}

fn encode(event: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut bytes = BytesMut::new();
    event(&mut bytes);
    bytes.freeze()
}
