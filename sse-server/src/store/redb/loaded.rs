//! The part of the file that is kept in memory: its numbers, holes, topics and keys.

use std::collections::BTreeMap;

use redb::{Database, ReadableDatabase, ReadableTable, Table};
use sse_engine::{Epoch, Hole, Loss, Millis, StoredTopic, Topic};

use super::{
    fault::Fault,
    row::sum_of,
    tables::{self, ALIASES, EVENTS, FileResult, HOLES, INDEX, KEYS, META, OTHERS, SCHEMA, TOPICS, meta},
};
use crate::store::StoredKey;

/// The most holes kept apart. Beyond that, the two oldest are merged, including what lies between them.
const HOLES_KEPT: usize = 1000;

/// The number of sequence numbers reserved at a time: this many can be assigned before the file has to be written
/// again.
pub(crate) const BLOCK: u64 = 1 << 24;

/// The part of the file that is kept in memory.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) epoch: Epoch,
    pub(crate) head: u64,
    pub(crate) time: Millis,
    pub(crate) reserved: u64,
    pub(crate) in_use: bool,
    pub(crate) behind: bool,
    /// The last event lost from any forgotten topic.
    pub(crate) floor: Loss,
    pub(crate) private_floor: Loss,
    pub(crate) next_topic: u32,
    pub(crate) next_key: u64,
    /// How many topics the file has, or should have.
    pub(crate) topic_rows: u64,
    pub(crate) holes: Vec<Hole>,
    pub(crate) topics: BTreeMap<u32, StoredTopic>,
    pub(crate) keys: Vec<(u64, StoredKey)>,
    /// The checksum of the numbers matches. Without that the log can be looked at, and not be used.
    pub(crate) trusted: bool,
    /// All topics could be read.
    pub(crate) complete: bool,
    /// Rows of topics and keys that could not be read.
    pub(crate) damaged: Vec<String>,
}

impl Loaded {
    /// The topics that have ended, and where.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (&Topic, u64)> {
        self.topics.values().filter(|stored| stored.ended > 0).map(|stored| (&stored.topic, stored.ended))
    }
}

pub(crate) fn load(database: &Database) -> FileResult<Loaded> {
    let read = database.begin_read()?;
    let table = read.open_table(META)?;
    let schema = tables::number(&table, meta::SCHEMA)?;
    if schema > SCHEMA {
        return Err(Fault::Later(schema));
    }
    if schema == 0 {
        return Err(Fault::Damaged("the file is no log of sse-server".into()));
    }
    // One that is missing because of damage would be made anew, and be empty.
    let _ = (read.open_table(EVENTS)?, read.open_table(INDEX)?, read.open_table(OTHERS)?, read.open_table(ALIASES)?);
    let mut loaded = numbers(&table, holes(&read.open_table(HOLES)?)?)?;
    loaded.trusted = has_sum(&table, &loaded, schema)?;
    for row in read.open_table(TOPICS)?.iter()? {
        let (id, row) = row?;
        match tables::topic(id.value(), row.value()) {
            Ok(stored) => drop(loaded.topics.insert(id.value(), stored)),
            Err(fault) => loaded.damaged.push(fault.to_string()),
        }
    }
    let missing = loaded.topic_rows.saturating_sub(loaded.topics.len() as u64);
    if missing > 0 {
        loaded.damaged.push(format!("{missing} topics are missing, or can't be read"));
        // A topic whose row is damaged is like one that was forgotten: whatever it had may be lost.
        loaded.floor = (loaded.head, loaded.time);
        loaded.private_floor = loaded.floor;
        loaded.complete = false;
    }
    for row in read.open_table(KEYS)?.iter()? {
        let (ordinal, row) = row?;
        match tables::stored_key(ordinal.value(), row.value()) {
            Ok(key) => loaded.keys.push((ordinal.value(), key)),
            Err(fault) => loaded.damaged.push(fault.to_string()),
        }
    }
    Ok(loaded)
}

