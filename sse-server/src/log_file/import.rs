//! Importing lines of JSON, which are appended like published events.

use std::{
    fmt,
    io::{self, BufRead, Read as _},
    mem,
    time::Duration,
};

use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::value::RawValue;
use sse_engine::{Draft, Epoch, Millis, Name, Position, Topic, data_of};

use super::{LogError, LogFile};
use crate::{
    base::clock::wall,
    config::{Config, Publish},
    store::{
        Batch, Cause, Store, StoreError, StoreFailure,
        redb::{Durability, Options, Redb},
    },
};

/// The most events appended at a time, and the most bytes.
const BATCH_EVENTS: usize = 1000;
const BATCH_BYTES: usize = 1 << 20;

/// The interval in which appended events are synced. Nobody waits for it.
const SYNC: Duration = Duration::from_millis(500);

/// The most bytes of a line for one byte of data (`\u0000`), and for its other members.
const ESCAPED: usize = 6;
const MEMBERS: usize = 4096;

/// The outcome of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// The number of imported events.
    pub events: u64,
    /// The ID of the first of them.
    pub first_id: Option<String>,
    /// The ID of the last of them.
    pub last_id: Option<String>,
    /// The number of events whose time differs from that in their line, since times never decrease along a log and are
    /// never in the future.
    pub retimed: u64,
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, retimed, .. } = self;
        match (&self.first_id, &self.last_id) {
            (Some(first), Some(last)) => write!(f, "events imported: {events}, {first} to {last}")?,
            _ => return f.write_str("nothing is imported"),
        }
        if *retimed > 0 {
            write!(f, "; {retimed} of them got another time, since times never go back")?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportLine<'a> {
    #[serde(rename = "id")]
    _id: Option<IgnoredAny>,
    time: Option<Millis>,
    topic: String,
    event: Option<String>,
    retry: Option<u64>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
}

/// Distinguishes `null`, which is data, from a missing member.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl LogFile {
    /// Appends events, one JSON object a line as [`export`](Self::export) writes them, to the log that `config` names,
    /// which is created if it does not exist. They get new IDs. Each keeps its time unless the log is already past it;
    /// an event without a time gets the current one. The configured retention applies.
    ///
    /// `progress` is called after each line with the number of bytes read.
    ///
    /// # Errors
    ///
    /// [`LogError`]. Events before a refused line stay in the log, and the error reports them.
    pub fn import(config: &Config, lines: impl BufRead, progress: impl FnMut(u64)) -> Result<Imported, LogError> {
        config.check()?;
        let mut options = Options::from(config);
        options.durability = Durability::Interval(SYNC);
        let store = Redb::open((&config.store).into(), options).map_err(|error| LogError::Open(error.into()))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| LogError::File(StoreFailure::new(Cause::Other, error.to_string())))?;
        let mut import = Import {
            epoch: store.snapshot().epoch,
            config: &config.publish,
            time: store.last_time().map_err(|error| LogError::File(error.into()))?,
            batch: Vec::new(),
            bytes: 0,
            imported: Imported::default(),
            append: |batch| runtime.block_on(store.append(batch)),
        };
        let ended = import.run(lines, progress);
        let imported = mem::take(&mut import.imported);
        let lost = |error: StoreError| {
            let why = match error {
                StoreError::Unavailable(why) => StoreFailure::new(Cause::Temporary, why),
                StoreError::Stalled(_) | StoreError::Closed | StoreError::Gone => error.into(),
            };
            LogError::Lost { why, events: imported.events }
        };
        match ended {
            Err(End::Store(error)) => {
                let _ = store.close(Duration::MAX); // the first failure is the one to report
                return Err(lost(error));
            }
            _ => store.close(Duration::MAX).map_err(lost)?,
        }
        match ended {
            Err(End::Read(error)) => Err(LogError::Read { error, imported }),
            Err(End::Line(line, why)) => Err(LogError::Line { line, why, imported }),
            _ => Ok(imported),
        }
    }
}

