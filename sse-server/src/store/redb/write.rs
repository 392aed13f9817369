//! One write transaction: it inserts events and keys, trims old ones, and updates the rows of the topics.

mod topics;
mod trim;

use std::collections::{BTreeMap, BTreeSet};

use redb::{Key as TableKey, ReadableTable, ReadableTableMetadata, Table, TableDefinition, Value, WriteTransaction};

use super::{
    Fault,
    loaded::{self, Loaded},
    queue::QueuedBatch,
    tables::{
        self, ALIASES, Before, EVENTS, FileResult, INDEX, Indexed, KEYS, META, NO_TOPIC, OTHERS, OtherTopic, TOPICS,
    },
};
use crate::store::{Entry, Key, Scope, StoredKey};
use sse_engine::{Kind, Millis, StoredTopic, Topic, Trim};
pub(super) use topics::TopicIndex;
use trim::Cut;
pub(super) use trim::Reason;

/// The tables of a transaction, and the part of the file that is kept in memory. If the transaction fails, that part is
/// loaded again.
pub(super) struct LogTransaction<'t> {
    transaction: &'t WriteTransaction,
    events: Table<'t, u64, &'static [u8]>,
    index: Table<'t, (u32, u64), u32>,
    others: OnDemand<'t, (u32, u64), (u32, u32)>,
    aliases: OnDemand<'t, (&'static str, u64), ()>,
    keys: Table<'t, u64, &'static [u8]>,
    pub(super) loaded: &'t mut Loaded,
    pub(super) topics: &'t mut TopicIndex,
    /// Topics whose rows have to be written.
    touched: BTreeSet<u32>,
    trims: BTreeMap<u32, Cut>,
    /// Trims of topics that were forgotten in this transaction.
    gone: Vec<Trim>,
    /// Where the batches that end a topic without an event have ended it.
    ended: Vec<u64>,
    /// Topics that had ended, and go on or were forgotten.
    reopened: Vec<Topic>,
    /// Keys were dropped.
    forgot: bool,
}

/// What a transaction does to topics, for those who have to know.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Where each batch that ends a topic without an event has ended it, in order.
    pub(super) ended: Vec<u64>,
    /// Topics that had ended, and go on. One that was forgotten is as if it had never been.
    pub(super) reopened: Vec<Topic>,
}

/// A table that few transactions need, and that is opened if one does.
struct OnDemand<'t, K: TableKey + 'static, V: Value + 'static> {
    definition: TableDefinition<'static, K, V>,
    table: Option<Table<'t, K, V>>,
}

impl<'t, K: TableKey + 'static, V: Value + 'static> OnDemand<'t, K, V> {
    const fn new(definition: TableDefinition<'static, K, V>) -> Self {
        Self { definition, table: None }
    }

