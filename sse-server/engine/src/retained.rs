//! What is retained of a topic, and what was removed.

use crate::{Millis, Topic};

/// The retained events of one kind. `first` and `last` are 0 if there are none.
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

/// The kinds of a topic's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind {
    /// It is the event's canonical topic, which retention and counts follow.
    pub canonical: bool,
    /// The event is private.
    pub private: bool,
}

impl Kind {
    /// Most events are of this kind.
    pub const PLAIN: Self = Self { canonical: true, private: false };

    /// All kinds, [`PLAIN`](Self::PLAIN) first, each at its [index](Self::index).
    pub const ALL: [Self; 4] = [
        Self::PLAIN,
        Self { canonical: true, private: true },
        Self { canonical: false, private: false },
        Self { canonical: false, private: true },
    ];

    /// The kinds that a subscriber sees; [`Selectors::sees_private`](crate::Selectors::sees_private) says whether private
    /// ones are among them.
    pub fn seen(sees_private: bool) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |kind| sees_private || !kind.private)
    }

    /// The place of the kind among [all](Self::ALL).
    pub const fn index(self) -> usize {
        2 * !self.canonical as usize + self.private as usize
    }
}

/// What is retained of a topic, by the kind of the events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stock([Retained; 4]);

impl Stock {
    /// The events of one kind.
    pub const fn of(&self, kind: Kind) -> &Retained {
        &self.0[kind.index()]
    }

    /// The events of one kind, to be changed.
    pub const fn of_mut(&mut self, kind: Kind) -> &mut Retained {
        &mut self.0[kind.index()]
    }

    /// Returns true if nothing is retained.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|retained| retained.events == 0)
    }

    /// The number of the topic's own events: those whose canonical topic it is.
    pub const fn events(&self) -> usize {
        self.0[0].events + self.0[1].events
    }

    /// The number of events of any kind.
    pub const fn all_events(&self) -> usize {
        self.events() + self.0[2].events + self.0[3].events
    }

    /// The number of events of any kind, and the bytes of the topic's own.
    pub(crate) const fn sizes(&self) -> (usize, usize) {
        (self.all_events(), self.bytes())
    }

    /// The bytes of the topic's own events.
    pub const fn bytes(&self) -> usize {
        self.0[0].bytes + self.0[1].bytes
    }

    /// The topic's own events: those that are not private, and those that are.
    pub fn own(&self) -> &[Retained] {
        &self.0[..2]
    }

    /// The last of the topic's own events, 0 if there is none.
    pub fn last_own(&self) -> u64 {
        self.0[0].last.max(self.0[1].last)
    }

    /// The last event of any kind, 0 if there is none.
    pub fn last(&self) -> u64 {
        self.0.iter().map(|retained| retained.last).max().unwrap_or(0)
    }

    /// Where the topic ends if no event ends it: at its last event of any kind, or at `at` if there is none.
    pub fn end_at(&self, at: u64) -> u64 {
        Some(self.last()).filter(|last| *last > 0).unwrap_or(at)
    }

    /// The first event of any kind, 0 if there is none.
    pub fn first(&self) -> u64 {
        self.0.iter().map(|retained| retained.first).filter(|first| *first > 0).min().unwrap_or(0)
    }
}

impl From<Retained> for Stock {
    /// Nothing but plain events.
    fn from(plain: Retained) -> Self {
        let mut stock = Self::default();
        *stock.of_mut(Kind::PLAIN) = plain;
        stock
    }
}

/// The last event of a topic that subscribers may miss, and its publish time; (0, 0) if there is none.
pub type Loss = (u64, Millis);

/// Events of a topic that a store is about to trim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trim {
    /// The topic.
    pub topic: Topic,
    /// The last trimmed event of any kind.
    pub through: u64,
    /// The last trimmed event whose canonical topic it is, 0 if there is none.
    pub own_through: u64,
    /// The last of them that a subscriber may miss. Nobody misses events that a later one supersedes.
    pub lost: Loss,
    /// The last private one that a subscriber with a grant may miss.
    pub lost_private: Loss,
    /// What remains of the topic.
    pub left: Stock,
}

impl Trim {
    /// A trim of plain events through `through`, which was published at `time`.
    pub fn plain(topic: Topic, (through, time): (u64, Millis), lossy: bool, left: Retained) -> Self {
        let lost = if lossy { (through, time) } else { (0, 0) };
        Self { topic, through, own_through: through, lost, lost_private: (0, 0), left: left.into() }
    }
}

/// A range of sequence numbers lost in a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// The last sequence number before the hole.
    pub after: u64,
    /// The last sequence number of the hole.
    pub through: u64,
    /// Whether events that subscribers have had may be lost.
    pub lossy: bool,
}

impl Hole {
    /// Returns true if a subscriber served through `seq` may miss events because of the hole.
    pub const fn affects(&self, seq: u64) -> bool {
        seq <= self.through && (self.lossy || seq > self.after)
    }
}

/// The head of a store that is being opened.
#[derive(Debug, Clone, Default)]
pub struct StoredHead {
    /// The last sequence number that was, or may have been, assigned.
    pub head: u64,
    /// The sequence numbers lost in crashes, the oldest first.
    pub holes: Vec<Hole>,
    /// The last event lost from any forgotten topic.
    pub floor: Loss,
    /// The last private event lost from any forgotten topic.
    pub private_floor: Loss,
}

/// A topic of a store that is being opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTopic {
    /// The topic.
    pub topic: Topic,
    /// What is retained of it.
    pub retained: Stock,
    /// The last event lost.
    pub lost: Loss,
    /// The last private event lost.
    pub lost_private: Loss,
    /// The event with which the topic ended, or after which it did; 0 if it goes on.
    pub ended: u64,
}

impl StoredTopic {
    /// A topic of which nothing is retained, and nothing was lost.
    pub fn new(topic: Topic) -> Self {
        Self { topic, retained: Stock::default(), lost: (0, 0), lost_private: (0, 0), ended: 0 }
    }
}
