//! The log on disk while no hub runs: information, export, import, verification and compaction.
//!
//! Opening it here does not mark it as in use: a hub that starts later finds it as the last one left it. Only an import
//! does, like a hub.

mod export;
mod import;
mod verify;

#[cfg(test)]
mod tests;

use std::{fs, io, path::PathBuf};

use redb::{AccessGuard, Database, ReadableDatabase, ReadableTable};
use serde::Serialize;
use sse_engine::{Millis, Position, StoredTopic};

use crate::{
    config::{Config, ConfigError},
    store::{
        Cause, StoreFailure,
        redb::{
            Fault, LogDir, OpenError,
            fault::guarded,
            loaded::Loaded,
            tables::{self, EVENTS, FileResult},
        },
    },
};
pub use export::{Exported, Form};
pub use import::Imported;
pub use verify::Verified;

/// The number of rows between two progress reports.
const STRIDE: u64 = 256;

/// The log on disk of a hub that is not running. While this is open, no hub can use it.
///
/// All methods block; in an asynchronous program use them on a thread that may, such as one of
/// `tokio::task::spawn_blocking`.
///
/// ```no_run
/// use sse_server::{Config, Form, LogFile};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let log = LogFile::open(&Config::default())?;
/// println!("{} events", log.info()?.events);
/// log.export(std::io::stdout(), Form::Whole, |_done, _total| {})?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct LogFile {
    directory: LogDir,
    database: Database,
    loaded: Loaded,
    /// Keeps hubs out of the directory.
    _lock: fs::File,
}

/// Why an operation on the log failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// A value in the configuration is not allowed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log can't be opened.
    #[error("can't open the log: {0}")]
    Open(#[source] StoreFailure),
    /// The log can't be read or written.
    #[error("the log fails: {0}")]
    File(#[source] StoreFailure),
    /// The exported events can't be written.
    #[error("can't write the events: {0}")]
    Write(#[source] io::Error),
    /// The events to import can't be read.
    #[error("can't read the events: {error}; {imported}")]
    Read {
        /// Why.
        #[source]
        error: io::Error,
        /// The events imported before the failure. They stay in the log.
        imported: Imported,
    },
    /// A line is not an event.
    #[error("line {line}: {why}; {imported}")]
    Line {
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong with it, and what is allowed.
        why: String,
        /// The events imported before the line. They stay in the log.
        imported: Imported,
    },
    /// The log accepted events, and failed to write all of them.
    #[error("the log can't be written: {why}; some of {events} events may be in it")]
    Lost {
        /// Why.
        #[source]
        why: StoreFailure,
        /// The number of events accepted.
        events: u64,
    },
}

/// Information on a log.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct LogInfo {
    /// The file.
    pub file: PathBuf,
    /// Its size in bytes.
    pub file_bytes: u64,
    /// The epoch of the log, with which each of its IDs starts.
    pub epoch: String,
    /// Whether it was closed cleanly. If not, the next hub to use it skips the IDs that may have been assigned.
    pub clean: bool,
    /// The number of retained events.
    pub events: u64,
    /// Their size in bytes, as retention counts it.
    pub bytes: u64,
    /// The ID of the first retained event.
    pub first_id: Option<String>,
    /// The ID of the last retained event.
    pub last_id: Option<String>,
    /// The publish time of the first retained event, in milliseconds since the Unix epoch.
    pub first_time: Option<u64>,
    /// The publish time of the last retained event.
    pub last_time: Option<u64>,
    /// The last ID assigned, as far as the file knows.
    pub head: String,
    /// The number of recorded crashes.
    pub holes: usize,
    /// The number of those that may have lost events.
    pub lossy_holes: usize,
    /// The number of idempotency keys.
    pub keys: usize,
    /// The topics, those with the most bytes first.
    pub topics: Vec<LogTopic>,
}

/// Information on a topic in a log.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct LogTopic {
    /// The topic.
    pub topic: String,
    /// The number of retained events of which it is the only or the canonical topic.
    pub events: u64,
    /// Their size in bytes, as retention counts it.
    pub bytes: u64,
    /// The ID of the first of them.
    pub first_id: Option<String>,
    /// The ID of the last of them.
    pub last_id: Option<String>,
    /// If the topic has ended, the ID of its last event, or of the one after which it ended.
    pub ended_id: Option<String>,
}

