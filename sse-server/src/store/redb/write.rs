//! One transaction: events and keys are entered, old ones taken out, and the topics' rows follow.

use std::collections::{BTreeSet, HashMap};

use redb::{ReadableTable, Table, WriteTransaction};

use super::{
    Fault,
    file::Loaded,
    queue::Record,
    tables::{self, EVENTS, EventRow, INDEX, KEYS, KeyRow, META, Rows, TOPICS, meta},
};
use crate::store::{Entry, TopicRecord};
use sse_engine::{Millis, Retained, Topic, Trim};

/// The tables of a transaction, and what is in memory of the file. If the transaction fails, what is in memory is read
/// anew.
pub(super) struct Writing<'t> {
    transaction: &'t WriteTransaction,
    pub(super) events: Table<'t, u64, EventRow<'static>>,
    index: Table<'t, (u32, u64), u32>,
    keys: Table<'t, u64, KeyRow<'static>>,
    pub(super) loaded: &'t mut Loaded,
    pub(super) topics: &'t mut Topics,
    /// Topics whose rows have changed.
    touched: BTreeSet<u32>,
    trims: HashMap<u32, Cut>,
    /// What was trimmed of topics that are forgotten since.
    gone: Vec<Trim>,
    /// Keys were forgotten.
    forgot: bool,
}

/// What the writer knows of the topics together.
#[derive(Debug, Default)]
pub(super) struct Topics {
    ids: HashMap<Topic, u32>,
    /// Topics without events, by the last event that was trimmed of them.
    empty: BTreeSet<(u64, u32)>,
    pub(super) events: u64,
    pub(super) bytes: u64,
}

/// What is trimmed of a topic in this transaction.
#[derive(Debug, Clone, Copy, Default)]
struct Cut {
    through: u64,
    time: Millis,
    lossy: bool,
}

impl Topics {
    pub(super) fn of(loaded: &Loaded) -> Self {
        let mut topics = Self::default();
        for (id, record) in &loaded.topics {
            topics.ids.insert(record.topic.clone(), *id);
            topics.events += record.retained.events as u64;
            topics.bytes += record.retained.bytes as u64;
            if record.retained.events == 0 {
                topics.empty.insert((record.trimmed.0, *id));
            }
        }
        topics
    }
}

