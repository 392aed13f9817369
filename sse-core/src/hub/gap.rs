//! `sse-gap`.

use alloc::string::String;
use core::time::Duration;

use bytes::BufMut;
use serde::{Deserialize, Serialize};

use super::{
    Position, names,
    reason::reasons,
    write::{encode, prefix},
};
use crate::{EventId, EventName, Text};

const NAME: EventName = EventName::from_static(names::event::GAP);

/// The longest part of [`Gap::requested`] that is sent: what a client asked for is not sent back without end.
const MAX_REQUESTED_BYTES: usize = 256;

/// A place in a stream where events may be missing (`sse-gap`).
///
/// ```
/// use sse_core::hub::{Epoch, Gap, GapReason, Position};
///
/// let [before, first] = [3, 4].map(|seq| Position::new(Epoch::new(7), seq));
/// let gap = Gap::new(GapReason::Epoch, "an id of old", Some(first.id()));
/// let mut wire = Vec::new();
/// gap.encode(before, None, &mut wire);
/// let data = r#"{"reason":"epoch","requested":"an id of old","first":"000000000007-00000000004"}"#;
/// assert_eq!(wire, format!("event: sse-gap\nid: 000000000007-00000000003\ndata: {data}\n\n").into_bytes());
/// assert_eq!(Gap::decode(data), gap);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// Why events may be missing.
    pub reason: GapReason,
    /// The place that the subscriber asked for, as far as the hub repeats it.
    pub requested: Text,
    /// The ID of the first event after the gap, if there is one already.
    pub first: Option<EventId>,
}

reasons! {
    /// Why events may be missing from a stream.
    ///
    /// ```
    /// use sse_core::hub::GapReason;
    ///
    /// assert_eq!(GapReason::from_word("lagged"), GapReason::Lagged);
    /// assert_eq!(GapReason::from_word("eclipse"), GapReason::Other);
    /// ```
    pub enum GapReason {
        /// A matching event after the position is no longer retained.
        Trimmed = "trimmed",
        /// The position is of another incarnation of the log. All that this one retains follows.
        Epoch = "epoch",
        /// The hub never gave that ID. All that it retains follows.
        Unknown = "unknown",
        /// A crash took events that were acknowledged but not yet on the disk, or a part of the log can't be read.
        Lost = "lost",
        /// In the middle of a stream: the subscriber was too slow for the hub to keep its events.
        Lagged = "lagged",
        ..
        /// A reason that this version doesn't know.
        Other = "other",
    }
}

impl Gap {
    /// A gap.
    #[must_use]
    pub fn new(reason: GapReason, requested: impl Into<Text>, first: Option<EventId>) -> Self {
        Self { reason, requested: requested.into(), first }
    }

    /// Appends the event as one block: `position`, which is just before the first event that follows, is its ID,
    /// `retry` the reconnection time, where it is to be set. Of [`requested`](Self::requested) it sends at most the
    /// first 256 bytes.
    pub fn encode(&self, position: Position, retry: Option<Duration>, buf: &mut impl BufMut) {
        #[derive(Serialize)]
        struct Data<'a> {
            reason: &'a str,
            requested: &'a str,
            first: Option<&'a str>,
        }
        let data = Data {
            reason: self.reason.as_str(),
            requested: prefix(&self.requested, MAX_REQUESTED_BYTES),
            first: self.first.as_ref().map(EventId::as_str),
        };
        encode(NAME, Some(position), retry, &data, buf);
    }

    /// Reads the event's data. A gap that doesn't read is a gap all the same, for [`GapReason::Other`].
    #[must_use]
    pub fn decode(data: &str) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Data {
            reason: String,
            requested: String,
            first: Option<String>,
        }
        let Data { reason, requested, first } = serde_json::from_str(data).unwrap_or_default();
        Self::new(GapReason::from_word(&reason), requested, first.and_then(|id| EventId::new(id).ok()))
    }
}
