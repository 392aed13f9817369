//! Events that wait for a reader to take them one at a time.

use alloc::collections::VecDeque;

use bytes::Bytes;

use crate::{Event, Parser};

/// How many bytes of a chunk are read at once. It bounds how many events wait: 2,730 of the shortest.
pub(crate) const AT_ONCE: usize = 16 << 10;

/// The number of events for which room is kept.
const KEPT: usize = 64;

/// A parser, and the events that it has read but nobody has taken.
#[derive(Debug, Default)]
pub(crate) struct EventQueue {
    pub(crate) parser: Parser,
    events: VecDeque<Event>,
}

impl EventQueue {
    pub(crate) const fn new(parser: Parser) -> Self {
        Self { parser, events: VecDeque::new() }
    }

    /// The next event. `more(n)` returns at most `n` bytes that have not been read yet, or `None` if there are none.
    pub(crate) fn next(&mut self, mut more: impl FnMut(usize) -> Option<Bytes>) -> Option<Event> {
        while self.events.is_empty() {
            let chunk = more(AT_ONCE)?;
            let Self { parser, events } = self;
            parser.feed_bytes(&chunk, |event| events.push_back(event));
        }
        let event = self.events.pop_front();
        if self.events.is_empty() {
            self.events.shrink_to(KEPT);
        }
        event
    }
}
