//! How much a peer can make the parser keep.

use core::fmt;

/// How much of a stream the parser keeps in memory for one event. All sizes are in bytes as received, before invalid
/// UTF-8 is replaced. Buffers grow by doubling, so a connection holds at most twice the sum of [`line`](Self::line) and
/// [`event`](Self::event), 16 MiB by default, and half a megabyte between events.
///
/// A block that exceeds a limit dispatches nothing and is reported as [`Item::Dropped`](crate::Item::Dropped). Its ID
/// is committed all the same, or a client would ask for the same event for ever, and parsing continues after its blank
/// line. What is dropped does not depend on how the input is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Limits {
    /// One line, without its end. Default 4 MiB: as large as a JSON document that one would still send as an event.
    /// With a limit below 6 bytes the field of a longer line can't be recognized, so it may be dropped without a
    /// report.
    pub line: usize,
    /// The data of one event, its lines joined by LF. Default 4 MiB, for the same reason.
    pub event: usize,
    /// An event ID. Default 1 KiB: it is sent back in a request header, and servers refuse long ones.
    pub id: usize,
    /// An event name. Default 1 KiB: names are picked by hand.
    pub name: usize,
}

impl Limits {
    /// Limits of `line` bytes for a line and `event` bytes for the data of an event; the others are the defaults.
    #[must_use]
    pub fn new(line: usize, event: usize) -> Self {
        Self { line, event, ..Self::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 4 << 20, event: 4 << 20, id: 1 << 10, name: 1 << 10 }
    }
}

/// Which of the [`Limits`] a block exceeded first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// A line was too long.
    Line,
    /// The data was too long.
    Event,
    /// The event ID was too long; it is not committed.
    Id,
    /// The event name was too long.
    Name,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Line => "a line is too long",
            Self::Event => "the data is too long",
            Self::Id => "the event ID is too long",
            Self::Name => "the event name is too long",
        })
    }
}
