//! The log while no hub runs: looked at, taken out, put in, checked, made smaller.
//!
//! Opening it here does not take it into use: a hub that starts later finds it as the last one left it. Only an import
//! does, as a hub would.

mod export;
mod import;
mod verify;

#[cfg(test)]
mod tests;

use std::{fs, io, path::PathBuf};

use redb::{Database, ReadableDatabase, ReadableTable};
use serde::Serialize;
use sse_engine::{Millis, Position};

use crate::{
    config::{Config, ConfigError},
    store::{
        Cause, StoreFailure,
        redb::{
            Fault, LogDir, OpenError,
            fault::guarded,
            file::Loaded,
            tables::{EVENTS, Rows},
        },
    },
};
pub use export::Form;
pub use import::Imported;
pub use verify::Verified;

/// After how many rows progress is told.
const STRIDE: u64 = 256;

/// The log on disk of a hub that does not run. While this is open no hub can use it.
///
/// All of it blocks; in an asynchronous program it goes on a thread that may, such as `tokio::task::spawn_blocking`.
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
    /// No hub has the directory meanwhile.
    _lock: fs::File,
}

/// Why something was not done with the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// A value of the configuration is not allowed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log can't be opened.
    #[error("can't open the log: {0}")]
    Open(#[source] StoreFailure),
    /// The log can't be read or written.
    #[error("the log fails: {0}")]
    File(#[source] StoreFailure),
    /// What is exported can't be written.
    #[error("can't write the events: {0}")]
    Write(#[source] io::Error),
    /// What is to be imported can't be read.
    #[error("can't read the events: {error}; {imported}")]
    Read {
        /// Why.
        #[source]
        error: io::Error,
        /// What came before. It stays.
        imported: Imported,
    },
    /// A line is not an event.
    #[error("line {line}: {why}; {imported}")]
    Line {
        /// Which, from 1.
        line: u64,
        /// What is wrong, and what is allowed.
        why: String,
        /// What came before. It stays.
        imported: Imported,
    },
    /// The log took events and could not write them all.
    #[error("the log can't be written: {why}; some of {events} events may be in it")]
    Lost {
        /// Why.
        #[source]
        why: StoreFailure,
        /// How many it took.
        events: u64,
    },
}

/// What is in a log.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct LogInfo {
    /// The file.
    pub file: PathBuf,
    /// Its size in bytes.
    pub file_bytes: u64,
    /// The log's name, with which each of its IDs begins.
    pub epoch: String,
    /// Whether it was closed in good order. If not, the next hub to use it skips the IDs that may have been given out.
    pub clean: bool,
    /// How many events are retained.
    pub events: u64,
    /// How many bytes the retention counts them with.
    pub bytes: u64,
    /// The first retained event.
    pub first_id: Option<String>,
    /// The last retained event.
    pub last_id: Option<String>,
    /// When the first retained event was published, in milliseconds since the Unix epoch.
    pub first_time: Option<u64>,
    /// When the last retained event was published.
    pub last_time: Option<u64>,
    /// The last ID that was given out, as far as the file knows.
    pub head: String,
    /// How many unclean stops are remembered.
    pub holes: usize,
    /// How many of them may have taken events.
    pub lossy_holes: usize,
    /// How many idempotency keys are remembered.
    pub keys: usize,
    /// The topics, those with the most bytes first.
    pub topics: Vec<LogTopic>,
}

/// What is retained of a topic.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct LogTopic {
    /// Its name.
    pub topic: String,
    /// How many events.
    pub events: u64,
    /// How many bytes they are counted with.
    pub bytes: u64,
    /// The first event.
    pub first_id: Option<String>,
    /// The last event.
    pub last_id: Option<String>,
}

impl LogFile {
    /// Opens the log in the directory that `store.path` of the configuration names. None is made.
    ///
    /// # Errors
    ///
    /// [`LogError::Open`] if there is none, if a hub uses it, or if it can't be read; [`LogError::Config`] if the
    /// configuration is not allowed.
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

    /// What is in it.
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
            let mut topics: Vec<_> = topics
                .values()
                .map(|record| LogTopic {
                    topic: record.topic.to_string(),
                    events: record.retained.events as u64,
                    bytes: record.retained.bytes as u64,
                    first_id: self.event_id(record.retained.first),
                    last_id: self.event_id(record.retained.last),
                })
                .collect();
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

    /// Gives the room that trimmed events left back to the file system. The bytes before and after are given.
    ///
    /// # Errors
    ///
    /// [`LogError::File`]; the log is as it was then.
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

    /// The first and the last event with their times.
    fn ends(&self) -> Rows<[Option<(u64, Millis)>; 2]> {
        let events = self.database.begin_read()?.open_table(EVENTS)?;
        let first = events.first()?.map(|(seq, row)| (seq.value(), row.value().0));
        let last = events.last()?.map(|(seq, row)| (seq.value(), row.value().0));
        Ok([first, last])
    }

    fn id(&self, seq: u64) -> String {
        Position::new(self.loaded.epoch, seq).to_string()
    }

    fn event_id(&self, seq: u64) -> Option<String> {
        (seq > 0).then(|| self.id(seq))
    }

    fn doing<T>(&self, work: impl FnOnce() -> Rows<T>) -> Result<T, LogError> {
        guarded(work).map_err(|fault| failed(&self.directory, fault))
    }
}

fn failed(directory: &LogDir, fault: Fault) -> LogError {
    LogError::File(OpenError::File { path: directory.path(), fault }.into())
}
