//! The tables of the file, and the encoding of their rows.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | a name | a number: schema, epoch, head, reserved mark, whether it is in use, …, a checksum of them |
//! | `event_rows` | sequence number | a [row](super::row): publish time, topic, what came before it; what else the event has, data |
//! | `index` | topic, sequence number | weight, whether it is private |
//! | `others` | another topic of the event, sequence number | the same, and the event's canonical topic |
//! | `aliases` | a publisher's ID for the event, sequence number | |
//! | `topic_rows` | topic | a row: what is retained of it, what was lost; its name, where it ended |
//! | `holes` | the sequence number before it | the last one in it, whether events were lost in it |
//! | `key_rows` | in the order in which they came | a row: an idempotency key, its content, its events |

mod event;

use redb::{ReadableTable, TableDefinition};

use super::{
    Fault,
    row::{Row, RowReader, push_number},
};
use crate::store::{Fingerprint, Key, Scope, StoredKey};
pub(crate) use event::{Before, EventHead, OpenedEvent, OtherTopic, entry, event_head, event_row, open_event};
use sse_engine::{Hole, Kind, Millis, Retained, Stock, StoredTopic, Topic};

/// The version of the table layout. A file of a later version is not touched, one of an earlier version is
/// [upgraded](super::upgrade).
pub(crate) const SCHEMA: u64 = 3;

pub(crate) const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
pub(crate) const EVENTS: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("event_rows");
pub(crate) const INDEX: TableDefinition<'static, (u32, u64), u32> = TableDefinition::new("index");
pub(crate) const OTHERS: TableDefinition<'static, (u32, u64), (u32, u32)> = TableDefinition::new("others");
pub(crate) const ALIASES: TableDefinition<'static, (&str, u64), ()> = TableDefinition::new("aliases");
pub(crate) const TOPICS: TableDefinition<'static, u32, &[u8]> = TableDefinition::new("topic_rows");
pub(crate) const HOLES: TableDefinition<'static, u64, (u64, bool)> = TableDefinition::new("holes");
pub(crate) const KEYS: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("key_rows");

/// The ID of no topic: there are never as many.
pub(crate) const NO_TOPIC: u32 = u32::MAX;

/// The names in `meta`.
pub(crate) mod meta {
    pub(crate) const SCHEMA: &str = "schema";
    pub(crate) const EPOCH: &str = "epoch";
    /// The last sequence number assigned, as far as the file knows.
    pub(crate) const HEAD: &str = "head";
    /// The last publish time assigned.
    pub(crate) const TIME: &str = "time";
    /// No sequence number beyond this one was assigned.
    pub(crate) const RESERVED: &str = "reserved";
    /// 1 if the log is in use, or was not closed cleanly.
    pub(crate) const IN_USE: &str = "in_use";
    /// 1 if events may have been reported that are not in the file.
    pub(crate) const BEHIND: &str = "behind";
    pub(crate) const FLOOR: &str = "floor";
    pub(crate) const FLOOR_TIME: &str = "floor_time";
    pub(crate) const PRIVATE_FLOOR: &str = "private_floor";
    pub(crate) const PRIVATE_FLOOR_TIME: &str = "private_floor_time";
    pub(crate) const NEXT_TOPIC: &str = "next_topic";
    pub(crate) const NEXT_KEY: &str = "next_key";
    /// The number of topics.
    pub(crate) const TOPICS: &str = "topics";
    /// The checksum of all these numbers and of the holes.
    pub(crate) const SUM: &str = "sum";
}

/// The tags of the fields. They are never given another meaning; those of events are [with these](event).
mod field {
    pub(super) mod topic {
        pub(in super::super) const NAME: u8 = 1;
        /// What is retained of the kinds but the first, each if there is any: four varints.
        pub(in super::super) const KINDS: [u8; 3] = [2, 3, 4];
        /// The last private event lost, and its time: two varints.
        pub(in super::super) const LOST_PRIVATE: u8 = 5;
        /// The event with which it ended, or after which it did: a varint.
        pub(in super::super) const ENDED: u8 = 6;
    }
    pub(super) mod key {
        pub(in super::super) const TOPIC: u8 = 1;
        pub(in super::super) const TEXT: u8 = 2;
        /// Sixteen bytes.
        pub(in super::super) const CONTENT: u8 = 3;
        /// Sequence numbers, eight bytes each.
        pub(in super::super) const SEQS: u8 = 4;
    }
}

/// The result of reading or writing the file.
pub(crate) type FileResult<T> = Result<T, Fault>;

pub(crate) fn number(table: &impl ReadableTable<&'static str, u64>, name: &str) -> FileResult<u64> {
    Ok(table.get(name)?.map_or(0, |value| value.value()))
}

/// What the indexes say of an event, in 32 bits. No event is so heavy that its weight needs the highest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Indexed {
    pub(crate) weight: usize,
    pub(crate) private: bool,
}

impl Indexed {
    const PRIVATE: u32 = 1 << 31;

    pub(crate) const fn of(bits: u32) -> Self {
        Self { weight: (bits & !Self::PRIVATE) as usize, private: bits & Self::PRIVATE != 0 }
    }

    pub(crate) fn bits(self) -> u32 {
        let weight = u32::try_from(self.weight).unwrap_or(u32::MAX).min(!Self::PRIVATE);
        if self.private { weight | Self::PRIVATE } else { weight }
    }
}

/// The events of a topic whose canonical topic it is and, by retention, the first of them go first: the event `seq` is one
/// that is retained if it lies among them.
pub(crate) fn has_own(retained: &Stock, seq: u64) -> bool {
    retained.own().iter().any(|own| own.events > 0 && (own.first..=own.last).contains(&seq))
}