/// The numbers of the file, with nothing else loaded yet.
pub(super) fn numbers(table: &impl ReadableTable<&'static str, u64>, holes: Vec<Hole>) -> FileResult<Loaded> {
    let number = |name| tables::number(table, name);
    let next_topic = u32::try_from(number(meta::NEXT_TOPIC)?)
        .map_err(|_| Fault::Row("there are more topics than there are numbers for".into()))?;
    Ok(Loaded {
        epoch: Epoch::new(number(meta::EPOCH)?),
        head: number(meta::HEAD)?,
        time: number(meta::TIME)?,
        reserved: number(meta::RESERVED)?,
        in_use: number(meta::IN_USE)? != 0,
        behind: number(meta::BEHIND)? != 0,
        floor: (number(meta::FLOOR)?, number(meta::FLOOR_TIME)?),
        private_floor: (number(meta::PRIVATE_FLOOR)?, number(meta::PRIVATE_FLOOR_TIME)?),
        next_topic,
        next_key: number(meta::NEXT_KEY)?,
        topic_rows: number(meta::TOPICS)?,
        holes,
        topics: BTreeMap::new(),
        keys: Vec::new(),
        trusted: true,
        complete: true,
        damaged: Vec::new(),
    })
}

pub(super) fn holes(table: &impl ReadableTable<u64, (u64, bool)>) -> FileResult<Vec<Hole>> {
    let mut holes = Vec::new();
    for row in table.iter()? {
        let (after, row) = row?;
        holes.push(tables::hole((after.value(), row.value())));
    }
    Ok(holes)
}

/// Marks the log as in use. Sequence numbers that may have been assigned before a crash are never assigned again.
pub(crate) fn begin(database: &Database, loaded: &mut Loaded) -> FileResult<()> {
    begun(loaded);
    let write = database.begin_write()?;
    {
        let mut table = write.open_table(HOLES)?;
        table.retain(|_, _| false)?;
        for hole in &loaded.holes {
            table.insert(hole.after, (hole.through, hole.lossy))?;
        }
        write_numbers(&mut write.open_table(META)?, loaded)?;
    }
    write.commit()?;
    Ok(())
}

/// What the log is once it is in use.
pub(super) fn begun(loaded: &mut Loaded) {
    if loaded.in_use {
        let hole = Hole { after: loaded.head, through: loaded.reserved, lossy: loaded.behind };
        loaded.holes.push(hole);
        // The number after the hole marks its end, and belongs to no event.
        loaded.head = loaded.reserved + 1;
        if loaded.holes.len() > HOLES_KEPT {
            let second = loaded.holes.remove(1);
            let first = &mut loaded.holes[0];
            *first = Hole { after: first.after, through: second.through, lossy: first.lossy || second.lossy };
        }
    }
    loaded.in_use = true;
    loaded.behind = false;
    loaded.reserved = loaded.head + BLOCK;
}

/// Writes the numbers of the file. Its holes are part of their checksum, and have to be written with them when
/// they have changed.
pub(super) fn write_numbers(table: &mut Table<'_, &'static str, u64>, loaded: &Loaded) -> FileResult<()> {
    for (name, number) in numbers_of(loaded) {
        table.insert(name, number)?;
    }
    table.insert(meta::SUM, sum(loaded, NUMBERS))?;
    Ok(())
}

/// Returns true if the checksum in the file, which is of `schema`, is that of its numbers and holes.
pub(super) fn has_sum(table: &impl ReadableTable<&'static str, u64>, loaded: &Loaded, schema: u64) -> FileResult<bool> {
    let count = if schema < 3 { NUMBERS_BEFORE_3 } else { NUMBERS };
    Ok(tables::number(table, meta::SUM)? == sum(loaded, count))
}

/// The checksum of the first `count` numbers and the holes.
fn sum(loaded: &Loaded, count: usize) -> u64 {
    let holes = loaded.holes.iter().flat_map(|hole| [hole.after, hole.through, u64::from(hole.lossy)]);
    u64::from(sum_of(numbers_of(loaded).into_iter().take(count).map(|(_, number)| number).chain(holes)))
}

const NUMBERS: usize = 13;

/// Schema 2 had fewer.
const NUMBERS_BEFORE_3: usize = 11;

fn numbers_of(loaded: &Loaded) -> [(&'static str, u64); NUMBERS] {
    [
        (meta::EPOCH, loaded.epoch.bits()),
        (meta::HEAD, loaded.head),
        (meta::TIME, loaded.time),
        (meta::RESERVED, loaded.reserved),
        (meta::IN_USE, u64::from(loaded.in_use)),
        (meta::BEHIND, u64::from(loaded.behind)),
        (meta::FLOOR, loaded.floor.0),
        (meta::FLOOR_TIME, loaded.floor.1),
        (meta::NEXT_TOPIC, u64::from(loaded.next_topic)),
        (meta::NEXT_KEY, loaded.next_key),
        (meta::TOPICS, loaded.topic_rows),
        // from schema 3 on
        (meta::PRIVATE_FLOOR, loaded.private_floor.0),
        (meta::PRIVATE_FLOOR_TIME, loaded.private_floor.1),
    ]
}
