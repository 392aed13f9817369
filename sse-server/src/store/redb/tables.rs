//! The tables of the file, and the encoding of their rows.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | a name | a number: schema, epoch, head, reserved mark, whether it is in use, …, a checksum of them |
//! | `event_rows` | sequence number | a [row](super::row): publish time, topic, what came before it; JSON or text, reconnection time, name, data |
//! | `index` | topic, sequence number | weight |
//! | `topic_rows` | topic | a row: what is retained of it, how far it was trimmed; its name |
//! | `holes` | the sequence number before it | the last one in it, whether events were lost in it |
//! | `key_rows` | in the order in which they came | a row: an idempotency key, its content, its events |

use std::time::Duration;

use bytes::Bytes;
use redb::{ReadableTable, TableDefinition};
use sse_core::Text;

use super::{
    Fault,
    row::{Row, RowReader},
};
use crate::store::{Entry, StoredKey, TopicRecord};
use crate::store::{Fingerprint, Key, Scope};
use sse_engine::{Draft, Hole, Millis, Name, Retained, Topic};

/// The version of the table layout. A file of a later version is not touched, one of an earlier version is
/// [upgraded](super::upgrade).
pub(crate) const SCHEMA: u64 = 2;

pub(crate) const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
pub(crate) const EVENTS: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("event_rows");
pub(crate) const INDEX: TableDefinition<'static, (u32, u64), u32> = TableDefinition::new("index");
pub(crate) const TOPICS: TableDefinition<'static, u32, &[u8]> = TableDefinition::new("topic_rows");
pub(crate) const HOLES: TableDefinition<'static, u64, (u64, bool)> = TableDefinition::new("holes");
pub(crate) const KEYS: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("key_rows");

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
    /// 1 if events may have been shown that are not in the file.
    pub(crate) const BEHIND: &str = "behind";
    pub(crate) const FLOOR: &str = "floor";
    pub(crate) const FLOOR_TIME: &str = "floor_time";
    pub(crate) const NEXT_TOPIC: &str = "next_topic";
    pub(crate) const NEXT_KEY: &str = "next_key";
    /// The number of topics.
    pub(crate) const TOPICS: &str = "topics";
    /// The checksum of all these numbers and of the holes.
    pub(crate) const SUM: &str = "sum";
}

/// The tags of the fields. They are never given another meaning.
mod field {
    pub(super) mod event {
        /// The data is JSON; without bytes.
        pub(in super::super) const JSON: u8 = 1;
        /// Milliseconds, eight bytes.
        pub(in super::super) const RETRY: u8 = 2;
        pub(in super::super) const NAME: u8 = 3;
        pub(in super::super) const DATA: u8 = 4;
    }
    pub(super) mod topic {
        pub(in super::super) const NAME: u8 = 1;
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

/// What the row of an event says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventHead {
    pub(crate) time: Millis,
    pub(crate) topic: u32,
    pub(crate) before: Before,
}

/// What came before an event when it was appended: so a reader notices if one of these is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Before {
    /// The event of the same topic, 0 if there was none.
    pub(crate) of_topic: u64,
    /// The event of any topic, 0 if there was none, and its topic.
    pub(crate) of_log: (u64, u32),
}

pub(crate) fn event_row(topic: u32, before: Before, entry: &Entry) -> Vec<u8> {
    let Entry { seq, time, draft } = entry;
    let numbers = [*time, u64::from(topic), before.of_topic, before.of_log.0, u64::from(before.of_log.1)];
    let mut row = numbers.into_iter().fold(Row::with_room(draft.weight()), Row::number);
    if draft.json {
        row = row.field(field::event::JSON, &[]);
    }
    if let Some(retry) = draft.retry {
        let millis = u64::try_from(retry.as_millis()).unwrap_or(u64::MAX);
        row = row.field(field::event::RETRY, &millis.to_le_bytes());
    }
    if let Some(name) = &draft.name {
        row = row.field(field::event::NAME, name.as_str().as_bytes());
    }
    row.field(field::event::DATA, draft.data.as_bytes()).seal(*seq)
}

/// Checks the row of an event, and reads its head.
pub(crate) fn event_head(seq: u64, row: &[u8]) -> FileResult<EventHead> {
    Ok(open_event(seq, row)?.head)
}

/// An event's row, checked and read as far as its head.
pub(crate) struct OpenedEvent<'a> {
    pub(crate) head: EventHead,
    seq: u64,
    reader: RowReader<'a>,
}

