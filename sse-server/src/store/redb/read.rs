//! Reading from a snapshot, which later writes don't change.

use std::sync::{RwLock, RwLockReadGuard};

use redb::{Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable};
use sse_engine::{MAX_ALIASED, Millis, Selectors, Stock, StoredTopic, Topic};

use super::{
    Fault, TopicNames,
    damage::Damage,
    fault::guarded,
    loaded::Loaded,
    queue::FOLLOWER_BATCH,
    tables::{self, ALIASES, EVENTS, FileResult, OpenedEvent, TOPICS},
};
use crate::store::Entry;

/// The approximate memory cost of an event besides its data.
const KEPT: usize = 200;

/// The committed state at one moment.
pub(crate) struct Snapshot<'a> {
    pub(super) transaction: ReadTransaction,
    pub(super) events: ReadOnlyTable<u64, &'static [u8]>,
    topics: ReadOnlyTable<u32, &'static [u8]>,
    names: &'a RwLock<TopicNames>,
    pub(super) damage: &'a Damage,
    /// Events through this one are included; later ones may be.
    pub(super) committed: u64,
}

impl<'a> Snapshot<'a> {
    pub(crate) fn new(
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

    /// What a snapshot needs besides the file, where nobody writes to it.
    pub(crate) fn beside(loaded: &Loaded) -> (RwLock<TopicNames>, Damage) {
        (RwLock::new(TopicNames::of(loaded)), Damage::silent())
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
            entries.push(self.entry(&tables::open_event(seq, row)?)?);
        }
        Ok((entries, self.committed))
    }

    /// Those of the events `seqs` that there are and that `selectors` may read. Damaged ones are left out.
    pub(super) fn entries_at(&self, seqs: &[u64], selectors: &Selectors) -> FileResult<Vec<Entry>> {
        let mut entries = Vec::new();
        for seq in seqs.iter().filter(|seq| **seq <= self.committed) {
            let entry = self.entry_at(*seq)?;
            entries.extend(entry.filter(|entry| entry.may_be_read_by(selectors)));
        }
        Ok(entries)
    }

    /// The first event with this ID of its publisher's that `selectors` may read, if it is among the first [`MAX_ALIASED`].
    /// Damaged ones are left out.
    pub(super) fn aliased(&self, alias: &str, selectors: &Selectors) -> FileResult<Option<Entry>> {
        let aliases = self.transaction.open_table(ALIASES)?;
        for row in aliases.range((alias, 0)..=(alias, self.committed))?.take(MAX_ALIASED) {
            let entry = self.entry_at(row?.0.value().1)?;
            if let Some(entry) = entry.filter(|entry| entry.may_be_read_by(selectors)) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// The event `seq`, if it is there and can be read.
    fn entry_at(&self, seq: u64) -> FileResult<Option<Entry>> {
        let read = guarded(|| {
            let Some(row) = self.events.get(seq)? else { return Ok(None) };
            self.entry(&tables::open_event(seq, row.value())?).map(Some)
        });
        match read {
            Err(fault) if fault.is_damage() => {
                self.damage.note(seq, seq, &fault);
                Ok(None)
            }
            read => read,
        }
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
                // a damaged page may lead elsewhere
                Ok(Some((seq, at))) if at < time && (middle..high).contains(&seq) => low = seq + 1,
                _ => high = middle,
            }
        }
        Ok(low - 1)
    }

    /// The lowest sequence number after which there are at most `events` events, of at most `bytes` bytes together, none of
    /// them damaged or missing. `last` is the last event that there has to be.
    pub(super) fn tail(&self, events: usize, bytes: usize, last: u64) -> u64 {
        let (tail, count) = self.tail_backwards(events, bytes, last);
        // Who reads on from there comes by other pages: one that is damaged may lead past all events.
        match guarded(|| self.count_after(tail)) {
            Ok(found) if found == count => tail,
            // where the damage is, its readers find out
            found => {
                tracing::warn!(
                    tail,
                    count,
                    ?found,
                    "the events of the window are not found in the log; it starts empty"
                );
                self.committed
            }
        }
    }

    /// The number of events that are found after `after`, a batch at a time.
    fn count_after(&self, after: u64) -> FileResult<usize> {
        let (mut after, mut count) = (after, 0);
        while after < self.committed {
            let before = count;
            for row in self.events.range(after + 1..=self.committed)?.take(FOLLOWER_BATCH) {
                let seq = row?.0.value();
                if seq <= after || seq > self.committed {
                    return Err(Fault::Row(format!("event {seq} is out of order")));
                }
                (after, count) = (seq, count + 1);
            }
            if count - before < FOLLOWER_BATCH {
                break;
            }
        }
        Ok(count)
    }

    /// [`tail`](Self::tail), found from the end of the log, and the number of events after it.
    fn tail_backwards(&self, events: usize, bytes: usize, last: u64) -> (u64, usize) {
        let (mut tail, mut whole) = (self.committed, 0);
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
                self.entry(&event)?;
                (tail, whole) = (seq - 1, count + 1);
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
        (tail, whole)
    }

    /// Returns true if the event `before`, with its canonical topic, should be there and is not: it lies after `found`, the last event
    /// found before another one, which says that `before` came just before it.
    pub(super) fn is_missing(&self, before: (u64, u32), found: u64) -> FileResult<bool> {
        let (seq, topic) = before;
        Ok(seq > found && self.retains(topic, seq)?)
    }

    pub(super) fn entry(&self, event: &OpenedEvent<'_>) -> FileResult<Entry> {
        let topic = self.topic(event.head.topic)?;
        let others = event.others.iter().map(|other| self.topic(other.id)).collect::<FileResult<_>>()?;
        tables::entry(event, topic, others)
    }

    pub(super) fn topic(&self, id: u32) -> FileResult<Topic> {
        if let Some(topic) = self.names()?.topics.get(&id) {
            return Ok(topic.clone());
        }
        // The topic was forgotten since; the snapshot still has it.
        let stored = self.stored(id)?.ok_or_else(|| Fault::Row(format!("there is no topic {id}")))?;
        Ok(stored.topic)
    }

    fn stored(&self, id: u32) -> FileResult<Option<StoredTopic>> {
        self.topics.get(id)?.map(|row| tables::topic(id, row.value())).transpose()
    }

    /// Returns true if the snapshot retains the event `seq` of the canonical topic `id`, as far as the topic's row says.
    pub(super) fn retains(&self, id: u32, seq: u64) -> FileResult<bool> {
        Ok(tables::has_own(&self.stock(id)?, seq))
    }

    /// What the snapshot retains of the topic `id`, as far as the topic's row says.
    pub(super) fn stock(&self, id: u32) -> FileResult<Stock> {
        Ok(self.stored(id)?.map(|stored| stored.retained).unwrap_or_default())
    }

    pub(super) fn names(&self) -> FileResult<RwLockReadGuard<'_, TopicNames>> {
        self.names.read().map_err(|_| Fault::Gone)
    }
}
