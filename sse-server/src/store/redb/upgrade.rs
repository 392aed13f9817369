//! Bringing a file of an earlier schema up to date, when it is opened.
//!
//! Schema 1 had rows of redb's own tuples, without checksums. What can't be read any more is left out, and its topic counts
//! as trimmed through it. Schema 2 had no private events, no other topics and no publishers' IDs: its rows stay as they are.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use bytes::Bytes;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use sse_core::Text;

use super::{
    Fault, loaded,
    tables::{self, ALIASES, Before, EVENTS, FileResult, INDEX, KEYS, META, OTHERS, SCHEMA, TOPICS, meta},
};
use crate::store::{Entry, Fingerprint, Key, Scope, StoredKey};
use sse_engine::{Draft, Kind, Name, StoredTopic, Topic};

const OLD_EVENTS: TableDefinition<'static, u64, OldEvent<'static>> = TableDefinition::new("events");
const OLD_TOPICS: TableDefinition<'static, u32, OldTopic<'static>> = TableDefinition::new("topics");
const OLD_KEYS: TableDefinition<'static, u64, OldKey<'static>> = TableDefinition::new("keys");

/// Time, topic, whether the data is JSON, reconnection time in milliseconds, name, data.
type OldEvent<'a> = (u64, u32, bool, Option<u64>, Option<&'a str>, &'a [u8]);

/// Name; events, bytes, first and last event retained; last event trimmed and its time.
type OldTopic<'a> = (&'a str, u64, u64, u64, u64, u64, u64);

/// Scope, the scope's topic or line, text; content; time; events.
type OldKey<'a> = (u8, &'a str, u64, &'a str, u128, u64, Vec<u64>);

/// Brings the file up to date, in one transaction: after a crash it is as it was before, or done.
pub(super) fn upgrade(database: &Database) -> FileResult<()> {
    let schema = {
        let read = database.begin_read()?;
        tables::number(&read.open_table(META)?, meta::SCHEMA)?
    };
    if !matches!(schema, 1 | 2) {
        return Ok(()); // up to date, or not to be touched
    }
    tracing::info!(from = schema, to = SCHEMA, "the log's file is brought up to date");
    let write = database.begin_write()?;
    let rows = if schema == 1 { Some(copy_rows(&write)?) } else { None };
    if rows.is_some() {
        write.delete_table(OLD_EVENTS)?;
        write.delete_table(OLD_TOPICS)?;
        write.delete_table(OLD_KEYS)?;
    }
    {
        write.open_table(OTHERS)?;
        write.open_table(ALIASES)?;
        let mut table = write.open_table(META)?;
        let mut numbers = loaded::numbers(&table, loaded::holes(&write.open_table(tables::HOLES)?)?)?;
        let trusted = schema == 1 || loaded::has_sum(&table, &numbers, schema)?;
        numbers.topic_rows = rows.unwrap_or(numbers.topic_rows);
        table.insert(meta::SCHEMA, SCHEMA)?;
        loaded::write_numbers(&mut table, &numbers)?;
        if !trusted {
            table.insert(meta::SUM, u64::MAX)?; // which none is: what was damaged does not become right
        }
    }
    write.commit()?;
    Ok(())
}

