//! Verifying that the file is consistent.

use std::collections::BTreeMap;

use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata};

use super::{Fault, LogFile, STRIDE};
use crate::store::redb::{
    fault::guarded,
    loaded::Loaded,
    tables::{self, Before, EVENTS, EventHead, FileResult, INDEX},
};
use sse_engine::{Millis, Position, Retained};

/// The most findings listed. Any further ones are only counted.
const TOLD: usize = 100;

/// The outcome of a verification.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The number of events checked.
    pub events: u64,
    /// The number of topics.
    pub topics: usize,
    /// The findings, a sentence each.
    pub findings: Vec<String>,
    /// The number of findings beyond those listed.
    pub more: u64,
}

impl Verified {
    /// Returns true if there are no findings.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.findings.is_empty()
    }

    fn find(&mut self, finding: String) {
        if self.findings.len() < TOLD {
            self.findings.push(finding);
        } else {
            self.more += 1;
        }
    }
}

impl LogFile {
    /// Checks that every event can be read, that sequence numbers and times increase, that the index and the counts of
    /// the topics agree with the events, and that the database is intact. The log is not changed, except that a damaged
    /// database repairs itself if it can.
    ///
    /// `progress` is called from time to time with the number of rows checked and their total.
    #[must_use = "the findings are in it"]
    pub fn verify(&mut self, progress: impl FnMut(u64, u64)) -> Verified {
        let mut found = Verified { topics: self.loaded.topics.len(), ..Verified::default() };
        let mut walk = Walk { loaded: &self.loaded, found: &mut found, progress, done: 0, total: 0 };
        walk.numbers();
        if let Err(fault) = guarded(|| walk.rows(&self.database)) {
            found.find(format!("the rest can't be read: {fault}"));
        }
        match guarded(|| Ok(self.database.check_integrity()?)) {
            Ok(true) => {}
            Ok(false) => found.find("the database was not in order, and repaired itself; check it again".to_owned()),
            Err(fault) => found.find(format!("the database is not in order: {fault}")),
        }
        found
    }
}

struct Walk<'a, P> {
    loaded: &'a Loaded,
    found: &'a mut Verified,
    progress: P,
    done: u64,
    total: u64,
}

