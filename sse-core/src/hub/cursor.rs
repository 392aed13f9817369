//! `sse-cursor`.

use core::time::Duration;

use bytes::BufMut;
use serde::Serialize;

use super::{Position, names, write::encode};
use crate::EventName;

const NAME: EventName = EventName::from_static(names::event::CURSOR);

/// How far a subscriber has been served (`sse-cursor`): when a stream opens, and as its heartbeat. The position is the
/// event's ID.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cursor {}

impl Cursor {
    /// A cursor.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }

    /// Appends the event as one block: `position` is its ID, `retry` the reconnection time, where it is to be set.
    pub fn encode(&self, position: Position, retry: Option<Duration>, buf: &mut impl BufMut) {
        #[derive(Serialize)]
        struct Data {}
        encode(NAME, Some(position), retry, &Data {}, buf);
    }

    /// Reads the event's data, of which nothing is needed.
    #[must_use]
    pub const fn decode(_data: &str) -> Self {
        Self {}
    }
}
