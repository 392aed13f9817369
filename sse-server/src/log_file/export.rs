//! Exporting events as lines of JSON.

use std::{
    collections::BTreeMap,
    io::{self, BufWriter, Write},
    ops::Not,
};

use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{LogError, LogFile, failed};
use crate::store::{
    Entry, PAGE_EVENTS,
    redb::{
        Snapshot,
        fault::guarded,
        tables::{EVENTS, FileResult},
    },
};
use sse_engine::{Alias, Draft, Millis, Name, Topic, millis};

/// The most bytes read at a time.
const PAGE_BYTES: usize = 1 << 20;

/// The members of an exported line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// All members, for [`LogFile::import`].
    Whole,
    /// All but ID and time, for `POST /publish` as `application/x-ndjson`.
    Publishable,
}

/// The outcome of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// The number of events written.
    pub events: u64,
    /// The number of damaged events, which are left out.
    pub left_out: u64,
}

#[derive(Serialize)]
struct ExportLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    topics: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<&'a str>,
    #[serde(skip_serializing_if = "Not::not")]
    private: bool,
    #[serde(skip_serializing_if = "Not::not")]
    end: bool,
    data: Data<'a>,
}

/// A topic that has ended without an exported event that says so.
#[derive(Serialize)]
struct EndLine<'a> {
    topic: &'a str,
    ended: bool,
}

/// Data published as JSON stays JSON; text becomes a string.
#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Json(&'a RawValue),
    Text(&'a str),
}

impl LogFile {
    /// Writes all retained events in order, one JSON object a line: `id`, `time` (milliseconds since the Unix epoch),
    /// `topic`, if there are several all `topics`, `event`, `retry` (milliseconds), `alias`, `private` and `end` if set,
    /// and `data`. Then comes a line for each topic that has ended and of which no event there says so: `topic`, and `ended`.
    /// What is to be [published](Form::Publishable) has either `topic` or `topics`, and only lines of events.
    ///
    /// `progress` is called from time to time with the number of events written and their total.
    ///
    /// # Errors
    ///
    /// [`LogError::Write`] or [`LogError::File`]; the events before the failure are written.
    pub fn export(
        &self,
        out: impl Write,
        form: Form,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Exported, LogError> {
        let mut out = BufWriter::new(out);
        let exported = guarded(|| {
            let written = self.write_all(&mut out, form, &mut progress)?;
            Ok(written.and_then(|exported| out.flush().map(|()| exported)))
        });
        exported.map_err(|fault| failed(&self.directory, fault))?.map_err(LogError::Write)
    }

    /// The outer error is the log's, the inner one the writer's.
    fn write_all(
        &self,
        out: &mut impl Write,
        form: Form,
        progress: &mut impl FnMut(u64, u64),
    ) -> FileResult<io::Result<Exported>> {
        // those of which no line tells yet
        let mut ends: BTreeMap<_, _> = self.loaded.ends().collect();
        let (total, last) = self.extent()?;
        let (names, damage) = Snapshot::beside(&self.loaded);
        let snapshot = Snapshot::new(&self.database, &names, &damage, last)?;
        let (mut exported, mut gaps, mut after) = (Exported::default(), 0, 0);
        while after < last {
            let page = snapshot.page_of_all(after, last, PAGE_EVENTS, PAGE_BYTES)?;
            gaps += u64::from(page.damaged);
            after = page.through;
            for Entry { seq, time, draft } in &page.entries {
                // one that a topic went on after is an event like others
                let end = draft.end && ends.get(&draft.topic) == Some(seq);
                let Some(line) = self.line(form, (*seq, *time), draft, end) else {
                    gaps += 1;
                    continue;
                };
                if let Err(error) = write_line(out, &line) {
                    return Ok(Err(error));
                }
                if end {
                    ends.remove(&draft.topic);
                }
                exported.events += 1;
            }
            progress(exported.events, total);
        }
        exported.left_out = total.saturating_sub(exported.events).max(gaps);
        if form == Form::Whole {
            for topic in ends.into_keys() {
                if let Err(error) = write_line(out, &EndLine { topic: topic.as_str(), ended: true }) {
                    return Ok(Err(error));
                }
            }
        }
        progress(exported.events, total);
        Ok(Ok(exported))
    }

    /// The number of events that there should be, and the last one. Where that can't be read, it is the last that was
    /// assigned.
    fn extent(&self) -> FileResult<(u64, u64)> {
        let events = self.database.begin_read()?.open_table(EVENTS)?;
        let last = guarded(|| Ok(events.last()?.map_or(0, |(seq, _)| seq.value()))).unwrap_or(0);
        let counted: usize = self.loaded.topics.values().map(|stored| stored.retained.events()).sum();
        Ok((events.len()?.max(counted as u64), last.max(self.loaded.head)))
    }

    /// The line of an event, unless it is marked as JSON and is none.
    fn line<'a>(&self, form: Form, at: (u64, Millis), draft: &'a Draft, end: bool) -> Option<ExportLine<'a>> {
        let data =
            if draft.json { Data::Json(serde_json::from_str(&draft.data).ok()?) } else { Data::Text(&draft.data) };
        let whole = form == Form::Whole;
        let several = !draft.others.is_empty();
        Some(ExportLine {
            id: whole.then(|| self.id(at.0)),
            time: whole.then_some(at.1),
            topic: (whole || !several).then_some(draft.topic.as_str()),
            topics: if several { draft.topics().map(Topic::as_str).collect() } else { Vec::new() },
            event: draft.name.as_ref().map(Name::as_str),
            retry: draft.retry.map(millis),
            alias: draft.alias.as_ref().map(Alias::as_str),
            private: draft.private,
            end,
            data,
        })
    }
}

fn write_line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line).map_err(io::Error::from).and_then(|()| out.write_all(b"\n"))
}
