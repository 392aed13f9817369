//! Importing lines of JSON, which are appended like published events.

use std::{
    fmt,
    io::{self, BufRead, Read as _},
    mem,
    time::Duration,
};

use futures_util::future::join_all;
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::value::RawValue;
use sse_engine::{Alias, Draft, Epoch, MAX_TOPICS, Millis, Name, Position, Topic, data_of};

use super::{LogError, LogFile};
use crate::{
    base::clock::wall,
    config::{Config, Publish},
    store::{
        Appended, Batch, Cause, Store, StoreError, StoreFailure,
        redb::{Durability, Options, Redb},
    },
};

/// The most events appended at a time, and the most bytes.
const BATCH_EVENTS: usize = 1000;
const BATCH_BYTES: usize = 1 << 20;

/// The interval in which appended events are synced. Nobody waits for it.
const SYNC: Duration = Duration::from_millis(500);

/// The most bytes of a line for one byte of data (`\u0000`), and for its other members, topics above all.
const ESCAPED: usize = 6;
const MEMBERS: usize = ESCAPED * (MAX_TOPICS + 1) * 1100;

/// What some programs put before a text. It is no part of it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

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
    topic: Option<String>,
    #[serde(default)]
    topics: Vec<String>,
    event: Option<String>,
    retry: Option<u64>,
    alias: Option<String>,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    end: bool,
    /// The topic has ended without an event that says so.
    #[serde(default)]
    ended: bool,
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
    /// an event without a time gets the current one. The configured retention applies. A byte order mark at the beginning
    /// is skipped.
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
            ends: Vec::new(),
            bytes: 0,
            imported: Imported::default(),
            append: |batches: Vec<Batch>| {
                let appending = batches.into_iter().map(|batch| store.append(batch));
                runtime.block_on(join_all(appending))
            },
        };
        let ended = import.run(lines, progress);
        let imported = mem::take(&mut import.imported);
        let lost = |error: StoreError| {
            let why = match error {
                StoreError::Unavailable(why) => StoreFailure::new(Cause::Temporary, why),
                other => other.into(),
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
    /// Events with the same time, since a batch has one, and the numbers of their lines.
    batch: Vec<(u64, Draft)>,
    /// Topics to end after the batch. It is empty if there are any.
    ends: Vec<(u64, Topic)>,
    bytes: usize,
    imported: Imported,
    append: A,
}

/// What a line says.
enum Line {
    Event(Option<Millis>, Box<Draft>),
    End(Topic),
}

impl<A: FnMut(Vec<Batch>) -> Vec<Result<Appended, StoreError>>> Import<'_, A> {
    fn run(&mut self, lines: impl BufRead, progress: impl FnMut(u64)) -> Result<(), End> {
        let read = self.read(lines, progress);
        if let Err(End::Store(_)) = read {
            return read;
        }
        self.flush().and(read) // including the events before a bad line
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
            let text = if number == 1 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line) } else { &line };
            if !text.trim_ascii().is_empty() {
                match self.line(text).map_err(|why| End::Line(number, why))? {
                    Line::Event(time, draft) => self.add(number, time, *draft)?,
                    Line::End(topic) => self.take_end(number, topic)?,
                }
            }
            done += read as u64;
            progress(done);
        }
        Ok(())
    }

    /// Parses a line.
    fn line(&self, line: &[u8]) -> Result<Line, String> {
        let line: ImportLine<'_> = serde_json::from_slice(line).map_err(|error| {
            format!(
                "not the JSON of an event: {error}; it takes topic or topics, and data, and event, retry, alias, private, \
                 end, id and time if wanted; or topic and ended"
            )
        })?;
        let topic = |text: &String| Topic::new(text).map_err(|why| format!("the topic {text:?} is not one: {why}"));
        let topics = line.topic.iter().chain(&line.topics).map(topic).collect::<Result<Vec<_>, _>>()?;
        if topics.is_empty() {
            return Err("there is no member `topic`; give one, or several with `topics`".to_owned());
        }
        if line.ended {
            return match <[Topic; 1]>::try_from(topics) {
                Ok([topic]) if line.data.is_none() => Ok(Line::End(topic)),
                _ => Err("a line with `ended` has a topic and no data".into()),
            };
        }
        let raw = line.data.ok_or("there is no member `data`; give any JSON value, null included")?;
        let (data, json) = data_of(raw).map_err(|error| format!("the member `data` is no text: {error}"))?;
        let most = self.config.max_event_bytes;
        if data.len() > most {
            return Err(format!("the data has {} bytes; publish.max_event_bytes allows {most}", data.len()));
        }
        let name =
            |name: String| Name::of(&name).map_err(|why| format!("the event name {name:?} is not allowed: {why}"));
        let alias =
            |alias: String| Alias::new(&alias).map_err(|why| format!("the alias {alias:?} is not allowed: {why}"));
        let retry = |ms| self.config.clamp_retry(Duration::from_millis(ms));
        let draft = Draft {
            name: line.event.map(name).transpose()?.flatten(),
            retry: line.retry.map(retry),
            json,
            private: line.private,
            alias: line.alias.map(alias).transpose()?,
            end: line.end,
            ..Draft::of_topics(topics, data)?
        };
        Ok(Line::Event(line.time, Box::new(draft)))
    }

    fn add(&mut self, line: u64, said: Option<Millis>, draft: Draft) -> Result<(), End> {
        let now = wall();
        let time = said.unwrap_or(now).min(now).max(self.time);
        let full = self.batch.len() == BATCH_EVENTS || self.bytes >= BATCH_BYTES;
        if time != self.time || full || !self.ends.is_empty() {
            self.flush()?;
        }
        self.time = time;
        self.imported.retimed += u64::from(said.is_some_and(|said| said != time));
        self.bytes += draft.weight();
        self.batch.push((line, draft));
        Ok(())
    }

    fn take_end(&mut self, line: u64, topic: Topic) -> Result<(), End> {
        if !self.batch.is_empty() || self.ends.len() == BATCH_EVENTS {
            self.flush()?;
        }
        self.ends.push((line, topic));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), End> {
        self.bytes = 0;
        let (lines, drafts): (Vec<_>, Vec<_>) = mem::take(&mut self.batch).into_iter().unzip();
        self.append_events(&lines, drafts)?;
        let (lines, ends): (Vec<_>, Vec<_>) = mem::take(&mut self.ends).into_iter().unzip();
        let end = |topic| Batch { end: Some(topic), now: self.time, ..Batch::default() };
        let batches = ends.into_iter().map(end).collect();
        for (line, appended) in lines.into_iter().zip((self.append)(batches)) {
            match appended {
                Err(StoreError::Ended { .. }) => {} // before already
                appended => drop(appended.map_err(|error| refused(line, error))?),
            }
        }
        Ok(())
    }

    /// Appends events, or those before the one that comes after the end of its topic.
    fn append_events(&mut self, lines: &[u64], mut drafts: Vec<Draft>) -> Result<(), End> {
        if drafts.is_empty() {
            return Ok(());
        }
        let batch = Batch { drafts: drafts.clone(), now: self.time, ..Batch::default() };
        let appended = (self.append)(vec![batch]).pop().unwrap_or(Err(StoreError::Closed));
        let Appended { seqs, .. } = match appended {
            Err(StoreError::Ended { index, at }) => {
                drafts.truncate(index);
                self.append_events(lines, drafts)?;
                let line = lines.get(index).copied().unwrap_or_default();
                return Err(refused(line, StoreError::Ended { index, at }));
            }
            appended => appended.map_err(End::Store)?,
        };
        let id = |seq: &u64| Position::new(self.epoch, *seq).to_string();
        self.imported.events += seqs.len() as u64;
        if self.imported.first_id.is_none() {
            self.imported.first_id = seqs.first().map(id);
        }
        self.imported.last_id = seqs.last().map(id).or(self.imported.last_id.take());
        Ok(())
    }
}

fn refused(line: u64, error: StoreError) -> End {
    match error {
        StoreError::Ended { .. } => End::Line(line, "its topic has ended".to_owned()),
        error => End::Store(error),
    }
}
