//! `sse-cursor`.

use alloc::string::String;
use core::time::Duration;

use bytes::BufMut;
use serde::{Deserialize, Serialize};

use super::{Position, names, write::encode};
use crate::EventName;

const NAME: EventName = EventName::from_static(names::event::CURSOR);

/// How far a subscriber has been served (`sse-cursor`): when a stream opens, and as its heartbeat. The position is the
/// event's ID.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cursor {
    /// The name of the stream at its hub, if the hub has access control: what allows the stream can be renewed under it.
    pub stream: Option<String>,
}

impl Cursor {
    /// A cursor of a stream without a name.
    #[must_use]
    pub const fn new() -> Self {
        Self { stream: None }
    }

    /// A cursor of the stream that has this name.
    ///
    /// ```
    /// use sse_core::hub::{Cursor, Epoch, Position};
    ///
    /// let mut wire = Vec::new();
    /// Cursor::of("s1").encode(Position::new(Epoch::new(7), 41), None, &mut wire);
    /// assert_eq!(wire, b"event: sse-cursor\nid: 000000000007-00000000019\ndata: {\"stream\":\"s1\"}\n\n");
    /// ```
    #[must_use]
    pub fn of(stream: impl Into<String>) -> Self {
        Self { stream: Some(stream.into()) }
    }

    /// Appends the event as one block: `position` is its ID, `retry` the reconnection time, where it is to be set.
    pub fn encode(&self, position: Position, retry: Option<Duration>, buf: &mut impl BufMut) {
        #[derive(Serialize)]
        struct Data<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            stream: Option<&'a str>,
        }
        encode(NAME, Some(position), retry, &Data { stream: self.stream.as_deref() }, buf);
    }

    /// Reads the event's data. What doesn't read is a cursor of a stream without a name.
    #[must_use]
    pub fn decode(data: &str) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Data {
            stream: Option<String>,
        }
        let Data { stream } = serde_json::from_str(data).unwrap_or_default();
        Self { stream }
    }
}
