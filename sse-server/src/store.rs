//! Where events are kept: the seam behind which a log lives in memory, on disk, or elsewhere.

mod failure;
mod key;

pub(crate) mod memory;
#[cfg(feature = "redb")]
pub(crate) mod redb;

#[cfg(test)]
pub(crate) mod suite;

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use sse_engine::{Draft, Epoch, Hole, Millis, Retained, Selectors, Topic, Trim};

pub(crate) use failure::Cause;
pub use failure::StoreFailure;
pub(crate) use key::{Fingerprint, Key, KeyedRange, Scope, StoredKey};

/// A log of events in one order, which many append to and every hub follows.
///
/// - Positions strictly increase, from batch to batch and within one; they may have gaps. None is ever given to two
///   events, crash or not.
/// - Publish times never go back along the log.
/// - A follower is told of every event after the place where it began: once, in order, and before the append that
///   brought it resolves.
/// - Nothing is trimmed that followers were not told of first.
pub(crate) trait Store: fmt::Debug + Send + Sync {
    /// The log as it was when it was opened.
    fn snapshot(&self) -> StoreSnapshot;

    /// Appends all events, or none, and gives their sequence numbers: when they are as durable as configured, and
    /// followers have them. It begins when it is first polled; from then on it goes on, whether or not anyone waits for
    /// the answer.
    fn append(&self, batch: Batch) -> Task<'_, Vec<u64>>;

    /// A page of the retained events that match, in order.
    fn read(&self, query: Query) -> Task<'_, Page>;

    /// The last sequence number that was published before a time.
    fn seek(&self, time: Millis) -> Task<'_, u64>;

    /// The sequence number after which at most so many events of so many bytes together are retained.
    fn tail(&self, events: usize, bytes: usize) -> Result<u64, StoreError>;

    /// Tells a follower of every event after a sequence number: the retained ones before this returns, then each as it
    /// comes. It blocks; events are for few followers, and these are there from the start.
    fn follow(&self, after: u64, follower: Arc<dyn Follower>) -> Result<(), StoreError>;

    /// Drops what a topic retains through a sequence number.
    fn trim(&self, topic: &Topic, through: u64) -> Task<'_, ()>;

    /// Whether it takes events.
    fn health(&self) -> Result<(), StoreError>;

    /// Makes all that was appended durable and takes nothing more. It blocks, like the drop of the last reference.
    fn close(&self) -> Result<(), StoreError>;
}

/// What a store does in its own time.
pub(crate) type Task<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Who is told of a store's events. It is called while the store holds locks of its own: it must not call back.
pub(crate) trait Follower: fmt::Debug + Send + Sync {
    /// These events come next, and events through `settled` can be read from the store.
    fn appended(&self, entries: &[Entry], settled: u64) -> AfterUnlock;

    /// These events are about to be trimmed.
    fn trimming(&self, trims: &[Trim]) -> AfterUnlock;

    /// Events through this one can be read from the store.
    fn settled(&self, through: u64);

    /// After a failure: this is what the store has through an event, which is the last one told of. A trim that was told
    /// may not have come to pass.
    fn reopened(&self, through: u64, topics: &[TopicRecord]);
}

/// What is left to be done once the store's locks are released: waking those whom it concerns.
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

/// An event at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    pub(crate) time: Millis,
    pub(crate) draft: Draft,
}

/// Events to append, with the keys by which a repeat of them is known.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) drafts: Vec<Draft>,
    pub(crate) keys: Vec<KeyedRange>,
    /// The publishers' clock.
    pub(crate) now: Millis,
}

/// A log as it is found.
#[derive(Debug, Clone)]
pub(crate) struct StoreSnapshot {
    pub(crate) epoch: Epoch,
    /// The last sequence number that was or may have been given out.
    pub(crate) head: u64,
    /// What crashes took, the oldest first.
    pub(crate) holes: Vec<Hole>,
    pub(crate) topics: Vec<TopicRecord>,
    /// How far topics were trimmed that are forgotten, and when the last of that was published.
    pub(crate) floor: (u64, Millis),
    /// The oldest first.
    pub(crate) keys: Vec<StoredKey>,
}

/// What is retained of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicRecord {
    pub(crate) topic: Topic,
    pub(crate) retained: Retained,
    /// The last event that was trimmed, 0 if none was, and its publish time.
    pub(crate) trimmed: (u64, Millis),
}

/// What is to be read: after one sequence number, through another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) selectors: Selectors,
    pub(crate) after: u64,
    pub(crate) until: u64,
    /// How many events, and how many bytes of them if there are more than one.
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

/// Events that match, and the sequence number through which there are no others.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) entries: Vec<Entry>,
    pub(crate) through: u64,
}

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    /// It can't at the moment, and tries again by itself.
    #[error("the store takes nothing at the moment: {0}")]
    Unavailable(Arc<str>),
    #[error("the store is closed")]
    Closed,
    /// It will never do anything again, though nobody closed it.
    #[error("the log's writer is gone; restart the hub")]
    Gone,
}