/// Writes the rows of schema 1 as they are now, and returns the number of topics.
fn copy_rows(write: &WriteTransaction) -> FileResult<u64> {
    let mut topics = BTreeMap::new();
    for row in write.open_table(OLD_TOPICS)?.iter()? {
        let (id, row) = row?;
        topics.insert(id.value(), topic(id.value(), row.value())?);
    }
    let old = write.open_table(OLD_EVENTS)?;
    let mut events = write.open_table(EVENTS)?;
    let mut index = write.open_table(INDEX)?;
    let mut last = (0, 0);
    for row in old.iter()? {
        let (seq, row) = row?;
        let (seq, row) = (seq.value(), row.value());
        let Some(stored) = topics.get_mut(&row.1) else { continue };
        match entry(seq, row, stored.topic.clone()) {
            Ok(entry) => {
                let before = Before { of_topic: stored.retained.last(), of_log: last };
                last = (seq, row.1);
                stored.retained.of_mut(Kind::PLAIN).add(seq, entry.draft.weight());
                events.insert(seq, &*tables::event_row(row.1, before, &[], &entry))?;
            }
            Err(fault) => {
                tracing::warn!(%fault, "left out, and its topic counts as trimmed through it");
                index.remove((row.1, seq))?;
                stored.lost = (stored.lost.0.max(seq), stored.lost.1.max(row.0));
            }
        }
    }
    let mut rows = write.open_table(TOPICS)?;
    for (id, stored) in &topics {
        rows.insert(id, &*tables::topic_row(*id, stored))?;
    }
    let mut keys = write.open_table(KEYS)?;
    let mut uploads: HashMap<String, (u64, StoredKey)> = HashMap::new();
    for row in write.open_table(OLD_KEYS)?.iter()? {
        let (ordinal, row) = row?;
        let (ordinal, row) = (ordinal.value(), row.value());
        if row.0 == LINE {
            add_line(&mut uploads, ordinal, row);
        } else if let Some(stored) = key(row) {
            keys.insert(ordinal, &*tables::key_row(ordinal, &stored))?;
        }
    }
    for (ordinal, stored) in uploads.into_values() {
        keys.insert(ordinal, &*tables::key_row(ordinal, &stored))?;
    }
    Ok(topics.len() as u64)
}

fn entry(seq: u64, row: OldEvent<'_>, topic: Topic) -> FileResult<Entry> {
    let (time, _, json, retry, name, data) = row;
    let damaged = |what: &str| Fault::Row(format!("event {seq}: {what}"));
    let name = name.map(Name::of).transpose().map_err(|why| damaged(&format!("its name: {why}")))?.flatten();
    let data = Text::try_from(Bytes::copy_from_slice(data)).map_err(|_| damaged("its data is no UTF-8"))?;
    let draft = Draft { name, retry: retry.map(Duration::from_millis), json, ..Draft::text(topic, data) };
    Ok(Entry { seq, time, draft })
}

/// The topic with nothing retained, which is counted again.
fn topic(id: u32, row: OldTopic<'_>) -> FileResult<StoredTopic> {
    let topic = Topic::new(row.0).map_err(|why| Fault::Row(format!("topic {id}, {:?}: {why}", row.0)))?;
    Ok(StoredTopic { lost: (row.5, row.6), ..StoredTopic::new(topic) })
}

/// The key, unless it can't be read: then it is forgotten.
fn key((kind, topic, _, text, content, time, seqs): OldKey<'_>) -> Option<StoredKey> {
    let scope = match kind {
        0 => Scope::Topic(Topic::new(topic).ok()?),
        1 => Scope::Request,
        _ => return None,
    };
    let key = Key { scope, text: text.to_owned() };
    Some(StoredKey { key, content: Fingerprint(content), seqs: seqs.into(), total: 0, time })
}

/// The scope of a key that stood for one line of a request. Now a request has one key.
const LINE: u8 = 2;

fn add_line(
    uploads: &mut HashMap<String, (u64, StoredKey)>,
    ordinal: u64,
    (_, _, line, text, content, time, seqs): OldKey<'_>,
) {
    let Some(seq) = seqs.first().copied() else { return };
    let content = Fingerprint(content);
    match uploads.get_mut(text) {
        None if line == 0 => {
            let key = Key { scope: Scope::Upload, text: text.to_owned() };
            let content = Fingerprint::of([]).then(content);
            uploads.insert(
                text.to_owned(),
                (ordinal, StoredKey { key, content, seqs: [seq, seq].into(), total: 1, time }),
            );
        }
        Some((last, stored)) if stored.total == line => {
            stored.content = stored.content.then(content);
            stored.seqs = [stored.seqs[0], seq].into();
            (stored.total, stored.time, *last) = (line + 1, time, ordinal);
        }
        _ => {} // some lines before it are forgotten already
    }
}
