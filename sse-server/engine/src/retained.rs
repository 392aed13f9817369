//! What is retained of a topic, and what was removed.

use crate::{Millis, Topic};

/// The retained events of a topic. `first` and `last` are 0 if there are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retained {
    /// The number of events.
    pub events: usize,
    /// Their total size in bytes.
    pub bytes: usize,
    /// The sequence number of the first event.
    pub first: u64,
    /// The sequence number of the last event.
    pub last: u64,
}

impl Retained {
    /// Adds an event after all others.
    pub fn add(&mut self, seq: u64, bytes: usize) {
        if self.events == 0 {
            self.first = seq;
        }
        self.events += 1;
        self.bytes += bytes;
        self.last = seq;
    }

    /// Removes one event, at any position.
    pub fn remove(&mut self, bytes: usize) {
        self.events = self.events.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        if self.events == 0 {
            *self = Self::default();
        }
    }
}

/// Events of a topic that a store is about to trim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trim {
    /// The topic.
    pub topic: Topic,
    /// The sequence number of the last trimmed event.
    pub through: u64,
    /// The publish time of that event.
    pub time: Millis,
    /// Whether a subscriber may miss them. Nobody misses events that a later one supersedes.
    pub lossy: bool,
    /// What remains of the topic.
    pub left: Retained,
}

/// A range of sequence numbers lost in a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// The last sequence number before the hole.
    pub after: u64,
    /// The last sequence number of the hole.
    pub through: u64,
    /// Whether events that were shown to subscribers may be lost.
    pub lossy: bool,
}

impl Hole {
    /// Returns true if a subscriber served through `seq` may miss events because of the hole.
    pub const fn affects(&self, seq: u64) -> bool {
        seq <= self.through && (self.lossy || seq > self.after)
    }
}

/// The head of a store that is being opened.
#[derive(Debug, Clone)]
pub struct StoredHead {
    /// The last sequence number that was, or may have been, assigned.
    pub head: u64,
    /// The sequence numbers lost in crashes, the oldest first.
    pub holes: Vec<Hole>,
    /// The last event trimmed from any forgotten topic, and its publish time.
    pub floor: (u64, Millis),
}