impl LogFile {
    /// Opens the log in the directory `config.store.path`. It has to exist.
    ///
    /// # Errors
    ///
    /// [`LogError::Open`] if there is no log, if a hub uses it, or if it can't be read; [`LogError::Config`] if the
    /// configuration is invalid.
    pub fn open(config: &Config) -> Result<Self, LogError> {
        config.check()?;
        let directory = LogDir::from(&config.store);
        let missing = || {
            let path = directory.path();
            let text = format!("{}: there is none; name the directory of one with --data", path.display());
            LogError::Open(StoreFailure::new(Cause::Missing, text))
        };
        if directory.path().try_exists().is_ok_and(|exists| !exists) {
            return Err(missing());
        }
        let failed = |error: OpenError| LogError::Open(error.into());
        let lock = directory.lock().map_err(failed)?;
        let (database, loaded) = directory.open().map_err(failed)?;
        Ok(Self { directory, database, loaded, _lock: lock })
    }

    /// Returns information on the log.
    ///
    /// # Errors
    ///
    /// [`LogError::File`].
    pub fn info(&self) -> Result<LogInfo, LogError> {
        self.doing(|| {
            let [first, last] = self.ends()?;
            let file = self.directory.path();
            let file_bytes = fs::metadata(&file).map_err(Fault::Io)?.len();
            let Loaded { epoch, head, in_use, holes, keys, topics, .. } = &self.loaded;
            let mut topics: Vec<_> = topics.values().map(|stored| self.topic(stored)).collect();
            topics.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.topic.cmp(&b.topic)));
            Ok(LogInfo {
                file,
                file_bytes,
                epoch: epoch.to_string(),
                clean: !in_use,
                events: topics.iter().map(|topic| topic.events).sum(),
                bytes: topics.iter().map(|topic| topic.bytes).sum(),
                first_id: first.map(|(seq, _)| self.id(seq)),
                last_id: last.map(|(seq, _)| self.id(seq)),
                first_time: first.map(|(_, time)| time),
                last_time: last.map(|(_, time)| time),
                head: self.id(*head),
                holes: holes.len(),
                lossy_holes: holes.iter().filter(|hole| hole.lossy).count(),
                keys: keys.len(),
                topics,
            })
        })
    }

    /// Returns the space of trimmed events to the file system. Returns the size of the file before and after, in bytes.
    ///
    /// # Errors
    ///
    /// [`LogError::File`]; the log is unchanged then.
    pub fn compact(self) -> Result<(u64, u64), LogError> {
        let Self { directory, mut database, .. } = self;
        let path = directory.path();
        let bytes = || Ok::<_, Fault>(fs::metadata(&path).map_err(Fault::Io)?.len());
        guarded(|| {
            let before = bytes()?;
            database.compact()?;
            database.close()?;
            Ok((before, bytes()?))
        })
        .map_err(|fault| failed(&directory, fault))
    }

    /// Information on a topic, by the events whose canonical topic it is.
    fn topic(&self, stored: &StoredTopic) -> LogTopic {
        let StoredTopic { topic, retained, ended, .. } = stored;
        let firsts = retained.own().iter().map(|own| own.first).filter(|first| *first > 0);
        LogTopic {
            topic: topic.to_string(),
            events: retained.events() as u64,
            bytes: retained.bytes() as u64,
            first_id: firsts.min().map(|first| self.id(first)),
            last_id: self.event_id(retained.last_own()),
            ended_id: self.event_id(*ended),
        }
    }

    /// The first and the last event, with their publish times.
    fn ends(&self) -> FileResult<[Option<(u64, Millis)>; 2]> {
        let events = self.database.begin_read()?.open_table(EVENTS)?;
        let end = |row: Option<(AccessGuard<'_, u64>, AccessGuard<'_, &[u8]>)>| -> FileResult<_> {
            let Some((seq, row)) = row else { return Ok(None) };
            Ok(Some((seq.value(), tables::event_head(seq.value(), row.value())?.time)))
        };
        Ok([end(events.first()?)?, end(events.last()?)?])
    }

    fn id(&self, seq: u64) -> String {
        Position::new(self.loaded.epoch, seq).to_string()
    }

    fn event_id(&self, seq: u64) -> Option<String> {
        (seq > 0).then(|| self.id(seq))
    }

    fn doing<T>(&self, work: impl FnOnce() -> FileResult<T>) -> Result<T, LogError> {
        guarded(work).map_err(|fault| failed(&self.directory, fault))
    }
}

fn failed(directory: &LogDir, fault: Fault) -> LogError {
    LogError::File(OpenError::File { path: directory.path(), fault }.into())
}
