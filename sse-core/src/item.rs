//! What a parser hands out.

use core::time::Duration;

use crate::{Event, EventId, EventName, Limit};

/// Something that is complete in the stream, borrowed for the duration of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item<'a> {
    /// An event was dispatched.
    Event(EventRef<'a>),
    /// The reconnection time was set. It takes effect at once, even if its block is then dropped or discarded.
    Retry(Duration),
    /// A comment line, without its colon and one leading space.
    Comment(&'a str),
    /// A block exceeded one of the [`Limits`](crate::Limits) and dispatches nothing. Its ID is committed all the same,
    /// unless the ID itself, or its line, was too long.
    Dropped(Limit),
    /// A block is not UTF-8, and the parser is [strict](crate::Parser::strict): it dispatches nothing.
    NotUtf8(NotUtf8),
}

/// Where a stream is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NotUtf8 {
    /// The part of the block that is not UTF-8.
    pub part: BlockPart,
    /// The number of bytes of that part's value before the first invalid one.
    pub valid_up_to: usize,
}

/// A part of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BlockPart {
    /// The event's name.
    Name,
    /// The data, its lines joined by LF.
    Data,
    /// The event ID, which is not committed.
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

    /// The last event ID when the event was dispatched: its own, or that of an earlier event; empty if there was none.
    #[must_use]
    pub const fn id(&self) -> &'a str {
        self.id
    }

    /// An owned copy. A last event ID that is not empty becomes the event's own.
    #[must_use]
    pub fn to_event(&self) -> Event {
        // the parser gives no name with CR or LF and no ID with NUL, so neither is checked again
        Event {
            comment: None,
            name: (self.name != "message").then(|| EventName::trusted(self.name.into())),
            id: (!self.id.is_empty()).then(|| EventId::trusted(self.id.into())),
            retry: None,
            data: Some(self.data.into()),
        }
    }
}