    fn get(&mut self, transaction: &'t WriteTransaction) -> FileResult<&mut Table<'t, K, V>> {
        match &mut self.table {
            Some(table) => Ok(table),
            none => Ok(none.insert(transaction.open_table(self.definition)?)),
        }
    }
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
            others: OnDemand::new(OTHERS),
            aliases: OnDemand::new(ALIASES),
            keys: transaction.open_table(KEYS)?,
            loaded,
            topics,
            touched: BTreeSet::new(),
            trims: BTreeMap::new(),
            gone: Vec::new(),
            ended: Vec::new(),
            reopened: Vec::new(),
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

    /// Inserts the events and keys of `batch`, and ends the topic that it ends.
    pub(super) fn insert(&mut self, batch: &QueuedBatch) -> FileResult<()> {
        for entry in &batch.entries {
            self.insert_event(entry)?;
        }
        if let Some(topic) = &batch.end {
            self.end(topic, batch.at.0)?;
        }
        for keyed in &batch.keys {
            let seqs = batch.entries.get(keyed.events.clone()).unwrap_or_default();
            let mut seqs: Vec<_> = seqs.iter().map(|entry| entry.seq).collect();
            let ordinal = self.loaded.next_key;
            if let Some(upload) = keyed.upload {
                let (Some(first), Some(last)) = (seqs.first().copied(), seqs.last().copied()) else {
                    continue; // without new events the key before it stands
                };
                seqs = vec![upload.first.unwrap_or(first), last];
                if let Some(before) = self.topics.uploads.insert(keyed.key.text.clone(), ordinal) {
                    self.keys.remove(before)?;
                }
            }
            let total = keyed.upload.map_or(0, |upload| upload.total);
            let (key, content) = (keyed.key.clone(), keyed.content);
            let stored = StoredKey { key, content, seqs: seqs.into(), total, time: batch.now };
            self.keys.insert(ordinal, &*tables::key_row(ordinal, &stored))?;
            self.loaded.next_key += 1;
        }
        Ok(())
    }

    fn insert_event(&mut self, entry: &Entry) -> FileResult<()> {
        let Entry { seq, draft, .. } = entry;
        let private = draft.private;
        let others = self.note_others(entry)?;
        let id = self.topic(&draft.topic)?;
        let weight = draft.weight();
        let of_topic = self.note(id, Kind { canonical: true, private }, *seq, weight);
        let before = Before { of_topic, of_log: self.topics.last };
        self.topics.last = (*seq, id);
        let bits = Indexed { weight, private }.bits();
        self.events.insert(seq, &*tables::event_row(id, before, &others, entry))?;
        self.index.insert((id, *seq), bits)?;
        for other in others {
            self.others.get(self.transaction)?.insert((other.id, *seq), (bits, id))?;
        }
        if let Some(alias) = &draft.alias {
            self.aliases.get(self.transaction)?.insert((alias.as_str(), *seq), ())?;
        }
        if draft.end
            && let Some(stored) = self.loaded.topics.get_mut(&id)
        {
            stored.ended = *seq;
        }
        self.topics.events += 1;
        self.topics.bytes += weight as u64;
        Ok(())
    }

    /// Records a new event in its topics other than the canonical one, and returns them.
    fn note_others(&mut self, entry: &Entry) -> FileResult<Vec<OtherTopic>> {
        let mut others = Vec::new();
        let kind = Kind { canonical: false, private: entry.draft.private };
        for topic in &entry.draft.others {
            let id = self.topic(topic)?;
            let last = self.note(id, kind, entry.seq, 0);
            let canonical = match last {
                0 => NO_TOPIC,
                // it is where the new one will be
                last => self.others.get(self.transaction)?.get((id, last))?.map_or(NO_TOPIC, |row| row.value().1),
            };
            others.push(OtherTopic { id, before: (last, canonical) });
        }
        Ok(others)
    }

    /// Records a new event of topic `id`, and returns the one of its kind before it, 0 if there is none.
    fn note(&mut self, id: u32, kind: Kind, seq: u64, weight: usize) -> u64 {
        self.touched.insert(id);
        let Some(stored) = self.loaded.topics.get_mut(&id) else { return 0 };
        self.topics.note_change(id, stored);
        let (events, last) = (stored.retained.events(), stored.retained.of(kind).last);
        stored.retained.of_mut(kind).add(seq, weight);
        self.topics.smallest.change(id, events, stored.retained.events());
        last
    }

    /// Ends `topic` after its last event of any kind, or if it has none at `at`.
    fn end(&mut self, topic: &Topic, at: u64) -> FileResult<()> {
        let id = self.topic(topic)?;
        if let Some(stored) = self.loaded.topics.get_mut(&id) {
            stored.ended = stored.retained.end_at(at);
            self.ended.push(stored.ended);
            self.topics.note_empty(id, stored);
            self.touched.insert(id);
        }
        Ok(())
    }

    /// Goes on with `topic`, if it has ended.
    pub(super) fn reopen(&mut self, topic: &Topic) {
        let Some(id) = self.topics.ids.get(topic) else { return };
        if let Some(stored) = self.loaded.topics.get_mut(id).filter(|stored| stored.ended > 0) {
            stored.ended = 0;
            self.touched.insert(*id);
            self.reopened.push(topic.clone());
        }
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
        let Loaded { floor: lost, private_floor: lost_private, .. } = *self.loaded;
        self.loaded.topics.insert(id, StoredTopic { lost, lost_private, ..StoredTopic::new(topic.clone()) });
        self.topics.ids.insert(topic.clone(), id);
        Ok(id)
    }

    /// Drops keys beyond `most` or older than `before`, at most `steps` of them.
    pub(super) fn forget_keys(&mut self, most: usize, before: Millis, steps: usize) -> FileResult<()> {
        for _ in 0..steps {
            let Some((ordinal, time)) = self.oldest_key()? else { break };
            if self.keys.len()? <= most as u64 && time >= before {
                break;
            }
            let gone = self.keys.remove(ordinal)?.map(|row| tables::stored_key(ordinal, row.value()));
            if let Some(Ok(StoredKey { key: Key { scope: Scope::Upload, text }, .. })) = gone
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

    /// Writes the rows of the topics and the counters. Returns what was trimmed, and what else became of topics.
    pub(super) fn finish(
        mut self,
        head: (u64, Millis),
        reserved: u64,
        behind: bool,
        in_use: bool,
    ) -> FileResult<(Vec<Trim>, Outcome)> {
        let trims = self.take_trims()?;
        let mut rows = self.transaction.open_table(TOPICS)?;
        for id in &self.touched {
            match self.loaded.topics.get(id) {
                Some(stored) => rows.insert(id, &*tables::topic_row(*id, stored))?,
                None => rows.remove(id)?,
            };
        }
        (self.loaded.head, self.loaded.time) = head;
        (self.loaded.reserved, self.loaded.behind) = (reserved, behind);
        (self.loaded.in_use, self.loaded.topic_rows) = (in_use, self.loaded.topics.len() as u64);
        loaded::write_numbers(&mut self.transaction.open_table(META)?, self.loaded)?;
        Ok((trims, Outcome { ended: self.ended, reopened: self.reopened }))
    }
}
