//! When a connection is to be looked at next.

use std::{cmp::Reverse, collections::BinaryHeap};

use sse_engine::Millis;

/// How many entries of connections that are gone may lie between the others before they are taken out.
const SPARE: usize = 1024;

/// A connection's place in the slab, with how often the place was used: it tells a connection from a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) index: u32,
    pub(super) use_count: u32,
}

/// One entry that counts for each connection, at the time when it was last known to be due or before. A connection that
/// has become due later is entered anew when its entry comes up, so a write moves nothing; one that has become due
/// earlier is entered once more, and remembers which entry counts.
#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(Millis, Id)>>);

impl Timers {
    pub(super) fn set(&mut self, due: Millis, id: Id) {
        self.0.push(Reverse((due, id)));
    }

    pub(super) fn next(&self) -> Option<Millis> {
        self.0.peek().map(|Reverse((due, _))| *due)
    }

    /// An entry that has come up.
    pub(super) fn pop(&mut self, now: Millis) -> Option<(Millis, Id)> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }

    /// Whether it is worth to [`replace`](Self::replace) the entries: many are of connections that are gone.
    pub(super) fn is_crowded(&self, connections: usize) -> bool {
        self.0.len() > 2 * connections + SPARE
    }

    pub(super) fn replace(&mut self, entries: impl Iterator<Item = (Millis, Id)>) {
        self.0 = entries.map(Reverse).collect();
    }
}
