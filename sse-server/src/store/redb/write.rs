//! One write transaction: it inserts events and keys, trims old ones, and updates the rows of the topics.

use std::collections::{BTreeSet, HashMap};

use redb::{ReadableTable, ReadableTableMetadata, Table, WriteTransaction};

use super::{
    Fault,
    loaded::{self, Loaded},
    queue::QueuedBatch,
    tables::{self, Before, EVENTS, FileResult, INDEX, KEYS, META, TOPICS},
};
use crate::store::{Entry, Key, Scope, StoredKey, TopicRecord};
use sse_engine::{BySize, Millis, Retained, Topic, Trim};

/// The tables of a transaction, and the part of the file that is kept in memory. If the transaction fails, that part is
/// loaded again.
pub(super) struct LogTransaction<'t> {
    transaction: &'t WriteTransaction,
    events: Table<'t, u64, &'static [u8]>,
    index: Table<'t, (u32, u64), u32>,
    keys: Table<'t, u64, &'static [u8]>,
    pub(super) loaded: &'t mut Loaded,
    pub(super) topics: &'t mut TopicIndex,
    /// Topics whose rows have to be written.
    touched: BTreeSet<u32>,
    trims: HashMap<u32, Cut>,
    /// Trims of topics that were forgotten in this transaction.
    gone: Vec<Trim>,
    /// Keys were dropped.
    forgot: bool,
}

/// The ID of no topic: there are never as many.
const NO_TOPIC: u32 = u32::MAX;

/// Topics by name, and totals over all of them.
#[derive(Debug, Default)]
pub(super) struct TopicIndex {
    ids: HashMap<Topic, u32>,
    /// Topics without events, ordered by their last trimmed event.
    empty: BTreeSet<(u64, u32)>,
    smallest: BySize<u32>,
    /// The last key of each request of lines.
    uploads: HashMap<String, u64>,
    pub(super) events: u64,
    pub(super) bytes: u64,
    /// The last event retained, and its topic.
    last: (u64, u32),
}

/// What this transaction trims from a topic.
#[derive(Debug, Clone, Copy, Default)]
struct Cut {
    through: u64,
    time: Millis,
    lossy: bool,
}

impl TopicIndex {
    pub(super) fn of(loaded: &Loaded) -> Self {
        let mut topics = Self::default();
        for (id, record) in &loaded.topics {
            topics.ids.insert(record.topic.clone(), *id);
            topics.events += record.retained.events as u64;
            topics.bytes += record.retained.bytes as u64;
            topics.smallest.note(*id, record.retained.events);
            if record.retained.events == 0 {
                topics.empty.insert((record.trimmed.0, *id));
            }
        }
        topics.last = last(loaded);
        let uploads = loaded.keys.iter().filter(|(_, key)| key.key.scope == Scope::Lines);
        topics.uploads = uploads.map(|(ordinal, key)| (key.key.text.clone(), *ordinal)).collect();
        topics
    }
}

fn last(loaded: &Loaded) -> (u64, u32) {
    loaded.topics.iter().map(|(id, record)| (record.retained.last, *id)).max().unwrap_or_default()
}

impl<'t> LogTransaction<'t> {
    pub(super) fn begin(
        transaction: &'t WriteTransaction,
        loaded: &'t mut Loaded,
        topics: &'t mut TopicIndex,
    ) -> FileResult<Self> {
        Ok(Self {
            transaction,
            events: transaction.open_table(EVENTS)?,
            index: transaction.open_table(INDEX)?,
            keys: transaction.open_table(KEYS)?,
            loaded,
            topics,
            touched: BTreeSet::new(),
            trims: HashMap::new(),
            gone: Vec::new(),
            forgot: false,
        })
    }

    /// Returns true if there is anything to commit.
    pub(super) fn is_changed(&self) -> bool {
        self.forgot || !self.touched.is_empty()
    }

    /// The IDs of the changed topics.
    pub(super) fn touched(&self) -> Vec<u32> {
        self.touched.iter().copied().collect()
    }

    /// Inserts the events and keys of `batch`.
    pub(super) fn insert(&mut self, batch: &QueuedBatch) -> FileResult<()> {
        for entry in &batch.entries {
            self.insert_event(entry)?;
        }
        for keyed in &batch.keys {
            let seqs = batch.entries.get(keyed.events.clone()).unwrap_or_default();
            let mut seqs: Vec<_> = seqs.iter().map(|entry| entry.seq).collect();
            let ordinal = self.loaded.next_key;
            if let Some(upload) = keyed.upload
                && let (Some(first), Some(last)) = (seqs.first().copied(), seqs.last().copied())
            {
                seqs = vec![upload.first.unwrap_or(first), last];
                if let Some(before) = self.topics.uploads.insert(keyed.key.text.clone(), ordinal) {
                    self.keys.remove(before)?;
                }
            }
            let lines = keyed.upload.map_or(0, |upload| upload.lines);
            let (key, content) = (keyed.key.clone(), keyed.content);
            let stored = StoredKey { key, content, seqs: seqs.into(), lines, time: batch.now };
            self.keys.insert(ordinal, &*tables::key_row(ordinal, &stored))?;
            self.loaded.next_key += 1;
        }
        Ok(())
    }