pub(crate) fn open_event(seq: u64, row: &[u8]) -> FileResult<OpenedEvent<'_>> {
    let mut reader = RowReader::open("event", seq, row)?;
    let (time, topic) = (reader.number()?, reader.small()?);
    let before = Before { of_topic: reader.number()?, of_log: (reader.number()?, reader.small()?) };
    let head = EventHead { time, topic, before };
    Ok(OpenedEvent { head, seq, reader })
}

/// The event in a row. `topic` is that of its head.
pub(crate) fn entry(event: OpenedEvent<'_>, topic: Topic) -> FileResult<Entry> {
    let OpenedEvent { head, seq, mut reader } = event;
    let mut draft = Draft { topic, name: None, retry: None, data: Text::default(), json: false };
    while let Some((tag, bytes)) = reader.field()? {
        match tag {
            field::event::JSON => draft.json = true,
            field::event::RETRY => {
                let millis =
                    bytes.try_into().map_err(|_| reader.damaged("its reconnection time has not eight bytes"))?;
                draft.retry = Some(Duration::from_millis(u64::from_le_bytes(millis)));
            }
            field::event::NAME => {
                let name = Name::new(reader.text(bytes)?);
                draft.name = Some(name.map_err(|why| reader.damaged(&format!("its name: {why}")))?);
            }
            field::event::DATA => {
                let data = Text::try_from(Bytes::copy_from_slice(bytes));
                draft.data = data.map_err(|_| reader.damaged("its data is no UTF-8"))?;
            }
            other => reader.pass_over(other)?,
        }
    }
    Ok(Entry { seq, time: head.time, draft })
}

pub(crate) fn topic_row(id: u32, record: &TopicRecord) -> Vec<u8> {
    let TopicRecord { topic, retained: Retained { events, bytes, first, last }, trimmed: (through, time) } = record;
    let numbers = [*events as u64, *bytes as u64, *first, *last, *through, *time];
    let row = numbers.into_iter().fold(Row::with_room(topic.as_str().len()), Row::number);
    row.field(field::topic::NAME, topic.as_str().as_bytes()).seal(u64::from(id))
}

pub(crate) fn topic(id: u32, row: &[u8]) -> FileResult<TopicRecord> {
    let mut reader = RowReader::open("topic", u64::from(id), row)?;
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let retained = Retained {
        events: count(reader.number()?),
        bytes: count(reader.number()?),
        first: reader.number()?,
        last: reader.number()?,
    };
    let trimmed = (reader.number()?, reader.number()?);
    let mut name = None;
    while let Some((tag, bytes)) = reader.field()? {
        match tag {
            field::topic::NAME => name = Some(reader.text(bytes)?),
            other => reader.pass_over(other)?,
        }
    }
    let name = name.ok_or_else(|| reader.damaged("it has no name"))?;
    let topic = Topic::new(name).map_err(|why| reader.damaged(&format!("{name:?}: {why}")))?;
    Ok(TopicRecord { topic, retained, trimmed })
}

pub(crate) fn hole((after, (through, lossy)): (u64, (u64, bool))) -> Hole {
    Hole { after, through, lossy }
}

pub(crate) fn key_row(ordinal: u64, stored: &StoredKey) -> Vec<u8> {
    let StoredKey { key, content, seqs, lines, time } = stored;
    let (kind, topic) = match &key.scope {
        Scope::Topic(topic) => (0, topic.as_str()),
        Scope::Request => (1, ""),
        Scope::Lines => (3, ""), // 2 was a key for each line
    };
    let seqs: Vec<u8> = seqs.iter().flat_map(|seq| seq.to_le_bytes()).collect();
    let row = Row::with_room(topic.len() + key.text.len() + seqs.len() + 16).number(kind).number(*lines).number(*time);
    let row = row.field(field::key::TOPIC, topic.as_bytes()).field(field::key::TEXT, key.text.as_bytes());
    row.field(field::key::CONTENT, &content.0.to_le_bytes()).field(field::key::SEQS, &seqs).seal(ordinal)
}

pub(crate) fn stored_key(ordinal: u64, row: &[u8]) -> FileResult<StoredKey> {
    let mut reader = RowReader::open("key", ordinal, row)?;
    let (kind, lines, time) = (reader.number()?, reader.number()?, reader.number()?);
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
        3 => Scope::Lines,
        other => return Err(reader.damaged(&format!("there is no scope {other}"))),
    };
    Ok(StoredKey { key: Key { scope, text }, content: Fingerprint(content), seqs: seqs.into(), lines, time })
}

/// The time of a key, by which it is forgotten.
pub(crate) fn key_time(ordinal: u64, row: &[u8]) -> FileResult<Millis> {
    let mut reader = RowReader::open("key", ordinal, row)?;
    let (_kind, _lines) = (reader.number()?, reader.number()?);
    reader.number()
}
