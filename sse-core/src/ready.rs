//! Events on their way out, where a reader takes them one at a time.

use alloc::collections::VecDeque;

use bytes::Bytes;

use crate::{Event, Parser};

/// How much of a piece is read at once: it bounds how many events wait, 2,730 of the shortest.
pub(crate) const AT_ONCE: usize = 16 << 10;

/// For how many events room is kept.
const KEPT: usize = 64;

/// A parser, and the events that it has read and nobody has taken.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    pub(crate) parser: Parser,
    events: VecDeque<Event>,
}

impl Ready {
    pub(crate) const fn new(parser: Parser) -> Self {
        Self { parser, events: VecDeque::new() }
    }

    /// The next event; `more` gives at most so many bytes that are not read yet.
    pub(crate) fn next(&mut self, mut more: impl FnMut(usize) -> Option<Bytes>) -> Option<Event> {
        while self.events.is_empty() {
            let piece = more(AT_ONCE)?;
            let Self { parser, events } = self;
            parser.feed_bytes(&piece, |event| events.push_back(event));
        }
        let event = self.events.pop_front();
        if self.events.is_empty() {
            self.events.shrink_to(KEPT);
        }
        event
    }
}