    fn insert_event(&mut self, entry: &Entry) -> FileResult<()> {
        let id = self.topic(&entry.draft.topic)?;
        let weight = entry.draft.weight();
        let of_topic = self.loaded.topics.get(&id).map_or(0, |record| record.retained.last);
        let before = Before { of_topic, of_log: self.topics.last };
        self.topics.last = (entry.seq, id);
        self.events.insert(entry.seq, &*tables::event_row(id, before, entry))?;
        self.index.insert((id, entry.seq), u32::try_from(weight).unwrap_or(u32::MAX))?;
        if let Some(record) = self.loaded.topics.get_mut(&id) {
            if record.retained.events == 0 {
                self.topics.empty.remove(&(record.trimmed.0, id));
            }
            record.retained.add(entry.seq, weight);
            if record.retained.events.is_power_of_two() {
                self.topics.smallest.note(id, record.retained.events);
            }
        }
        self.touched.insert(id);
        self.topics.events += 1;
        self.topics.bytes += weight as u64;
        Ok(())
    }

    /// The ID of `topic`, assigned if it has none yet.
    fn topic(&mut self, topic: &Topic) -> FileResult<u32> {
        if let Some(id) = self.topics.ids.get(topic) {
            return Ok(*id);
        }
        let id = self.loaded.next_topic;
        self.loaded.next_topic =
            id.checked_add(1).ok_or_else(|| Fault::Row("there are no numbers left for topics".into()))?;
        // The topic may have been forgotten: then everything through the floor may be lost.
        let record = TopicRecord { topic: topic.clone(), retained: Retained::default(), trimmed: self.loaded.floor };
        self.loaded.topics.insert(id, record);
        self.topics.ids.insert(topic.clone(), id);
        Ok(id)
    }

    /// Trims the event `seq`, and returns true if it existed. `lossy` says that a subscriber may miss it.
    pub(super) fn trim(&mut self, seq: u64, lossy: bool) -> FileResult<bool> {
        let Some((time, id)) = self.remove(seq)? else { return Ok(false) };
        let weight = self.index.remove((id, seq))?.map_or(0, |weight| weight.value());
        if id == NO_TOPIC {
            return Ok(true);
        }
        if let Some(record) = self.loaded.topics.get_mut(&id) {
            let retained = &mut record.retained;
            retained.events = retained.events.saturating_sub(1);
            retained.bytes = retained.bytes.saturating_sub(weight as usize);
            self.topics.smallest.note(id, retained.events);
            if lossy {
                record.trimmed = (record.trimmed.0.max(seq), record.trimmed.1.max(time));
            }
            if retained.events == 0 {
                (retained.first, retained.last) = (0, 0);
                self.topics.empty.insert((record.trimmed.0, id));
            }
        }
        self.topics.events = self.topics.events.saturating_sub(1);
        self.topics.bytes = self.topics.bytes.saturating_sub(u64::from(weight));
        self.touched.insert(id);
        let cut = self.trims.entry(id).or_default();
        *cut = Cut { through: cut.through.max(seq), time: cut.time.max(time), lossy: cut.lossy || lossy };
        Ok(true)
    }

    /// Removes the row of the event `seq`, and returns its time and topic. A damaged row does not say them: it is of the
    /// time of the log, and of the topic that has such an event in the index.
    fn remove(&mut self, seq: u64) -> FileResult<Option<(Millis, u32)>> {
        let head = match self.events.remove(seq)? {
            None => return Ok(None),
            Some(row) => tables::event_head(seq, row.value()),
        };
        match head {
            Ok(head) => Ok(Some((head.time, head.topic))),
            Err(Fault::Row(_)) => {
                for id in self.loaded.topics.keys() {
                    if self.index.get((*id, seq))?.is_some() {
                        return Ok(Some((self.loaded.time, *id)));
                    }
                }
                Ok(Some((self.loaded.time, NO_TOPIC)))
            }
            Err(fault) => Err(fault),
        }
    }

    /// Trims up to `most` events of `topic` through `through`. Returns false if more remain.
    pub(super) fn trim_topic(&mut self, topic: &Topic, through: u64, most: usize) -> FileResult<bool> {
        let Some(id) = self.topics.ids.get(topic).copied() else { return Ok(true) };
        let mut before = 0;
        for _ in 0..most {
            let Some(seq) = self.next_of(id, before)?.filter(|seq| *seq <= through) else { return Ok(true) };
            self.trim(seq, true)?;
            before = seq;
        }
        Ok(false)
    }

    /// The oldest event and its time. One whose row is damaged is as old as can be: it goes first.
    pub(super) fn oldest(&self) -> FileResult<Option<(u64, Millis)>> {
        let Some((seq, row)) = self.events.first()? else { return Ok(None) };
        let seq = seq.value();
        Ok(Some((seq, tables::event_head(seq, row.value()).map_or(0, |head| head.time))))
    }