impl<P: FnMut(u64, u64)> Walk<'_, P> {
    fn id(&self, seq: u64) -> String {
        Position::new(self.loaded.epoch, seq).to_string()
    }

    fn step(&mut self) {
        self.done += 1;
        if self.done.is_multiple_of(STRIDE) {
            (self.progress)(self.done, self.total);
        }
    }

    /// Checks the counters of the file.
    fn numbers(&mut self) {
        let Loaded { head, reserved, next_topic, next_key, holes, topics, keys, trusted, damaged, .. } = self.loaded;
        if !trusted {
            self.found.find("the checksum of the log's numbers does not match; no hub will use it".to_owned());
        }
        damaged.iter().for_each(|why| self.found.find(format!("a row can't be read: {why}")));
        if head > reserved {
            self.found.find(format!("the head {head} is beyond the reserved mark {reserved}"));
        }
        if let Some((id, _)) = topics.last_key_value().filter(|(id, _)| *id >= next_topic) {
            self.found.find(format!("there is a topic {id}, and {next_topic} is to be the next"));
        }
        if let Some((ordinal, _)) = keys.last().filter(|(ordinal, _)| ordinal >= next_key) {
            self.found.find(format!("there is an idempotency key {ordinal}, and {next_key} is to be the next"));
        }
        let mut before = 0;
        for hole in holes {
            if hole.after < before || hole.through < hole.after || hole.through > *head {
                let (after, through) = (hole.after, hole.through);
                self.found.find(format!("the hole after {after} through {through} is out of order"));
            }
            before = hole.through;
        }
    }

    fn rows(&mut self, database: &Database) -> FileResult<()> {
        let read = database.begin_read()?;
        let events = read.open_table(EVENTS)?;
        let index = read.open_table(INDEX)?;
        self.total = events.len()? + index.len()?;
        let counted = self.events(&events, &index)?;
        self.index(&events, &index)?;
        self.topics(&counted);
        (self.progress)(self.done, self.total);
        Ok(())
    }

    /// Checks each event, and that the index has it. Returns the totals of each topic.
    fn events(
        &mut self,
        events: &ReadOnlyTable<u64, &'static [u8]>,
        index: &ReadOnlyTable<(u32, u64), u32>,
    ) -> FileResult<BTreeMap<u32, Retained>> {
        let mut counted: BTreeMap<u32, Retained> = BTreeMap::new();
        let mut before: (u64, Millis) = (0, 0);
        for row in events.iter()? {
            let (seq, row) = row?;
            let (seq, row) = (seq.value(), row.value());
            self.step();
            self.found.events += 1;
            let event = match tables::open_event(seq, row) {
                Ok(event) => event,
                Err(Fault::Row(why)) => {
                    self.found.find(format!("event {} can't be read: {why}", self.id(seq)));
                    continue;
                }
                Err(fault) => return Err(fault),
            };
            let EventHead { time, topic, before: Before { of_topic, .. } } = event.head;
            if seq <= before.0 {
                let previous = self.id(before.0);
                self.found.find(format!("event {} comes after {previous}", self.id(seq)));
            }
            if time < before.1 {
                self.found.find(format!(
                    "event {} is of the time {time}, before {} of the one before",
                    self.id(seq),
                    before.1
                ));
            }
            before = (seq, before.1.max(time));
            let Some(record) = self.loaded.topics.get(&topic) else {
                self.found.find(format!("event {} is of the topic {topic}, which there is not", self.id(seq)));
                continue;
            };
            let weight = match tables::entry(event, record.topic.clone()) {
                Ok(entry) => {
                    if entry.draft.json && serde_json::from_str::<serde::de::IgnoredAny>(&entry.draft.data).is_err() {
                        self.found.find(format!("event {} is marked as JSON, and its data is none", self.id(seq)));
                    }
                    Some(entry.draft.weight())
                }
                Err(Fault::Row(why)) => {
                    self.found.find(format!("event {} can't be read: {why}", self.id(seq)));
                    None
                }
                Err(fault) => return Err(fault),
            };
            let indexed = index.get((topic, seq))?.map(|weight| weight.value() as usize);
            match (indexed, weight) {
                (None, _) => {
                    self.found.find(format!("event {} is not in the index of {}", self.id(seq), record.topic));
                }
                (Some(indexed), Some(weight)) if indexed != weight => {
                    let id = self.id(seq);
                    self.found.find(format!("event {id} weighs {weight} bytes, and {indexed} in the index"));
                }
                _ => {}
            }
            let counted = counted.entry(topic).or_default();
            if of_topic > counted.last && record.retained.first <= of_topic {
                let id = self.id(of_topic);
                self.found.find(format!("event {id} of {} is missing, or can't be read", record.topic));
            }
            counted.add(seq, weight.or(indexed).unwrap_or_default());
        }
        if before.0 > self.loaded.head {
            self.found.find(format!("event {} is beyond the head {}", self.id(before.0), self.id(self.loaded.head)));
        }
        if before.1 > self.loaded.time {
            self.found.find(format!("the last event's time {} is beyond the log's, {}", before.1, self.loaded.time));
        }
        Ok(counted)
    }

    /// Checks that each row of the index has its event.
    fn index(
        &mut self,
        events: &ReadOnlyTable<u64, &'static [u8]>,
        index: &ReadOnlyTable<(u32, u64), u32>,
    ) -> FileResult<()> {
        for row in index.iter()? {
            let (topic, seq) = row?.0.value();
            self.step();
            if events
                .get(seq)?
                .is_none_or(|row| tables::event_head(seq, row.value()).is_ok_and(|head| head.topic != topic))
            {
                let id = self.id(seq);
                self.found.find(format!("the index of topic {topic} has the event {id}, which there is not"));
            }
        }
        Ok(())
    }

    /// Checks the counts of the topics.
    fn topics(&mut self, counted: &BTreeMap<u32, Retained>) {
        for (id, record) in &self.loaded.topics {
            let (said, found) = (record.retained, counted.get(id).copied().unwrap_or_default());
            if said != found {
                self.found.find(format!(
                    "of {} it is said {}, and there is {}",
                    record.topic,
                    words(said),
                    words(found)
                ));
            }
            if found.events > 0 && record.trimmed.0 >= found.first {
                let (trimmed, first) = (self.id(record.trimmed.0), self.id(found.first));
                self.found.find(format!("{} is trimmed through {trimmed}, and has {first}", record.topic));
            }
        }
    }
}

fn words(retained: Retained) -> String {
    let Retained { events, bytes, first, last } = retained;
    format!("{events} events of {bytes} bytes from {first} to {last}")
}
