//! What is queued, and what one transaction takes of it.

use std::collections::VecDeque;

use sse_engine::{Millis, Topic};
use tokio::sync::oneshot;

use super::super::room::{Permit, Size};
use crate::store::{Appended, Entry, KeyedRange, StoreError};

/// A batch with its positions in the log.
#[derive(Debug)]
pub(in super::super) struct QueuedBatch {
    pub(in super::super) entries: Vec<Entry>,
    /// The topic that ends after them, without an event of its own.
    pub(in super::super) end: Option<Topic>,
    pub(in super::super) keys: Vec<KeyedRange>,
    /// Nothing is appended: this is why, once it is written.
    pub(in super::super) after_end: Option<AfterEnd>,
    /// The last sequence number, and the last publish time, assigned through this batch.
    pub(in super::super) at: (u64, Millis),
    pub(in super::super) now: Millis,
    pub(super) permit: Permit,
}

/// An event, or an end, that comes after the end of its topic.
#[derive(Debug)]
pub(in super::super) struct AfterEnd {
    /// Its index in the batch.
    pub(super) index: usize,
    pub(super) topic: Topic,
    /// Where the topic ends, as far as that was known when the batch came.
    pub(super) at: u64,
}

#[derive(Debug)]
pub(in super::super) struct PendingAppend {
    pub(in super::super) batch: QueuedBatch,
    pub(in super::super) answer: AppendReply,
}

/// Receives what was appended.
pub(in super::super) type AppendReply = oneshot::Sender<Result<Appended, StoreError>>;

#[derive(Debug)]
pub(in super::super) struct PendingTrim {
    pub(in super::super) topic: Topic,
    pub(in super::super) through: u64,
    /// If the topic has ended, it goes on.
    pub(in super::super) reopen: bool,
    pub(in super::super) answer: oneshot::Sender<Result<(), StoreError>>,
}

/// What came of an append.
pub(in super::super) enum Appending {
    Now(Appended),
    Later(oneshot::Receiver<Result<Appended, StoreError>>),
}

/// The work of one transaction.
#[derive(Debug, Default)]
pub(in super::super) struct Job {
    pub(in super::super) reported: VecDeque<QueuedBatch>,
    pub(in super::super) waiting: Vec<PendingAppend>,
    pub(in super::super) trims: Vec<PendingTrim>,
    /// The file records from now on that it may be behind.
    pub(in super::super) behind: bool,
    pub(in super::super) closing: bool,
}

impl QueuedBatch {
    pub(in super::super) fn seqs(&self) -> Vec<u64> {
        self.entries.iter().map(|entry| entry.seq).collect()
    }

    pub(super) const fn size(&self) -> Size {
        self.permit.size()
    }

    /// The topics that it ends.
    pub(super) fn ends(&self) -> impl Iterator<Item = &Topic> {
        let ended = self.entries.iter().filter(|entry| entry.draft.end).map(|entry| &entry.draft.topic);
        ended.chain(&self.end)
    }
}

impl Job {
    /// Returns true if nobody asked for anything.
    pub(in super::super) fn is_idle(&self) -> bool {
        self.reported.is_empty() && self.waiting.is_empty() && self.trims.is_empty() && !self.closing
    }

    /// All batches to write, in order.
    pub(in super::super) fn batches(&self) -> impl Iterator<Item = &QueuedBatch> {
        self.reported.iter().chain(self.waiting.iter().map(|waiting| &waiting.batch))
    }
}
