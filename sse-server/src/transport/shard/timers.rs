//! The timers of a shard: when each connection has to be looked at next.

use std::{cmp::Reverse, collections::BinaryHeap};

use sse_engine::Millis;

use super::connection::Id;

/// The most stale entries before they are removed.
const SPARE: usize = 1024;

/// A heap with one valid entry for each connection, at or before the time it is due. If a connection becomes due later,
/// its entry is renewed only when it fires, so a write moves nothing. If it becomes due earlier, another entry is
/// added, and the connection remembers which one is valid.
#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(Millis, Id)>>);

impl Timers {
    pub(super) fn set(&mut self, due: Millis, id: Id) {
        self.0.push(Reverse((due, id)));
    }

    pub(super) fn next(&self) -> Option<Millis> {
        self.0.peek().map(|Reverse((due, _))| *due)
    }

    /// Removes an entry that has fired.
    pub(super) fn pop(&mut self, now: Millis) -> Option<(Millis, Id)> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }

    /// Returns true if so many entries are stale that it is worth [replacing](Self::replace) them.
    pub(super) fn is_crowded(&self, connections: usize) -> bool {
        self.0.len() > 2 * connections + SPARE
    }

    pub(super) fn replace(&mut self, entries: impl Iterator<Item = (Millis, Id)>) {
        self.0 = entries.map(Reverse).collect();
    }
}
