//! `sse-drain`.

use alloc::string::String;
use core::time::Duration;

use bytes::BufMut;
use serde::{Deserialize, Serialize};

use super::{Position, names, reason::reasons, write::encode};
use crate::EventName;

const NAME: EventName = EventName::from_static(names::event::DRAIN);

/// The end of a stream, announced (`sse-drain`): the client is to connect again and to go on where it was.
///
/// A stream that the hub can't serve at all is this one event, without an ID:
///
/// ```
/// use core::time::Duration;
/// use sse_core::hub::{Drain, DrainReason};
///
/// let mut wire = Vec::new();
/// Drain::new(DrainReason::Busy).encode(None, Some(Duration::from_secs(5)), &mut wire);
/// assert_eq!(wire, b"event: sse-drain\nretry: 5000\ndata: {\"reason\":\"busy\"}\n\n");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drain {
    /// Why the stream ends.
    pub reason: DrainReason,
}

reasons! {
    /// Why a hub ends a stream.
    ///
    /// ```
    /// use sse_core::hub::DrainReason;
    ///
    /// assert_eq!(DrainReason::from_word("age"), DrainReason::Age);
    /// assert_eq!(DrainReason::from_word("eclipse"), DrainReason::Other);
    /// ```
    pub enum DrainReason {
        /// The hub shuts down.
        Shutdown = "shutdown",
        /// The stream has lasted as long as one may.
        Age = "age",
        /// The subscriber was too slow.
        Lag = "lag",
        /// The hub has as many streams as it takes.
        Busy = "busy",
        /// What allowed the stream has expired.
        Expired = "expired",
        /// What allowed the stream was withdrawn.
        Revoked = "revoked",
        /// The hub's store can't go on.
        Store = "store",
        ..
        /// A reason that this version doesn't know.
        Other = "other",
    }
}

impl Drain {
    /// The end of a stream for this reason.
    #[must_use]
    pub const fn new(reason: DrainReason) -> Self {
        Self { reason }
    }

    /// Appends the event as one block: `position`, through which the subscriber has been served, is its ID, and `retry`
    /// is the reconnection time, where it is to be set.
    pub fn encode(&self, position: Option<Position>, retry: Option<Duration>, buf: &mut impl BufMut) {
        #[derive(Serialize)]
        struct Data {
            reason: &'static str,
        }
        encode(NAME, position, retry, &Data { reason: self.reason.as_str() }, buf);
    }

    /// Reads the event's data. What doesn't read is an end all the same, for [`DrainReason::Other`].
    #[must_use]
    pub fn decode(data: &str) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Data {
            reason: String,
        }
        let Data { reason } = serde_json::from_str(data).unwrap_or_default();
        Self::new(DrainReason::from_word(&reason))
    }
}
