//! Exporting events as lines of JSON.

use std::io::{BufWriter, Write};

use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Fault, LogError, LogFile, STRIDE, failed};
use crate::store::{
    Entry,
    redb::{
        fault::guarded,
        tables::{self, EVENTS},
    },
};
use sse_engine::{Millis, Name};

/// The members of an exported line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// All members, for [`LogFile::import`].
    Whole,
    /// All but ID and time, for `POST /publish` as `application/x-ndjson`.
    Publishable,
}

#[derive(Serialize)]
struct ExportLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Millis>,
    topic: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<u64>,
    data: Data<'a>,
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
    /// `topic`, `event` and `retry` (milliseconds) if set, and `data`. Returns the number of events.
    ///
    /// `progress` is called from time to time with the number of events written and their total.
    ///
    /// # Errors
    ///
    /// [`LogError::Write`] or [`LogError::File`]; the events before the failure are written.
    pub fn export(&self, out: impl Write, form: Form, mut progress: impl FnMut(u64, u64)) -> Result<u64, LogError> {
        let mut out = BufWriter::new(out);
        let exported = guarded(|| {
            let events = self.database.begin_read()?.open_table(EVENTS)?;
            let total = events.len()?;
            let mut done = 0_u64;
            for row in events.iter()? {
                let (seq, row) = row?;
                let (seq, row) = (seq.value(), row.value());
                let event = tables::open_event(seq, row)?;
                let id = event.head.topic;
                let record = self.loaded.topics.get(&id);
                let record = record.ok_or_else(|| Fault::Row(format!("event {seq}: there is no topic {id}")))?;
                let entry = tables::entry(event, record.topic.clone())?;
                if let Err(error) = self.write(&mut out, form, &entry)? {
                    return Ok(Err(error));
                }
                done += 1;
                if done.is_multiple_of(STRIDE) {
                    progress(done, total);
                }
            }
            progress(done, total);
            Ok(out.flush().map(|()| done))
        });
        exported.map_err(|fault| failed(&self.directory, fault))?.map_err(LogError::Write)
    }

    /// The outer error is the log's, the inner one the writer's.
    fn write(&self, out: &mut impl Write, form: Form, entry: &Entry) -> Result<std::io::Result<()>, Fault> {
        let Entry { seq, time, draft } = entry;
        let data = if draft.json {
            let value = serde_json::from_str(&draft.data);
            Data::Json(value.map_err(|error| Fault::Row(format!("event {seq}: its data is no JSON: {error}")))?)
        } else {
            Data::Text(&draft.data)
        };
        let whole = form == Form::Whole;
        let line = ExportLine {
            id: whole.then(|| self.id(*seq)),
            time: whole.then_some(*time),
            topic: draft.topic.as_str(),
            event: draft.name.as_ref().map(Name::as_str),
            retry: draft.retry.map(|retry| u64::try_from(retry.as_millis()).unwrap_or(u64::MAX)),
            data,
        };
        Ok(serde_json::to_writer(&mut *out, &line).map_err(std::io::Error::from).and_then(|()| out.write_all(b"\n")))
    }
}
