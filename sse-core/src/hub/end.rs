//! `sse-end`.

use alloc::{string::String, vec::Vec};
use core::time::Duration;

use bytes::BufMut;
use serde::{Deserialize, Serialize};

use super::{Position, names, write::encode};
use crate::{EventName, Text};

const NAME: EventName = EventName::from_static(names::event::END);

/// The end of all topics of a stream (`sse-end`): the client has had everything, and is not to connect again.
///
/// ```
/// use sse_core::hub::{End, Epoch, Position};
///
/// let last = Position::new(Epoch::new(7), 4);
/// let mut wire = Vec::new();
/// End::new(["runs/42"]).encode(last, None, &mut wire);
/// assert_eq!(wire, b"event: sse-end\nid: 000000000007-00000000004\ndata: {\"topics\":[\"runs/42\"]}\n\n");
/// assert_eq!(End::decode(r#"{"topics":["runs/42"]}"#), End::new(["runs/42"]));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct End {
    /// The topics.
    pub topics: Vec<Text>,
}

impl End {
    /// The end of these topics.
    #[must_use]
    pub fn new<T: Into<Text>>(topics: impl IntoIterator<Item = T>) -> Self {
        Self { topics: topics.into_iter().map(Into::into).collect() }
    }

    /// Appends the event as one block: `position`, through which the subscriber has been served, is its ID, and `retry`
    /// the reconnection time, where it is to be set.
    pub fn encode(&self, position: Position, retry: Option<Duration>, buf: &mut impl BufMut) {
        #[derive(Serialize)]
        struct Data<'a> {
            topics: Vec<&'a str>,
        }
        let topics = self.topics.iter().map(|topic| &**topic).collect();
        encode(NAME, Some(position), retry, &Data { topics }, buf);
    }

    /// Reads the event's data. What doesn't read is an end all the same, of topics that are not known.
    #[must_use]
    pub fn decode(data: &str) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Data {
            topics: Vec<String>,
        }
        let Data { topics } = serde_json::from_str(data).unwrap_or_default();
        Self::new(topics)
    }
}
