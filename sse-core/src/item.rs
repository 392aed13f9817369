//! What a parser hands out.

use core::time::Duration;

use crate::{Event, EventId, EventName, Limit};

/// Something whole in the stream, lent for the time of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item<'a> {
    /// An event was dispatched.
    Event(EventRef<'a>),
    /// The reconnection time was set. In force at once, whatever becomes of the block it stands in.
    Retry(Duration),
    /// A comment line, without its colon and one leading space.
    Comment(&'a str),
    /// A block went over one of the [`Limits`](crate::Limits): it dispatches nothing. Its ID is committed, unless it
    /// is the ID, or its line, that was too long.
    Dropped(Limit),
    /// A block that is not UTF-8, where the parser is [strict](crate::Parser::strict): it dispatches nothing.
    NotUtf8(NotUtf8),
}

/// Where a stream is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NotUtf8 {
    /// The part of the block.
    pub place: Place,
    /// How many bytes of that part's value are valid before the first that are not.
    pub valid_up_to: usize,
}

/// A part of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// The event's name.
    Name,
    /// The data, its lines joined by LF.
    Data,
    /// The event ID; it is not committed.
    Id,
}

/// An event that was dispatched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRef<'a> {
    pub(crate) name: &'a str,
    pub(crate) data: &'a str,
    pub(crate) id: &'a str,
}

impl<'a> EventRef<'a> {
    /// The event's name; `message` if the stream gave none.
    #[must_use]
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// The data, its lines joined by LF.
    #[must_use]
    pub const fn data(&self) -> &'a str {
        self.data
    }

    /// The last event ID when the event was dispatched: its own, or that of an event before it; empty if there was
    /// none.
    #[must_use]
    pub const fn id(&self) -> &'a str {
        self.id
    }

    /// A copy to keep. The last event ID becomes the event's own, if it is not empty.
    #[must_use]
    pub fn to_event(&self) -> Event {
        // A name without CR and LF and an ID without NUL are what the parser gives, so they are not checked again.
        Event {
            comment: None,
            name: (self.name != "message").then(|| EventName::trusted(self.name.into())),
            id: (!self.id.is_empty()).then(|| EventId::trusted(self.id.into())),
            retry: None,
            data: Some(self.data.into()),
        }
    }
}
