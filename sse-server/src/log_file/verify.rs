//! Verifying that the file is consistent.

use std::collections::BTreeMap;

use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata};

use super::{Fault, LogFile, STRIDE};
use crate::store::{
    Entry,
    redb::{
        fault::guarded,
        loaded::Loaded,
        tables::{self, ALIASES, EVENTS, EventHead, FileResult, INDEX, Indexed, OTHERS, OpenedEvent},
    },
};
use sse_engine::{Kind, Millis, Position, Retained, Stock, StoredTopic, Topic};

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
        let tables = Tables {
            events: read.open_table(EVENTS)?,
            index: read.open_table(INDEX)?,
            others: read.open_table(OTHERS)?,
            aliases: read.open_table(ALIASES)?,
        };
        self.total = tables.events.len()? + tables.index.len()? + tables.others.len()? + tables.aliases.len()?;
        let counted = self.events(&tables)?;
        self.indexes(&tables)?;
        self.topics(&counted);
        (self.progress)(self.done, self.total);
        Ok(())
    }

    /// Checks each event, and that the indexes have it. Returns the totals of each topic.
    fn events(&mut self, tables: &Tables) -> FileResult<BTreeMap<u32, Stock>> {
        let mut counted: BTreeMap<u32, Stock> = BTreeMap::new();
        let mut before: (u64, Millis) = (0, 0);
        for row in tables.events.iter()? {
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
            let time = event.head.time;
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
            self.event(tables, seq, &event, &mut counted)?;
        }
        if before.0 > self.loaded.head {
            self.found.find(format!("event {} is beyond the head {}", self.id(before.0), self.id(self.loaded.head)));
        }
        if before.1 > self.loaded.time {
            self.found.find(format!("the last event's time {} is beyond the log's, {}", before.1, self.loaded.time));
        }
        Ok(counted)
    }

    /// Checks one event's content, links and rows in the indexes, and counts it for its topics.
    fn event(
        &mut self,
        tables: &Tables,
        seq: u64,
        event: &OpenedEvent<'_>,
        counted: &mut BTreeMap<u32, Stock>,
    ) -> FileResult<()> {
        let EventHead { topic, before, private, .. } = event.head;
        let mut names = Vec::new();
        for id in event.topics() {
            match self.loaded.topics.get(&id) {
                Some(stored) => names.push(stored.topic.clone()),
                None => {
                    self.found.find(format!("event {} is of the topic {id}, which there is not", self.id(seq)));
                    return Ok(());
                }
            }
        }
        let weight = self.content(tables, seq, event, &names)?;
        let indexed = tables.index.get((topic, seq))?.map(|bits| bits.value());
        self.indexed(seq, &names[0], indexed, (weight, private));
        let bytes = weight.or(indexed.map(|bits| Indexed::of(bits).weight)).unwrap_or_default();
        self.count(counted, (topic, Kind { canonical: true, private }), seq, bytes, (before.of_topic, topic));
        for (other, name) in event.others.iter().zip(&names[1..]) {
            let row = tables.others.get((other.id, seq))?.map(|row| row.value());
            if let Some((_, canonical)) = row.filter(|(_, canonical)| *canonical != topic) {
                let id = self.id(seq);
                self.found
                    .find(format!("event {id} is of topic {topic}, and of {canonical} among the others of {name}"));
            }
            self.indexed(seq, name, row.map(|(bits, _)| bits), (weight, private));
            self.count(counted, (other.id, Kind { canonical: false, private }), seq, 0, other.before);
        }
        Ok(())
    }

    /// Checks what an event holds, and that it is found by its alias. Returns its weight, if it can be read.
    fn content(
        &mut self,
        tables: &Tables,
        seq: u64,
        event: &OpenedEvent<'_>,
        names: &[Topic],
    ) -> FileResult<Option<usize>> {
        let Entry { draft, .. } = match tables::entry(event, names[0].clone(), names[1..].into()) {
            Ok(entry) => entry,
            Err(Fault::Row(why)) => {
                self.found.find(format!("event {} can't be read: {why}", self.id(seq)));
                return Ok(None);
            }
            Err(fault) => return Err(fault),
        };
        if draft.json && serde_json::from_str::<serde::de::IgnoredAny>(&draft.data).is_err() {
            self.found.find(format!("event {} is marked as JSON, and its data is none", self.id(seq)));
        }
        if let Some(alias) = &draft.alias
            && tables.aliases.get((alias.as_str(), seq))?.is_none()
        {
            self.found.find(format!("event {} is not found by its alias {:?}", self.id(seq), alias.as_str()));
        }
        Ok(Some(draft.weight()))
    }

    /// Checks what an index says of an event.
    fn indexed(&mut self, seq: u64, topic: &Topic, bits: Option<u32>, (weight, private): (Option<usize>, bool)) {
        let id = self.id(seq);
        let Some(indexed) = bits.map(Indexed::of) else {
            return self.found.find(format!("event {id} is not in the index of {topic}"));
        };
        if let Some(weight) = weight.filter(|weight| *weight != indexed.weight) {
            self.found.find(format!("event {id} weighs {weight} bytes, and {} in the index", indexed.weight));
        }
        if indexed.private != private {
            self.found.find(format!("event {id} is private, or is not, and the index of {topic} has it otherwise"));
        }
    }

    /// Counts an event of a topic, and checks that the one `before`, with its canonical topic, is there if it is retained.
    fn count(
        &mut self,
        counted: &mut BTreeMap<u32, Stock>,
        (id, kind): (u32, Kind),
        seq: u64,
        bytes: usize,
        before: (u64, u32),
    ) {
        let counted = counted.entry(id).or_default().of_mut(kind);
        let retains = |stored: &StoredTopic| tables::has_own(&stored.retained, before.0);
        if before.0 > counted.last && self.loaded.topics.get(&before.1).is_some_and(retains) {
            let name = self.loaded.topics.get(&id).map_or("", |stored| stored.topic.as_str());
            let missing = self.id(before.0);
            self.found.find(format!("event {missing} of {name} is missing, or can't be read"));
        }
        counted.add(seq, bytes);
    }

    /// Checks that each row of the indexes has its event.
    fn indexes(&mut self, tables: &Tables) -> FileResult<()> {
        for row in tables.index.iter()? {
            let (topic, seq) = row?.0.value();
            self.step();
            if !tables.has(seq, |event| event.head.topic == topic)? {
                let id = self.id(seq);
                self.found.find(format!("the index of topic {topic} has the event {id}, which there is not"));
            }
        }
        for row in tables.others.iter()? {
            let (topic, seq) = row?.0.value();
            self.step();
            if !tables.has(seq, |event| event.others.iter().any(|other| other.id == topic))? {
                let id = self.id(seq);
                self.found.find(format!("the others of topic {topic} have the event {id}, which there is not"));
            }
        }
        for row in tables.aliases.iter()? {
            let key = row?.0;
            let (alias, seq) = key.value();
            self.step();
            if !tables.has(seq, |event| event.alias == Some(alias))? {
                let id = self.id(seq);
                self.found.find(format!("the alias {alias:?} is of the event {id}, which there is not"));
            }
        }
        Ok(())
    }

    /// Checks the counts of the topics, and where they ended.
    fn topics(&mut self, counted: &BTreeMap<u32, Stock>) {
        for (id, stored) in &self.loaded.topics {
            let found = counted.get(id).copied().unwrap_or_default();
            for kind in Kind::ALL {
                let (said, found) = (stored.retained.of(kind), found.of(kind));
                if said != found {
                    let (topic, said, found) = (&stored.topic, words(*said), words(*found));
                    self.found.find(format!("of {topic} it is said {said}, and there is {found}"));
                }
            }
            if stored.ended > 0 && (found.last_own() > stored.ended || stored.ended > self.loaded.head) {
                let (ended, last) = (self.id(stored.ended), self.id(found.last_own()));
                self.found.find(format!("{} ended at {ended}, and its last event is {last}", stored.topic));
            }
        }
    }
}

/// The tables of events.
struct Tables {
    events: ReadOnlyTable<u64, &'static [u8]>,
    index: ReadOnlyTable<(u32, u64), u32>,
    others: ReadOnlyTable<(u32, u64), (u32, u32)>,
    aliases: ReadOnlyTable<(&'static str, u64), ()>,
}

impl Tables {
    /// Returns true if there is the event `seq` and it `is` as it should be, as far as it can be read.
    fn has(&self, seq: u64, is: impl FnOnce(OpenedEvent<'_>) -> bool) -> FileResult<bool> {
        let row = self.events.get(seq)?;
        Ok(row.is_some_and(|row| tables::open_event(seq, row.value()).map_or(true, is)))
    }
}

fn words(retained: Retained) -> String {
    let Retained { events, bytes, first, last } = retained;
    format!("{events} events of {bytes} bytes from {first} to {last}")
}