    /// The oldest event of one of the smallest topics, but not of the newest one: it would never get in.
    pub(super) fn oldest_of_smallest(&self) -> FileResult<Option<u64>> {
        let newest = self.loaded.next_topic.checked_sub(1);
        match self.topics.smallest.first_but(newest) {
            Some(id) => self.next_of(id, 0),
            None => Ok(None),
        }
    }

    /// The time of the event `seq`, if there is one.
    pub(super) fn time(&self, seq: u64) -> FileResult<Option<Millis>> {
        Ok(self.events.get(seq)?.map(|row| tables::event_head(seq, row.value()).map_or(0, |head| head.time)))
    }

    /// The first event of topic `id` after `after`.
    pub(super) fn next_of(&self, id: u32, after: u64) -> FileResult<Option<u64>> {
        Ok(self.index.range((id, after + 1)..=(id, u64::MAX))?.next().transpose()?.map(|(key, _)| key.value().1))
    }

    /// Removes everything after event `after` and from key `next_key` on: a commit that was reported as failed may have
    /// reached the file after all.
    pub(super) fn cut_off(&mut self, after: u64, next_key: u64) -> FileResult<()> {
        let seqs: Vec<u64> =
            self.events.range(after + 1..)?.map(|row| Ok(row?.0.value())).collect::<Result<_, redb::StorageError>>()?;
        for seq in seqs {
            self.trim(seq, false)?;
        }
        self.keys.retain_in(next_key.., |_, _| false)?;
        self.loaded.next_key = next_key;
        for id in self.touched() {
            let newest = self.index.range((id, 0)..=(id, u64::MAX))?.next_back().transpose()?;
            let newest = newest.map_or(0, |(key, _)| key.value().1);
            if let Some(record) = self.loaded.topics.get_mut(&id) {
                record.retained.last = newest;
            }
        }
        self.topics.last = last(self.loaded);
        Ok(())
    }

    /// Forgets the empty topic whose last event is the oldest.
    pub(super) fn forget(&mut self) -> FileResult<Option<u32>> {
        let Some((_, id)) = self.topics.empty.pop_first() else { return Ok(None) };
        let Some(record) = self.loaded.topics.remove(&id) else { return Ok(None) };
        self.topics.ids.remove(&record.topic);
        let (through, time) = self.loaded.floor;
        self.loaded.floor = (through.max(record.trimmed.0), time.max(record.trimmed.1));
        self.touched.insert(id);
        if let Some(Cut { through, time, lossy }) = self.trims.remove(&id) {
            self.gone.push(Trim { topic: record.topic, through, time, lossy, left: Retained::default() });
        }
        Ok(Some(id))
    }

    /// Drops keys beyond `most` or older than `before`, at most `steps` of them.
    pub(super) fn forget_keys(&mut self, most: usize, before: Millis, steps: usize) -> FileResult<()> {
        for _ in 0..steps {
            let Some((ordinal, time)) = self.oldest_key()? else { break };
            if self.keys.len()? <= most as u64 && time >= before {
                break;
            }
            let gone = self.keys.remove(ordinal)?.map(|row| tables::stored_key(ordinal, row.value()));
            if let Some(Ok(StoredKey { key: Key { scope: Scope::Lines, text }, .. })) = gone
                && self.topics.uploads.get(&text) == Some(&ordinal)
            {
                self.topics.uploads.remove(&text);
            }
            self.forgot = true;
        }
        Ok(())
    }

    /// The oldest key and its time. One whose row is damaged is as old as can be.
    fn oldest_key(&self) -> FileResult<Option<(u64, Millis)>> {
        let Some((ordinal, row)) = self.keys.first()? else { return Ok(None) };
        let ordinal = ordinal.value();
        Ok(Some((ordinal, tables::key_time(ordinal, row.value()).unwrap_or(0))))
    }

    /// Writes the rows of the topics and the counters. Returns what was trimmed.
    pub(super) fn finish(
        mut self,
        head: (u64, Millis),
        reserved: u64,
        behind: bool,
        in_use: bool,
    ) -> FileResult<Vec<Trim>> {
        let mut trims = std::mem::take(&mut self.gone);
        for (id, cut) in std::mem::take(&mut self.trims) {
            let next = self.next_of(id, 0)?;
            let Some(record) = self.loaded.topics.get_mut(&id) else { continue };
            record.retained.first = next.unwrap_or(0);
            let Cut { through, time, lossy } = cut;
            trims.push(Trim { topic: record.topic.clone(), through, time, lossy, left: record.retained });
        }
        let mut rows = self.transaction.open_table(TOPICS)?;
        for id in &self.touched {
            match self.loaded.topics.get(id) {
                Some(record) => rows.insert(id, &*tables::topic_row(*id, record))?,
                None => rows.remove(id)?,
            };
        }
        (self.loaded.head, self.loaded.time) = head;
        (self.loaded.reserved, self.loaded.behind) = (reserved, behind);
        (self.loaded.in_use, self.loaded.topic_rows) = (in_use, self.loaded.topics.len() as u64);
        loaded::write_numbers(&mut self.transaction.open_table(META)?, self.loaded)?;
        Ok(trims)
    }
}
