//! Reading from a snapshot, which later writes don't change.

use std::sync::{RwLock, RwLockReadGuard};

use redb::{Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable};
use sse_engine::{Millis, Topic};

use super::{
    Fault, TopicNames,
    damage::Damage,
    fault::guarded,
    tables::{self, EVENTS, FileResult, INDEX, OpenedEvent, TOPICS},
};
use crate::store::{Entry, TopicRecord};

/// The approximate memory cost of an event besides its data.
const KEPT: usize = 200;

/// The committed state at one moment.
pub(super) struct Snapshot<'a> {
    pub(super) transaction: ReadTransaction,
    pub(super) events: ReadOnlyTable<u64, &'static [u8]>,
    topics: ReadOnlyTable<u32, &'static [u8]>,
    names: &'a RwLock<TopicNames>,
    pub(super) damage: &'a Damage,
    /// Events through this one are included; later ones may be.
    pub(super) committed: u64,
}

impl<'a> Snapshot<'a> {
    pub(super) fn new(
        database: &Database,
        names: &'a RwLock<TopicNames>,
        damage: &'a Damage,
        committed: u64,
    ) -> FileResult<Self> {
        let transaction = database.begin_read()?;
        let events = transaction.open_table(EVENTS)?;
        let topics = transaction.open_table(TOPICS)?;
        Ok(Self { transaction, events, topics, names, damage, committed })
    }

    /// Up to `count` events after `after`, and the sequence number through which the snapshot is complete.
    pub(super) fn entries_after(&self, after: u64, count: usize) -> FileResult<(Vec<Entry>, u64)> {
        let mut entries = Vec::new();
        if after >= self.committed {
            return Ok((entries, self.committed));
        }
        for row in self.events.range(after + 1..=self.committed)?.take(count) {
            let (seq, row) = row?;
            let (seq, row) = (seq.value(), row.value());
            entries.push(self.entry(tables::open_event(seq, row)?)?);
        }
        Ok((entries, self.committed))
    }

    /// The last sequence number published before `time`, by binary search: publish times never decrease. Where the log is
    /// damaged, it may be an earlier one.
    pub(super) fn before(&self, time: Millis) -> FileResult<u64> {
        let first = match self.events.first()? {
            Some((seq, _)) => seq.value(),
            None => return Ok(self.committed),
        };
        let (mut low, mut high) = (first.min(self.committed + 1), self.committed + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let next = guarded(|| {
                let Some((seq, row)) = self.events.range(middle..high)?.next().transpose()? else { return Ok(None) };
                Ok(Some((seq.value(), tables::event_head(seq.value(), row.value())?.time)))
            });
            match next {
                Ok(Some((seq, at))) if at < time => low = seq + 1,
                _ => high = middle,
            }
        }
        Ok(low - 1)
    }

    /// The lowest sequence number after which there are at most `events` events, of at most `bytes` bytes together, none of
    /// them damaged or missing. `last` is the last event that there has to be.
    pub(super) fn tail(&self, events: usize, bytes: usize, last: u64) -> u64 {
        let mut tail = self.committed;
        // A damaged page ends the search, whatever form its damage takes.
        let searched = guarded(|| {
            let (mut sum, mut due) = (0, None);
            for (count, row) in self.events.iter()?.rev().enumerate() {
                let (seq, row) = row?;
                let (seq, row) = (seq.value(), row.value());
                let missing = match due {
                    None => Some(last).filter(|last| seq < *last),
                    Some(due) => self.is_missing(due, seq)?.then_some(due.0),
                };
                if let Some(missing) = missing {
                    tail = missing;
                    return Err(Fault::Row(format!("event {missing} is missing")));
                }
                sum += row.len() + KEPT;
                if count == events || sum > bytes {
                    tail = seq;
                    return Ok(());
                }
                let event = tables::open_event(seq, row)?;
                due = Some(event.head.before.of_log);
                self.entry(event)?;
                tail = seq - 1;
            }
            match due {
                Some(due) if self.is_missing(due, 0)? => tail = due.0,
                _ => tail = 0,
            }
            Ok(())
        });
        if let Err(fault) = searched {
            self.damage.note(tail.max(1), tail.max(1), &fault);
        }
        tail
    }

    /// Returns true if the event `before`, with its topic, should be there and is not: it lies after `found`, the last event
    /// found before another one, which says that `before` came just before it.
    pub(super) fn is_missing(&self, before: (u64, u32), found: u64) -> FileResult<bool> {
        let (seq, topic) = before;
        Ok(seq > found && self.retains(topic, seq)?)
    }

    pub(super) fn entry(&self, event: OpenedEvent<'_>) -> FileResult<Entry> {
        let topic = self.topic(event.head.topic)?;
        tables::entry(event, topic)
    }

    pub(super) fn topic(&self, id: u32) -> FileResult<Topic> {
        if let Some(topic) = self.names()?.topics.get(&id) {
            return Ok(topic.clone());
        }
        // The topic was forgotten since; the snapshot still has it.
        let record = self.record(id)?.ok_or_else(|| Fault::Row(format!("there is no topic {id}")))?;
        Ok(record.topic)
    }

    fn record(&self, id: u32) -> FileResult<Option<TopicRecord>> {
        self.topics.get(id)?.map(|row| tables::topic(id, row.value())).transpose()
    }

    /// Returns true if the snapshot retains the event `seq` of the topic `id`, as far as the topic's row says.
    pub(super) fn retains(&self, id: u32, seq: u64) -> FileResult<bool> {
        let Some(TopicRecord { retained, .. }) = self.record(id)? else { return Ok(false) };
        Ok((retained.first..=retained.last).contains(&seq) && retained.events > 0)
    }

    /// The last event of the topic `id` that the snapshot retains, 0 if there is none.
    pub(super) fn last_of(&self, id: u32) -> FileResult<u64> {
        Ok(self.record(id)?.map_or(0, |record| record.retained.last))
    }

    pub(super) fn index(&self) -> FileResult<ReadOnlyTable<(u32, u64), u32>> {
        Ok(self.transaction.open_table(INDEX)?)
    }

    pub(super) fn names(&self) -> FileResult<RwLockReadGuard<'_, TopicNames>> {
        self.names.read().map_err(|_| Fault::Gone)
    }
}
