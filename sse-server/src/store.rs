//! Stores: the seam behind which a log is kept in memory, on disk, or elsewhere.

mod failure;
mod key;
mod page_builder;

pub(crate) mod memory;
#[cfg(feature = "redb")]
pub(crate) mod redb;

#[cfg(test)]
pub(crate) mod suite;

use std::{collections::HashSet, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use sse_engine::{Draft, Epoch, Hole, Kind, Loss, Millis, Selectors, StoredTopic, Topic, Trim};

pub(crate) use failure::Cause;
pub use failure::StoreFailure;
pub(crate) use key::{Fingerprint, Key, KeyedRange, Scope, StoredKey, UploadRange};
#[cfg(feature = "redb")]
pub(crate) use page_builder::PageRoom;
pub(crate) use page_builder::{PAGE_EVENTS, PageBuilder};

/// A log of events in a total order. Many append to it, and every hub follows it.
///
/// - Sequence numbers strictly increase, from batch to batch and within one, and may leave gaps. None is ever assigned to
///   two events, not even across a crash.
/// - Publish times never decrease along the log.
/// - A follower receives every event after the position where it started: once, in order, and before the append of that
///   event resolves.
/// - Followers are told of a trim before it happens.
pub(crate) trait Store: fmt::Debug + Send + Sync {
    /// The state of the log when it was opened.
    fn snapshot(&self) -> StoreSnapshot;

    /// Appends all events of `batch`, or none, and returns their sequence numbers once they are as durable as
    /// configured and followers have them. The append starts when the future is first polled. From then on it completes
    /// even if the future is dropped.
    ///
    /// Nothing comes after the end of a topic: a batch with an event whose canonical topic has ended, or that ends such a
    /// topic, is [refused](StoreError::Ended). That is known only once the end is as durable as configured.
    fn append(&self, batch: Batch) -> Task<'_, Appended>;

    /// Reads a page of the retained events that match `query`, in order.
    fn read(&self, query: Query) -> Task<'_, Page>;

    /// Reads those of the events `seqs` that are retained and that `selectors` may read. Damaged ones are left out.
    fn read_at(&self, seqs: Vec<u64>, selectors: Selectors) -> Task<'_, Vec<Entry>>;

    /// The first retained event with this ID of its publisher's that `selectors` may read.
    fn aliased(&self, alias: String, selectors: Selectors) -> Task<'_, Option<Entry>>;

    /// The last sequence number published before `time`.
    fn before(&self, time: Millis) -> Task<'_, u64>;

    /// The lowest sequence number after which at most `events` events, of at most `bytes` bytes together, are retained.
    fn tail(&self, events: usize, bytes: usize) -> Result<u64, StoreError>;

    /// The number of places found in the log that can't be read any more. Readers step over them.
    fn damaged(&self) -> usize {
        0
    }

    /// Reports every event after `after` to `follower`: the retained ones before this returns, later ones as they are
    /// appended. It blocks: followers are few, and are registered at start-up.
    fn follow(&self, after: u64, follower: Arc<dyn Follower>) -> Result<(), StoreError>;

    /// Trims the retained events of `topic` through sequence number `through`. If it has ended, it goes on with `reopen`.
    fn trim(&self, topic: &Topic, through: u64, reopen: bool) -> Task<'_, ()>;

    /// Returns an error if the store does not accept events at the moment.
    fn health(&self) -> Result<(), StoreError>;

    /// Waits until appends have been without an answer for so long that nobody should wait for theirs: they may come to
    /// pass all the same.
    fn stalled(&self) -> Pin<Box<dyn Future<Output = StoreError> + Send + '_>> {
        Box::pin(std::future::pending())
    }

    /// Flushes all appended events to durable storage, and accepts no more. It blocks, but not for longer than `within`,
    /// and neither it nor dropping the last reference waits for a disk that does not answer.
    fn close(&self, within: Duration) -> Result<(), StoreError>;
}

/// An operation of a store that completes later.
pub(crate) type Task<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Receives a store's events. The store calls it while holding its own locks, so it must not call back into the store.
pub(crate) trait Follower: fmt::Debug + Send + Sync {
    /// `entries` are the next events, and events through `committed` can be read from the store.
    fn appended(&self, entries: &[Entry], committed: u64) -> AfterUnlock;

    /// The events of `trims` are about to be trimmed.
    fn trimming(&self, trims: &[Trim]) -> AfterUnlock;

    /// `topic` ends after its last event, without an event that says so. Returns where it ended: at that event, or if
    /// there is none at `at`. Only a store that retains nothing itself needs the answer.
    fn ended(&self, topic: &Topic, at: u64) -> (u64, AfterUnlock);

    /// `topic` had ended, and is open again.
    fn topic_reopened(&self, topic: &Topic);

    /// Where `topic` ended, as far as the follower knows. One that it has forgotten has not ended.
    fn end_of(&self, topic: &Topic) -> Option<u64>;

    /// Events through `through` can be read from the store.
    fn committed(&self, through: u64);

    /// The store is [gone](StoreError::Gone). It holds no locks when it says so.
    fn gone(&self);

