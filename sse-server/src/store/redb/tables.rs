//! What is in the file: the tables, and how their rows read.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | a name | a number: schema, epoch, head, reserved mark, whether it is in use, … |
//! | `events` | sequence number | publish time, topic, JSON or text, reconnection time, name, data |
//! | `index` | topic, sequence number | weight |
//! | `topics` | topic | its name, what is retained of it, how far it was trimmed |
//! | `holes` | the sequence number before it | the last one in it, whether events were lost in it |
//! | `keys` | in the order in which they came | an idempotency key, its content, its events |

use std::time::Duration;

use bytes::Bytes;
use redb::{ReadableTable, TableDefinition};
use sse_core::Text;

use super::Fault;
use crate::store::{Entry, StoredKey, TopicRecord};
use crate::store::{Fingerprint, Key, Scope};
use sse_engine::{Draft, Hole, Millis, Name, Retained, Topic};

/// The layout of the tables. A file of a later one is not touched.
pub(crate) const SCHEMA: u64 = 1;

pub(crate) const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
pub(crate) const EVENTS: TableDefinition<'static, u64, EventRow<'static>> = TableDefinition::new("events");
pub(crate) const INDEX: TableDefinition<'static, (u32, u64), u32> = TableDefinition::new("index");
pub(crate) const TOPICS: TableDefinition<'static, u32, TopicRow<'static>> = TableDefinition::new("topics");
pub(crate) const HOLES: TableDefinition<'static, u64, (u64, bool)> = TableDefinition::new("holes");
pub(crate) const KEYS: TableDefinition<'static, u64, KeyRow<'static>> = TableDefinition::new("keys");

/// Time, topic, whether the data is JSON, reconnection time in milliseconds, name, data.
pub(crate) type EventRow<'a> = (u64, u32, bool, Option<u64>, Option<&'a str>, &'a [u8]);

/// Name; events, bytes, first and last event retained; last event trimmed and its time.
pub(crate) type TopicRow<'a> = (&'a str, u64, u64, u64, u64, u64, u64);

/// Scope, the scope's topic or line, text; content; time; events.
pub(crate) type KeyRow<'a> = (u8, &'a str, u64, &'a str, u128, u64, Vec<u64>);

/// The names in `meta`.
pub(crate) mod meta {
    pub(crate) const SCHEMA: &str = "schema";
    pub(crate) const EPOCH: &str = "epoch";
    /// The last sequence number given out, as far as the file knows.
    pub(crate) const HEAD: &str = "head";
    /// The last time given out.
    pub(crate) const TIME: &str = "time";
    /// No sequence number beyond this one was given out.
    pub(crate) const RESERVED: &str = "reserved";
    /// 1: not closed in good order, or not yet.
    pub(crate) const IN_USE: &str = "in_use";
    /// 1: events may have been shown that are not in the file.
    pub(crate) const BEHIND: &str = "behind";
    pub(crate) const FLOOR: &str = "floor";
    pub(crate) const FLOOR_TIME: &str = "floor_time";
    pub(crate) const NEXT_TOPIC: &str = "next_topic";
    pub(crate) const NEXT_KEY: &str = "next_key";
}

/// What a read or write of the file came to.
pub(crate) type Rows<T> = Result<T, Fault>;

pub(crate) fn number(table: &impl ReadableTable<&'static str, u64>, name: &str) -> Rows<u64> {
    Ok(table.get(name)?.map_or(0, |value| value.value()))
}

pub(crate) fn event_row(topic: u32, entry: &Entry) -> EventRow<'_> {
    let Entry { time, draft, .. } = entry;
    let retry = draft.retry.map(|retry| u64::try_from(retry.as_millis()).unwrap_or(u64::MAX));
    (*time, topic, draft.json, retry, draft.name.as_ref().map(Name::as_str), draft.data.as_bytes())
}

pub(crate) fn entry(seq: u64, row: EventRow<'_>, topic: Topic) -> Rows<Entry> {
    let (time, _, json, retry, name, data) = row;
    let damaged = |what: &str| Fault::Row(format!("event {seq}: {what}"));
    let name = name.map(Name::new).transpose().map_err(|why| damaged(&format!("its name: {why}")))?;
    let data = Text::try_from(Bytes::copy_from_slice(data)).map_err(|_| damaged("its data is no UTF-8"))?;
    Ok(Entry { seq, time, draft: Draft { topic, name, retry: retry.map(Duration::from_millis), data, json } })
}

pub(crate) fn topic_row(record: &TopicRecord) -> TopicRow<'_> {
    let TopicRecord { topic, retained: Retained { events, bytes, first, last }, trimmed: (through, time) } = record;
    (topic.as_str(), *events as u64, *bytes as u64, *first, *last, *through, *time)
}

pub(crate) fn topic(id: u32, row: TopicRow<'_>) -> Rows<TopicRecord> {
    let (name, events, bytes, first, last, through, time) = row;
    let topic = Topic::new(name).map_err(|why| Fault::Row(format!("topic {id}, {name:?}: {why}")))?;
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let retained = Retained { events: count(events), bytes: count(bytes), first, last };
    Ok(TopicRecord { topic, retained, trimmed: (through, time) })
}

pub(crate) fn hole((after, (through, lossy)): (u64, (u64, bool))) -> Hole {
    Hole { after, through, lossy }
}

pub(crate) fn key_row(key: &Key, content: Fingerprint, time: Millis, seqs: Vec<u64>) -> KeyRow<'_> {
    let (kind, topic, line) = match &key.scope {
        Scope::Topic(topic) => (0, topic.as_str(), 0),
        Scope::Request => (1, "", 0),
        Scope::Line(line) => (2, "", *line),
    };
    (kind, topic, line, &key.text, content.0, time, seqs)
}

pub(crate) fn remembered(ordinal: u64, row: KeyRow<'_>) -> Rows<StoredKey> {
    let (kind, topic, line, text, content, time, seqs) = row;
    let scope = match kind {
        0 => Scope::Topic(Topic::new(topic).map_err(|why| Fault::Row(format!("key {ordinal}: {why}")))?),
        1 => Scope::Request,
        2 => Scope::Line(line),
        other => return Err(Fault::Row(format!("key {ordinal}: there is no scope {other}"))),
    };
    let key = Key { scope, text: text.to_owned() };
    Ok(StoredKey { key, content: Fingerprint(content), seqs: seqs.into(), time })
}
