//! The hub's own events, as bytes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use sse_core::hub::{COMMENT_HEARTBEAT, Cursor, Drain, DrainReason, End, Gap, Position};

use crate::{StreamName, Topic};

/// The first block of a stream: the gap if there is one, otherwise the cursor, with the reconnection time.
pub(crate) fn opening(retry: Duration, position: Position, gap: Option<&Gap>, stream: Option<StreamName>) -> Bytes {
    match gap {
        Some(gap) => encode(|bytes| gap.encode(position, Some(retry), bytes)),
        None => encode(|bytes| named(stream).encode(position, Some(retry), bytes)),
    }
}

/// An `sse-cursor` with the position served.
pub(crate) fn cursor(position: Position, stream: Option<StreamName>) -> Bytes {
    encode(|bytes| named(stream).encode(position, None, bytes))
}

fn named(stream: Option<StreamName>) -> Cursor {
    stream.map_or_else(Cursor::new, |name| Cursor::of(name.to_string()))
}

/// An `sse-gap` that ends at `position`: matching events before it may have been lost.
pub(crate) fn gap(position: Position, gap: &Gap) -> Bytes {
    encode(|bytes| gap.encode(position, None, bytes))
}

/// An `sse-drain`: the hub ends the stream, and the client returns after the reconnection time.
pub(crate) fn drain(retry: Duration, position: Position, reason: DrainReason) -> Bytes {
    encode(|bytes| Drain::new(reason).encode(Some(position), Some(retry), bytes))
}

/// An `sse-end`: all `topics` of the stream have ended, and the client is not to return.
pub(crate) fn end(position: Position, topics: &[Topic]) -> Bytes {
    encode(|bytes| End::new(topics.iter().map(Topic::as_str)).encode(position, None, bytes))
}

/// The whole body of a stream that is turned away. It has no ID, so the client keeps its own.
pub fn turned_away(retry: Duration, reason: DrainReason) -> Bytes {
    encode(|bytes| Drain::new(reason).encode(None, Some(retry), bytes))
}

/// A heartbeat as a comment.
pub(crate) const fn comment() -> Bytes {
    Bytes::from_static(COMMENT_HEARTBEAT)
}

fn encode(event: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut bytes = BytesMut::new();
    event(&mut bytes);
    bytes.freeze()
}