impl<'t> Writing<'t> {
    pub(super) fn begin(
        transaction: &'t WriteTransaction,
        loaded: &'t mut Loaded,
        topics: &'t mut Topics,
    ) -> Rows<Self> {
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

    /// Whether there is anything to commit.
    pub(super) fn is_changed(&self) -> bool {
        self.forgot || !self.touched.is_empty()
    }

    /// The topics that have changed.
    pub(super) fn touched(&self) -> Vec<u32> {
        self.touched.iter().copied().collect()
    }

    /// Enters a batch, and its keys.
    pub(super) fn enter(&mut self, record: &Record) -> Rows<()> {
        for entry in &record.entries {
            self.enter_event(entry)?;
        }
        for mark in &record.keys {
            let seqs = record.entries.get(mark.events.clone()).unwrap_or_default();
            let seqs: Vec<_> = seqs.iter().map(|entry| entry.seq).collect();
            let ordinal = self.loaded.next_key;
            self.keys.insert(ordinal, tables::key_row(&mark.key, mark.content, record.now, seqs))?;
            self.loaded.next_key += 1;
        }
        Ok(())
    }

    fn enter_event(&mut self, entry: &Entry) -> Rows<()> {
        let id = self.topic(&entry.draft.topic)?;
        let weight = entry.draft.weight();
        self.events.insert(entry.seq, tables::event_row(id, entry))?;
        self.index.insert((id, entry.seq), u32::try_from(weight).unwrap_or(u32::MAX))?;
        if let Some(record) = self.loaded.topics.get_mut(&id) {
            if record.retained.events == 0 {
                self.topics.empty.remove(&(record.trimmed.0, id));
            }
            record.retained.add(entry.seq, weight);
        }
        self.touched.insert(id);
        self.topics.events += 1;
        self.topics.bytes += weight as u64;
        Ok(())
    }

    /// The topic's number, given if it has none.
    fn topic(&mut self, topic: &Topic) -> Rows<u32> {
        if let Some(id) = self.topics.ids.get(topic) {
            return Ok(*id);
        }
        let id = self.loaded.next_topic;
        self.loaded.next_topic =
            id.checked_add(1).ok_or_else(|| Fault::Row("there are no numbers left for topics".into()))?;
        // It may be one that was forgotten: then it lost all that the floor says.
        let record = TopicRecord { topic: topic.clone(), retained: Retained::default(), trimmed: self.loaded.floor };
        self.loaded.topics.insert(id, record);
        self.topics.ids.insert(topic.clone(), id);
        Ok(id)
    }

    /// Takes an event out. `lossy`: someone may miss it.
    pub(super) fn trim(&mut self, seq: u64, lossy: bool) -> Rows<bool> {
        let Some((time, id)) = self.events.remove(seq)?.map(|row| (row.value().0, row.value().1)) else {
            return Ok(false);
        };
        let weight = self.index.remove((id, seq))?.map_or(0, |weight| weight.value());
        if let Some(record) = self.loaded.topics.get_mut(&id) {
            let retained = &mut record.retained;
            retained.events = retained.events.saturating_sub(1);
            retained.bytes = retained.bytes.saturating_sub(weight as usize);
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

    /// Takes out a topic's events through one, so many at the most. `false`: there are more.
    pub(super) fn trim_topic(&mut self, topic: &Topic, through: u64, most: usize) -> Rows<bool> {
        let Some(id) = self.topics.ids.get(topic).copied() else { return Ok(true) };
        let mut before = 0;
        for _ in 0..most {
            let Some(seq) = self.next_of(id, before)?.filter(|seq| *seq <= through) else { return Ok(true) };
            self.trim(seq, true)?;
            before = seq;
        }
        Ok(false)
    }

    /// The topic's first event after one.
    pub(super) fn next_of(&self, id: u32, after: u64) -> Rows<Option<u64>> {
        Ok(self.index.range((id, after + 1)..=(id, u64::MAX))?.next().transpose()?.map(|(key, _)| key.value().1))
    }

    /// Takes out what the file has after an event that it should not have: a write of which nobody was told.
    pub(super) fn cut_off(&mut self, after: u64, next_key: u64) -> Rows<()> {
        let seqs: Vec<u64> =
            self.events.range(after + 1..)?.map(|row| Ok(row?.0.value())).collect::<Result<_, redb::StorageError>>()?;
        for seq in seqs {
            self.trim(seq, false)?;
        }
        self.keys.retain_in(next_key.., |_, _| false)?;
        self.loaded.next_key = next_key;
        for id in self.touched() {
            let last = self.index.range((id, 0)..=(id, u64::MAX))?.next_back().transpose()?;
            let last = last.map_or(0, |(key, _)| key.value().1);
            if let Some(record) = self.loaded.topics.get_mut(&id) {
                record.retained.last = last;
            }
        }
        Ok(())
    }

    /// Forgets the topic without events of which the last was trimmed first.
    pub(super) fn forget(&mut self) -> Rows<Option<u32>> {
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

    /// Forgets keys that are too many or too old, and a few at a time.
    pub(super) fn forget_keys(&mut self, most: usize, before: Millis, steps: usize) -> Rows<()> {
        for _ in 0..steps {
            let Some(first) = self.keys.first()?.map(|(ordinal, row)| (ordinal.value(), row.value().5)) else { break };
            let (ordinal, time) = first;
            if self.loaded.next_key - ordinal <= most as u64 && time >= before {
                break;
            }
            self.keys.remove(ordinal)?;
            self.forgot = true;
        }
        Ok(())
    }

    /// Writes the topics' rows and the file's numbers. Gives what was trimmed.
    pub(super) fn finish(mut self, head: (u64, Millis), reserved: u64, behind: bool, in_use: bool) -> Rows<Vec<Trim>> {
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
                Some(record) => rows.insert(id, tables::topic_row(record))?,
                None => rows.remove(id)?,
            };
        }
        (self.loaded.head, self.loaded.time) = head;
        (self.loaded.reserved, self.loaded.behind) = (reserved, behind);
        let mut numbers = self.transaction.open_table(META)?;
        for (name, number) in [
            (meta::HEAD, head.0),
            (meta::TIME, head.1),
            (meta::RESERVED, reserved),
            (meta::BEHIND, u64::from(behind)),
            (meta::IN_USE, u64::from(in_use)),
            (meta::FLOOR, self.loaded.floor.0),
            (meta::FLOOR_TIME, self.loaded.floor.1),
            (meta::NEXT_TOPIC, u64::from(self.loaded.next_topic)),
            (meta::NEXT_KEY, self.loaded.next_key),
        ] {
            numbers.insert(name, number)?;
        }
        Ok(trims)
    }
}