/// Why an import stopped early.
enum End {
    Store(StoreError),
    Read(io::Error),
    Line(u64, String),
}

struct Import<'a, A> {
    epoch: Epoch,
    config: &'a Publish,
    /// The time of the last event, and of the whole batch.
    time: Millis,
    /// Events with the same time, since a batch has one.
    batch: Vec<Draft>,
    bytes: usize,
    imported: Imported,
    append: A,
}

impl<A: FnMut(Batch) -> Result<Vec<u64>, StoreError>> Import<'_, A> {
    fn run(&mut self, lines: impl BufRead, progress: impl FnMut(u64)) -> Result<(), End> {
        let read = self.read(lines, progress);
        let flushed = self.flush().map_err(End::Store); // including the events before a bad line
        if let Err(End::Store(_)) = read { read } else { flushed.and(read) }
    }

    fn read(&mut self, mut lines: impl BufRead, mut progress: impl FnMut(u64)) -> Result<(), End> {
        let longest = self.config.max_event_bytes.saturating_mul(ESCAPED).saturating_add(MEMBERS);
        let (mut line, mut done) = (Vec::new(), 0);
        for number in 1.. {
            line.clear();
            let limit = (longest as u64).saturating_add(1);
            let read = lines.by_ref().take(limit).read_until(b'\n', &mut line).map_err(End::Read)?;
            if read == 0 {
                break;
            }
            if read > longest {
                let why =
                    format!("it is longer than {longest} bytes; publish.max_event_bytes says how long data may be");
                return Err(End::Line(number, why));
            }
            if !line.trim_ascii().is_empty() {
                let (time, draft) = self.event(&line).map_err(|why| End::Line(number, why))?;
                self.take(time, draft).map_err(End::Store)?;
            }
            done += read as u64;
            progress(done);
        }
        Ok(())
    }

    /// Parses a line.
    fn event(&self, line: &[u8]) -> Result<(Option<Millis>, Draft), String> {
        let line: ImportLine<'_> = serde_json::from_slice(line).map_err(|error| {
            format!(
                "not the JSON of an event: {error}; it takes topic and data, and event, retry, id and time if wanted"
            )
        })?;
        let topic = Topic::new(&line.topic).map_err(|why| format!("the topic {:?} is not one: {why}", line.topic))?;
        let raw = line.data.ok_or("there is no member `data`; give any JSON value, null included")?;
        let (data, json) = data_of(raw).map_err(|error| format!("the member `data` is no text: {error}"))?;
        let most = self.config.max_event_bytes;
        if data.len() > most {
            return Err(format!("the data has {} bytes; publish.max_event_bytes allows {most}", data.len()));
        }
        let name =
            |name: String| Name::new(&name).map_err(|why| format!("the event name {name:?} is not allowed: {why}"));
        let name = line.event.map(name).transpose()?;
        let retry = |ms| Duration::from_millis(ms).clamp(self.config.retry_min, self.config.retry_max);
        Ok((line.time, Draft { topic, name, retry: line.retry.map(retry), data, json }))
    }

    fn take(&mut self, said: Option<Millis>, draft: Draft) -> Result<(), StoreError> {
        let now = wall();
        let time = said.unwrap_or(now).min(now).max(self.time);
        let full = self.batch.len() == BATCH_EVENTS || self.bytes >= BATCH_BYTES;
        if time != self.time || full {
            self.flush()?;
        }
        self.time = time;
        self.imported.retimed += u64::from(said.is_some_and(|said| said != time));
        self.bytes += draft.weight();
        self.batch.push(draft);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let drafts = mem::take(&mut self.batch);
        self.bytes = 0;
        let seqs = (self.append)(Batch { drafts, keys: Vec::new(), now: self.time })?;
        let id = |seq: &u64| Position::new(self.epoch, *seq).to_string();
        self.imported.events += seqs.len() as u64;
        if self.imported.first_id.is_none() {
            self.imported.first_id = seqs.first().map(id);
        }
        self.imported.last_id = seqs.last().map(id).or(self.imported.last_id.take());
        Ok(())
    }
}