    /// The store has recovered from a failure. `topics` is what it retains through `through`, the last event that was
    /// reported. Trims of events through `undone` that were announced did not happen.
    fn recovered(&self, through: u64, topics: &[StoredTopic], undone: u64);
}

/// Wake-ups that are due once the store's locks are released.
#[must_use]
#[derive(Default)]
pub(crate) struct AfterUnlock(Option<Box<dyn FnOnce() + Send>>);

impl AfterUnlock {
    pub(crate) fn call(wake: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(wake)))
    }

    pub(crate) fn wake(self) {
        if let Some(wake) = self.0 {
            wake();
        }
    }
}

impl fmt::Debug for AfterUnlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AfterUnlock").field(&self.0.is_some()).finish()
    }
}

/// An event with its position in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    pub(crate) time: Millis,
    pub(crate) draft: Draft,
}

impl Entry {
    /// The event's topics, with its kind in each and the bytes that it counts for there.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = (&Topic, Kind, usize)> {
        let Draft { topic, others, private, .. } = &self.draft;
        let kind = |canonical| Kind { canonical, private: *private };
        let others = others.iter().map(move |other| (other, kind(false), 0));
        std::iter::once((topic, kind(true), self.draft.weight())).chain(others)
    }

    /// Returns true if `selectors` may read the event, whether or not they select it.
    pub(crate) fn may_be_read_by(&self, selectors: &Selectors) -> bool {
        selectors.may_read(self.draft.topics(), self.draft.private)
    }
}

/// Events to append, with the idempotency keys that identify repeats.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) drafts: Vec<Draft>,
    /// A topic that ends after them, without an event of its own.
    pub(crate) end: Option<Topic>,
    pub(crate) keys: Vec<KeyedRange>,
    /// The publisher's time.
    pub(crate) now: Millis,
}

impl Batch {
    /// The canonical topic of the event at `index`. After the last event, it is the topic to end.
    pub(crate) fn topic(&self, index: usize) -> Option<&Topic> {
        self.drafts.get(index).map(|draft| &draft.topic).or(self.end.as_ref())
    }

    /// Returns an error if an event, or the end of a topic, would come after the end of its topic. `end_of` tells the ends
    /// in the log.
    pub(crate) fn check_ends(&self, mut end_of: impl FnMut(&Topic) -> Option<u64>) -> Result<(), StoreError> {
        let mut here = HashSet::new();
        let drafts = self.drafts.iter().map(|draft| (&draft.topic, draft.end));
        for (index, (topic, ends)) in drafts.chain(self.end.iter().map(|topic| (topic, true))).enumerate() {
            let ended = if here.contains(topic) { Some(0) } else { end_of(topic) };
            if let Some(at) = ended {
                return Err(StoreError::Ended { index, at });
            }
            if ends {
                here.insert(topic);
            }
        }
        Ok(())
    }
}

/// What was appended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Appended {
    /// The sequence numbers of the events.
    pub(crate) seqs: Vec<u64>,
    /// Where the topic to end has ended: at its last event, or if it has none at the last number assigned before.
    pub(crate) ended: Option<u64>,
}

/// The state of a log at the moment it is opened.
#[derive(Debug, Clone)]
pub(crate) struct StoreSnapshot {
    pub(crate) epoch: Epoch,
    /// The last sequence number that was, or may have been, assigned.
    pub(crate) head: u64,
    /// The sequence numbers lost in crashes, the oldest first.
    pub(crate) holes: Vec<Hole>,
    pub(crate) topics: Vec<StoredTopic>,
    /// The publish time of the last event.
    pub(crate) time: Millis,
    /// The last event lost from any forgotten topic.
    pub(crate) floor: Loss,
    /// The last private event lost from any forgotten topic.
    pub(crate) private_floor: Loss,
    /// The oldest first.
    pub(crate) keys: Vec<StoredKey>,
}

/// A range of the log to read: after sequence number `after`, through `through`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) selectors: Selectors,
    pub(crate) after: u64,
    pub(crate) through: u64,
    /// The room of the page.
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

/// Events that the query's selectors [accept](Selectors::accept), each once, and the sequence number through which there are no others.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) entries: Vec<Entry>,
    pub(crate) through: u64,
    /// Before the first of them there may have been others, which can't be read any more.
    pub(crate) damaged: bool,
}

/// Why an operation of a store failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    /// The disk has not answered for this long. What was asked of it may come to pass, or not.
    #[error("the disk has not answered for {} s", .0.as_secs())]
    Stalled(Duration),
    /// A temporary failure: the store retries by itself.
    #[error("the store takes nothing at the moment: {0}")]
    Unavailable(Arc<str>),
    /// The canonical topic of the event at `index` has ended at the event `at`, which is 0 if it is one of the same batch.
    /// After the last event, it is the topic to end.
    #[error("the topic has ended")]
    Ended { index: usize, at: u64 },
    #[error("the store is closed")]
    Closed,
    /// The store stopped for good without being closed.
    #[error("the log's writer is gone; restart the hub")]
    Gone,
}
