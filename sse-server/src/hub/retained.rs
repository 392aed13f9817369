//! What is kept of a topic, and what went.

use super::{Millis, Topic};

/// What is retained of a topic. First and last are 0 where there is nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Retained {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl Retained {
    /// One more event, after all others.
    pub(crate) fn add(&mut self, seq: u64, bytes: usize) {
        if self.events == 0 {
            self.first = seq;
        }
        self.events += 1;
        self.bytes += bytes;
        self.last = seq;
    }

    /// One event less, wherever it was.
    pub(crate) fn take_away(&mut self, bytes: usize) {
        self.events = self.events.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        if self.events == 0 {
            *self = Self::default();
        }
    }
}

/// Events of a topic that a store drops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trim {
    pub(crate) topic: Topic,
    /// The last of them, and its publish time.
    pub(crate) through: u64,
    pub(crate) time: Millis,
    /// Whether someone may miss them: those that a later one stands for are missed by nobody.
    pub(crate) lossy: bool,
    /// What is left.
    pub(crate) left: Retained,
}

/// Sequence numbers that a crash took: after one, through another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hole {
    pub(crate) after: u64,
    pub(crate) through: u64,
    /// Whether events may have been told of that were lost.
    pub(crate) lossy: bool,
}

impl Hole {
    /// Whether someone who has been served through a sequence number may miss something because of it.
    pub(crate) const fn takes(&self, seq: u64) -> bool {
        seq <= self.through && (self.lossy || seq > self.after)
    }
}
