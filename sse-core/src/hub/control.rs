//! The hub's own events, read by their names.

use super::{Cursor, Drain, End, Gap, names};

/// One of the hub's own events.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlEvent {
    /// How far the subscriber has been served.
    Cursor(Cursor),
    /// Events may be missing here.
    Gap(Gap),
    /// The stream is about to end.
    Drain(Drain),
    /// All topics of the stream have ended.
    End(End),
}

impl ControlEvent {
    /// Reads an event by its name and data. Returns `None` if the name is not that of one of these events; whatever
    /// `data` is, an event of such a name is read.
    ///
    /// ```
    /// use sse_core::hub::{ControlEvent, Drain, DrainReason};
    ///
    /// let drain = ControlEvent::decode("sse-drain", r#"{"reason":"busy"}"#);
    /// assert_eq!(drain, Some(ControlEvent::Drain(Drain::new(DrainReason::Busy))));
    /// assert_eq!(ControlEvent::decode("sse-drain", "?"), Some(ControlEvent::Drain(Drain::new(DrainReason::Other))));
    /// assert_eq!(ControlEvent::decode("add", "{}"), None);
    /// ```
    #[must_use]
    pub fn decode(name: &str, data: &str) -> Option<Self> {
        match name {
            names::event::CURSOR => Some(Self::Cursor(Cursor::decode(data))),
            names::event::GAP => Some(Self::Gap(Gap::decode(data))),
            names::event::DRAIN => Some(Self::Drain(Drain::decode(data))),
            names::event::END => Some(Self::End(End::decode(data))),
            _ => None,
        }
    }
}
