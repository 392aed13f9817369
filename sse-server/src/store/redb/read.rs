//! Reading from a snapshot, which later writes don't change.

use std::{
    collections::HashMap,
    sync::{RwLock, RwLockReadGuard},
};

use redb::{Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable};
use sse_engine::{Millis, Topic};

use super::{
    Fault, TopicNames,
    tables::{self, EVENTS, EventRow, FileResult, INDEX},
};
use crate::store::{Entry, Page, Query};

/// The most events that one page scans.
const SCAN: usize = 4096;

/// If more topics than this match, all events are scanned instead of merging the topics' indexes.
const MERGED: usize = 256;

/// The approximate memory cost of an event besides its data.
const KEPT: usize = 200;

/// The committed state at one moment.
pub(super) struct Snapshot<'a> {
    transaction: ReadTransaction,
    events: ReadOnlyTable<u64, EventRow<'static>>,
    names: &'a RwLock<TopicNames>,
    /// Events through this one are included; later ones may be.
    committed: u64,
}

impl<'a> Snapshot<'a> {
    pub(super) fn new(database: &Database, names: &'a RwLock<TopicNames>, committed: u64) -> FileResult<Self> {
        let transaction = database.begin_read()?;
        let events = transaction.open_table(EVENTS)?;
        Ok(Self { transaction, events, names, committed })
    }

    /// Up to `count` events after `after`, and the sequence number through which the snapshot is complete.
    pub(super) fn entries_after(&self, after: u64, count: usize) -> FileResult<(Vec<Entry>, u64)> {
        let mut entries = Vec::new();
        for row in self.events.range(after + 1..)?.take(count) {
            let (seq, row) = row?;
            entries.push(self.entry(seq.value(), row.value())?);
        }
        Ok((entries, self.committed))
    }

    pub(super) fn page(&self, query: &Query) -> FileResult<Page> {
        let until = query.until.min(self.committed);
        if query.after >= until {
            return Ok(Page { entries: Vec::new(), through: query.after });
        }
        match self.few(query)? {
            Some(topics) => self.merged(query, until, &topics),
            None => self.scanned(query, until),
        }
    }

    /// The IDs of the matching topics, unless there are more than [`MERGED`].
    fn few(&self, query: &Query) -> FileResult<Option<Vec<u32>>> {
        let names = self.names()?;
        if let Some(topics) = query.selectors.topics_only() {
            return Ok(Some(topics.filter_map(|topic| names.ids.get(topic).copied()).collect()));
        }
        let matching = names.topics.iter().filter(|(_, topic)| query.selectors.matches(topic));
        let few: Vec<_> = matching.map(|(id, _)| *id).take(MERGED + 1).collect();
        Ok((few.len() <= MERGED).then_some(few))
    }

    /// Merges the indexes of `topics`. It takes one event more from each than fits on a page, to know where the page
    /// ends.
    fn merged(&self, query: &Query, until: u64, topics: &[u32]) -> FileResult<Page> {
        let index = self.transaction.open_table(INDEX)?;
        let mut seqs = Vec::new();
        for id in topics {
            for row in index.range((*id, query.after + 1)..=(*id, until))?.take(query.events + 1) {
                seqs.push(row?.0.value().1);
            }
        }
        seqs.sort_unstable();
        let more = seqs.len() > query.events;
        seqs.truncate(query.events);
        let through = if more { seqs.last().copied().unwrap_or(until) } else { until };
        let mut page = PageBuilder::new(query, through);
        for seq in seqs {
            let Some(row) = self.events.get(seq)? else { continue };
            if !page.push(self.entry(seq, row.value())?) {
                break;
            }
        }
        Ok(page.done())
    }

    /// Scans all events for those that match.
    fn scanned(&self, query: &Query, until: u64) -> FileResult<Page> {
        let mut wanted: HashMap<u32, bool> = HashMap::new();
        let mut page = PageBuilder::new(query, until);
        for (scanned, row) in self.events.range(query.after + 1..=until)?.enumerate() {
            let (seq, row) = row?;
            if scanned == SCAN {
                page.through = seq.value() - 1;
                break;
            }
            let id = row.value().1;
            let wanted = match wanted.get(&id) {
                Some(wanted) => *wanted,
                None => {
                    let wants = query.selectors.matches(&self.topic(id)?);
                    wanted.insert(id, wants);
                    wants
                }
            };
            if wanted && !page.push(self.entry(seq.value(), row.value())?) {
                break;
            }
        }
        Ok(page.done())
    }

    /// The last sequence number published before `time`, by binary search: publish times never decrease.
    pub(super) fn before(&self, time: Millis) -> FileResult<u64> {
        let first = match self.events.first()? {
            Some((seq, _)) => seq.value(),
            None => return Ok(self.committed),
        };
        let (mut low, mut high) = (first, self.committed + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.events.range(middle..high)?.next().transpose()? {
                Some((seq, row)) if row.value().0 < time => low = seq.value() + 1,
                _ => high = middle,
            }
        }
        Ok(low - 1)
    }

    /// The lowest sequence number after which there are at most `events` events, of at most `bytes` bytes together.
    pub(super) fn tail(&self, events: usize, bytes: usize) -> FileResult<u64> {
        let mut sum = 0;
        for (count, row) in self.events.iter()?.rev().enumerate() {
            let (seq, row) = row?;
            sum += row.value().5.len() + KEPT;
            if count == events || sum > bytes {
                return Ok(seq.value());
            }
        }
        Ok(0)
    }

    fn entry(&self, seq: u64, row: EventRow<'_>) -> FileResult<Entry> {
        let topic = self.topic(row.1)?;
        tables::entry(seq, row, topic)
    }

    fn topic(&self, id: u32) -> FileResult<Topic> {
        if let Some(topic) = self.names()?.topics.get(&id) {
            return Ok(topic.clone());
        }
        // The topic was forgotten since; the snapshot still has it.
        let topics = self.transaction.open_table(tables::TOPICS)?;
        let row = topics.get(id)?.ok_or_else(|| Fault::Row(format!("there is no topic {id}")))?;
        Ok(tables::topic(id, row.value())?.topic)
    }

    fn names(&self) -> FileResult<RwLockReadGuard<'_, TopicNames>> {
        self.names.read().map_err(|_| Fault::Gone)
    }
}

/// A page that is being filled.
struct PageBuilder<'a> {
    query: &'a Query,
    entries: Vec<Entry>,
    through: u64,
    bytes: usize,
}

impl<'a> PageBuilder<'a> {
    const fn new(query: &'a Query, through: u64) -> Self {
        Self { query, entries: Vec::new(), through, bytes: 0 }
    }

    /// Adds `entry` if it fits, and returns true if it did; otherwise the page ends before it.
    fn push(&mut self, entry: Entry) -> bool {
        self.bytes += entry.draft.weight();
        let fits = self.bytes <= self.query.bytes || self.entries.is_empty();
        if self.entries.len() == self.query.events || !fits {
            self.through = self.entries.last().map_or(self.query.after, |last| last.seq);
            return false;
        }
        self.entries.push(entry);
        true
    }

    fn done(self) -> Page {
        Page { entries: self.entries, through: self.through }
    }
}
