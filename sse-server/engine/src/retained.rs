//! What is kept of a topic, and what went.

use crate::{Millis, Topic};

/// What is retained of a topic. First and last are 0 where there is nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retained {
    /// How many events.
    pub events: usize,
    /// Their bytes together.
    pub bytes: usize,
    /// The sequence number of the first.
    pub first: u64,
    /// The sequence number of the last.
    pub last: u64,
}

impl Retained {
    /// One more event, after all others.
    pub fn add(&mut self, seq: u64, bytes: usize) {
        if self.events == 0 {
            self.first = seq;
        }
        self.events += 1;
        self.bytes += bytes;
        self.last = seq;
    }

    /// One event less, wherever it was.
    pub fn take_away(&mut self, bytes: usize) {
        self.events = self.events.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        if self.events == 0 {
            *self = Self::default();
        }
    }
}

/// The events of a topic that a store is about to drop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trim {
    /// The topic.
    pub topic: Topic,
    /// The sequence number of the last of them.
    pub through: u64,
    /// The publish time of that one.
    pub time: Millis,
    /// Whether someone may miss them: those that a later one stands for are missed by nobody.
    pub lossy: bool,
    /// What is left.
    pub left: Retained,
}

/// Sequence numbers that a crash took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// The last sequence number before the hole.
    pub after: u64,
    /// The last sequence number of the hole.
    pub through: u64,
    /// Whether events may be lost that someone was told of.
    pub lossy: bool,
}

impl Hole {
    /// Returns true if a subscriber that has been served through `seq` may miss something because of the hole.
    pub const fn takes(&self, seq: u64) -> bool {
        seq <= self.through && (self.lossy || seq > self.after)
    }
}
