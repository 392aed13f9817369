//! Reading a snapshot: whatever is written meanwhile, it stays as it is.

use std::{
    collections::HashMap,
    sync::{RwLock, RwLockReadGuard},
};

use redb::{Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable};
use sse_engine::{Millis, Topic};

use super::{
    Fault, Names,
    tables::{self, EVENTS, EventRow, INDEX, Rows},
};
use crate::store::{Entry, Page, Query};

/// How many events one page passes over at most.
const SCAN: usize = 4096;

/// With more topics than this that match, their events are found by going over all events.
const MERGED: usize = 256;

/// What keeping an event in memory costs besides its data, about.
const KEPT: usize = 200;

/// What is committed at a moment.
pub(super) struct Snapshot<'a> {
    transaction: ReadTransaction,
    events: ReadOnlyTable<u64, EventRow<'static>>,
    names: &'a RwLock<Names>,
    /// Events through this one are in it; later ones may be.
    committed: u64,
}

impl<'a> Snapshot<'a> {
    pub(super) fn new(database: &Database, names: &'a RwLock<Names>, committed: u64) -> Rows<Self> {
        let transaction = database.begin_read()?;
        let events = transaction.open_table(EVENTS)?;
        Ok(Self { transaction, events, names, committed })
    }

    /// Up to `count` events after one, and how far it is known that there are no others.
    pub(super) fn entries_after(&self, after: u64, count: usize) -> Rows<(Vec<Entry>, u64)> {
        let mut entries = Vec::new();
        for row in self.events.range(after + 1..)?.take(count) {
            let (seq, row) = row?;
            entries.push(self.entry(seq.value(), row.value())?);
        }
        Ok((entries, self.committed))
    }

    pub(super) fn page(&self, query: &Query) -> Rows<Page> {
        let until = query.until.min(self.committed);
        if query.after >= until {
            return Ok(Page { entries: Vec::new(), through: query.after });
        }
        match self.few(query)? {
            Some(topics) => self.merged(query, until, &topics),
            None => self.scanned(query, until),
        }
    }

    /// The topics that match, if they are few.
    fn few(&self, query: &Query) -> Rows<Option<Vec<u32>>> {
        let names = self.names()?;
        if let Some(topics) = query.selectors.topics_only() {
            return Ok(Some(topics.filter_map(|topic| names.ids.get(topic).copied()).collect()));
        }
        let matching = names.topics.iter().filter(|(_, topic)| query.selectors.matches(topic));
        let few: Vec<_> = matching.map(|(id, _)| *id).take(MERGED + 1).collect();
        Ok((few.len() <= MERGED).then_some(few))
    }

    /// Each topic's next events, in one order: of each one more than a page takes, so that it is known where the page
    /// ends.
    fn merged(&self, query: &Query, until: u64, topics: &[u32]) -> Rows<Page> {
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
        let mut page = Filling::new(query, through);
        for seq in seqs {
            let Some(row) = self.events.get(seq)? else { continue };
            if !page.takes(self.entry(seq, row.value())?) {
                break;
            }
        }
        Ok(page.done())
    }

    /// All events, of which those are taken that match.
    fn scanned(&self, query: &Query, until: u64) -> Rows<Page> {
        let mut wanted: HashMap<u32, bool> = HashMap::new();
        let mut page = Filling::new(query, until);
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
            if wanted && !page.takes(self.entry(seq.value(), row.value())?) {
                break;
            }
        }
        Ok(page.done())
    }

    /// The last sequence number published before a time. Times never go back, so the place is halved and halved again.
    pub(super) fn before(&self, time: Millis) -> Rows<u64> {
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

    /// The sequence number after which there are at most so many events, of at most so many bytes together.
    pub(super) fn tail(&self, events: usize, bytes: usize) -> Rows<u64> {
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

    fn entry(&self, seq: u64, row: EventRow<'_>) -> Rows<Entry> {
        let topic = self.topic(row.1)?;
        tables::entry(seq, row, topic)
    }

    fn topic(&self, id: u32) -> Rows<Topic> {
        if let Some(topic) = self.names()?.topics.get(&id) {
            return Ok(topic.clone());
        }
        // It was forgotten since: the snapshot still knows it.
        let topics = self.transaction.open_table(tables::TOPICS)?;
        let row = topics.get(id)?.ok_or_else(|| Fault::Row(format!("there is no topic {id}")))?;
        Ok(tables::topic(id, row.value())?.topic)
    }

    fn names(&self) -> Rows<RwLockReadGuard<'_, Names>> {
        self.names.read().map_err(|_| Fault::Gone)
    }
}

/// A page that is being filled.
struct Filling<'a> {
    query: &'a Query,
    entries: Vec<Entry>,
    through: u64,
    bytes: usize,
}

impl<'a> Filling<'a> {
    const fn new(query: &'a Query, through: u64) -> Self {
        Self { query, entries: Vec::new(), through, bytes: 0 }
    }

    /// Takes an event if there is room; else the page ends before it.
    fn takes(&mut self, entry: Entry) -> bool {
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
