//! The rows of events.

use std::time::Duration;

use bytes::Bytes;
use sse_core::Text;
use sse_engine::{Alias, Draft, Millis, Name, Topic, millis};

use super::{FileResult, Row, RowReader, varints};
use crate::store::Entry;

/// The tags of the fields. They are never given another meaning.
mod field {
    /// The data is JSON; without bytes.
    pub(super) const JSON: u8 = 1;
    /// Milliseconds, eight bytes.
    pub(super) const RETRY: u8 = 2;
    pub(super) const NAME: u8 = 3;
    pub(super) const DATA: u8 = 4;
    /// The other topics, three varints each: the topic, the event before and its canonical topic.
    pub(super) const OTHERS: u8 = 5;
    /// Without bytes.
    pub(super) const PRIVATE: u8 = 6;
    pub(super) const ALIAS: u8 = 7;
    /// The canonical topic ends with it; without bytes.
    pub(super) const END: u8 = 8;
}

/// What the row of an event says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventHead {
    pub(crate) time: Millis,
    pub(crate) topic: u32,
    pub(crate) before: Before,
    pub(crate) private: bool,
}

/// What came before an event when it was appended: so a reader notices if one of these is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Before {
    /// The event of the same canonical topic that is private if this one is; 0 if there was none.
    pub(crate) of_topic: u64,
    /// The event of any topic, 0 if there was none, and its canonical topic.
    pub(crate) of_log: (u64, u32),
}

/// A topic of an event besides the canonical one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OtherTopic {
    pub(crate) id: u32,
    /// The event before that has this topic besides its canonical one, and is private if this one is; 0 if there was none.
    /// And its canonical topic, which tells whether it is retained.
    pub(crate) before: (u64, u32),
}

pub(crate) fn event_row(topic: u32, before: Before, others: &[OtherTopic], entry: &Entry) -> Vec<u8> {
    let Entry { seq, time, draft } = entry;
    let numbers = [*time, u64::from(topic), before.of_topic, before.of_log.0, u64::from(before.of_log.1)];
    let mut row = numbers.into_iter().fold(Row::with_room(draft.weight()), Row::number);
    if !others.is_empty() {
        let numbers = others.iter().flat_map(|other| [u64::from(other.id), other.before.0, u64::from(other.before.1)]);
        row = row.field(field::OTHERS, &varints(numbers));
    }
    if draft.private {
        row = row.field(field::PRIVATE, &[]);
    }
    if let Some(alias) = &draft.alias {
        row = row.field(field::ALIAS, alias.as_str().as_bytes());
    }
    if draft.end {
        row = row.field(field::END, &[]);
    }
    if draft.json {
        row = row.field(field::JSON, &[]);
    }
    if let Some(retry) = draft.retry {
        row = row.field(field::RETRY, &millis(retry).to_le_bytes());
    }
    if let Some(name) = &draft.name {
        row = row.field(field::NAME, name.as_str().as_bytes());
    }
    row.field(field::DATA, draft.data.as_bytes()).seal(*seq)
}

/// Checks the row of an event, and reads its head.
pub(crate) fn event_head(seq: u64, row: &[u8]) -> FileResult<EventHead> {
    Ok(open_event(seq, row)?.head)
}

/// An event's row, checked, with what has to be known to find it.
pub(crate) struct OpenedEvent<'a> {
    pub(crate) head: EventHead,
    pub(crate) others: Vec<OtherTopic>,
    pub(crate) alias: Option<&'a str>,
    seq: u64,
    /// Behind the head.
    fields: RowReader<'a>,
}

impl OpenedEvent<'_> {
    /// The event's topics, the canonical one first.
    pub(crate) fn topics(&self) -> impl Iterator<Item = u32> {
        std::iter::once(self.head.topic).chain(self.others.iter().map(|other| other.id))
    }
}

pub(crate) fn open_event(seq: u64, row: &[u8]) -> FileResult<OpenedEvent<'_>> {
    let mut reader = RowReader::open("event", seq, row)?;
    let (time, topic) = (reader.number()?, reader.small()?);
    let before = Before { of_topic: reader.number()?, of_log: (reader.number()?, reader.small()?) };
    let fields = reader;
    let (mut private, mut alias, mut others) = (false, None, Vec::new());
    while let Some((tag, bytes)) = reader.field()? {
        match tag {
            field::OTHERS => {
                let mut within = reader.within(bytes);
                while !within.is_empty() {
                    let (id, before) = (within.small()?, (within.number()?, within.small()?));
                    others.push(OtherTopic { id, before });
                }
            }
            field::PRIVATE => private = true,
            field::ALIAS => alias = Some(reader.text(bytes)?),
            _ => {}
        }
    }
    let head = EventHead { time, topic, before, private };
    Ok(OpenedEvent { head, others, alias, seq, fields })
}

/// The event in a row. The topics are those that it names.
pub(crate) fn entry(event: &OpenedEvent<'_>, topic: Topic, others: Box<[Topic]>) -> FileResult<Entry> {
    let OpenedEvent { head, alias, seq, fields: mut reader, .. } = *event;
    let alias = alias.map(Alias::new).transpose().map_err(|why| reader.damaged(&format!("its alias: {why}")))?;
    let mut draft = Draft { others, private: head.private, alias, ..Draft::text(topic, Text::default()) };
    while let Some((tag, bytes)) = reader.field()? {
        match tag {
            field::JSON => draft.json = true,
            field::END => draft.end = true,
            field::RETRY => {
                let millis =
                    bytes.try_into().map_err(|_| reader.damaged("its reconnection time has not eight bytes"))?;
                draft.retry = Some(Duration::from_millis(u64::from_le_bytes(millis)));
            }
            field::NAME => {
                let name = Name::of(reader.text(bytes)?);
                draft.name = name.map_err(|why| reader.damaged(&format!("its name: {why}")))?;
            }
            field::DATA => {
                let data = Text::try_from(Bytes::copy_from_slice(bytes));
                draft.data = data.map_err(|_| reader.damaged("its data is no UTF-8"))?;
            }
            field::OTHERS | field::PRIVATE | field::ALIAS => {} // read before
            other => reader.pass_over(other)?,
        }
    }
    Ok(Entry { seq, time: head.time, draft })
}