pub(crate) fn topic_row(id: u32, stored: &StoredTopic) -> Vec<u8> {
    let StoredTopic { topic, retained, lost, lost_private, ended } = stored;
    let counts = |Retained { events, bytes, first, last }: Retained| [events as u64, bytes as u64, first, last];
    let numbers = counts(*retained.of(Kind::PLAIN)).into_iter().chain([lost.0, lost.1]);
    let mut row = numbers.fold(Row::with_room(topic.as_str().len()), Row::number);
    row = row.field(field::topic::NAME, topic.as_str().as_bytes());
    for (tag, kind) in field::topic::KINDS.into_iter().zip(&Kind::ALL[1..]) {
        let retained = retained.of(*kind);
        if retained.events > 0 {
            row = row.field(tag, &varints(counts(*retained)));
        }
    }
    if *lost_private != (0, 0) {
        row = row.field(field::topic::LOST_PRIVATE, &varints([lost_private.0, lost_private.1]));
    }
    if *ended > 0 {
        row = row.field(field::topic::ENDED, &varints([*ended]));
    }
    row.seal(u64::from(id))
}

fn varints(numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    numbers.into_iter().for_each(|number| push_number(&mut bytes, number));
    bytes
}

pub(crate) fn topic(id: u32, row: &[u8]) -> FileResult<StoredTopic> {
    let mut reader = RowReader::open("topic", u64::from(id), row)?;
    let mut retained = Stock::from(counts(&mut reader)?);
    let lost = (reader.number()?, reader.number()?);
    let (mut name, mut lost_private, mut ended) = (None, (0, 0), 0);
    while let Some((tag, bytes)) = reader.field()? {
        let mut within = reader.within(bytes);
        match tag {
            field::topic::NAME => name = Some(reader.text(bytes)?),
            field::topic::LOST_PRIVATE => lost_private = (within.number()?, within.number()?),
            field::topic::ENDED => ended = within.number()?,
            other => match field::topic::KINDS.iter().position(|tag| *tag == other) {
                Some(at) => *retained.of_mut(Kind::ALL[at + 1]) = counts(&mut within)?,
                None => reader.pass_over(other)?,
            },
        }
    }
    let name = name.ok_or_else(|| reader.damaged("it has no name"))?;
    let topic = Topic::new(name).map_err(|why| reader.damaged(&format!("{name:?}: {why}")))?;
    Ok(StoredTopic { topic, retained, lost, lost_private, ended })
}

fn counts(reader: &mut RowReader<'_>) -> FileResult<Retained> {
    let mut count = || Ok::<_, Fault>(usize::try_from(reader.number()?).unwrap_or(usize::MAX));
    let (events, bytes) = (count()?, count()?);
    Ok(Retained { events, bytes, first: reader.number()?, last: reader.number()? })
}

pub(crate) fn hole((after, (through, lossy)): (u64, (u64, bool))) -> Hole {
    Hole { after, through, lossy }
}

pub(crate) fn key_row(ordinal: u64, stored: &StoredKey) -> Vec<u8> {
    let StoredKey { key, content, seqs, total, time } = stored;
    let (kind, topic) = match &key.scope {
        Scope::Topic(topic) => (0, topic.as_str()),
        Scope::Request => (1, ""),
        Scope::Upload => (3, ""), // 2 was a key for each event of one
    };
    let seqs: Vec<u8> = seqs.iter().flat_map(|seq| seq.to_le_bytes()).collect();
    let row = Row::with_room(topic.len() + key.text.len() + seqs.len() + 16).number(kind).number(*total).number(*time);
    let row = row.field(field::key::TOPIC, topic.as_bytes()).field(field::key::TEXT, key.text.as_bytes());
    row.field(field::key::CONTENT, &content.0.to_le_bytes()).field(field::key::SEQS, &seqs).seal(ordinal)
}

pub(crate) fn stored_key(ordinal: u64, row: &[u8]) -> FileResult<StoredKey> {
    let mut reader = RowReader::open("key", ordinal, row)?;
    let (kind, total, time) = (reader.number()?, reader.number()?, reader.number()?);
    let (mut topic, mut text, mut content, mut seqs) = ("", String::new(), 0, Vec::new());
    while let Some((tag, bytes)) = reader.field()? {
        match tag {
            field::key::TOPIC => topic = reader.text(bytes)?,
            field::key::TEXT => text = reader.text(bytes)?.to_owned(),
            field::key::CONTENT => {
                let bytes = bytes.try_into().map_err(|_| reader.damaged("its content has not sixteen bytes"))?;
                content = u128::from_le_bytes(bytes);
            }
            field::key::SEQS => seqs = bytes.as_chunks().0.iter().map(|seq| u64::from_le_bytes(*seq)).collect(),
            other => reader.pass_over(other)?,
        }
    }
    let scope = match kind {
        0 => Scope::Topic(Topic::new(topic).map_err(|why| reader.damaged(&format!("its topic: {why}")))?),
        1 => Scope::Request,
        3 => Scope::Upload,
        other => return Err(reader.damaged(&format!("there is no scope {other}"))),
    };
    Ok(StoredKey { key: Key { scope, text }, content: Fingerprint(content), seqs: seqs.into(), total, time })
}

/// The time of a key, by which it is forgotten.
pub(crate) fn key_time(ordinal: u64, row: &[u8]) -> FileResult<Millis> {
    let mut reader = RowReader::open("key", ordinal, row)?;
    let (_kind, _total) = (reader.number()?, reader.number()?);
    reader.number()
}
