//! The file: creating and opening it, and loading the part of it that is kept in memory.

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io::Write,
    path::{Path, PathBuf},
};

use redb::{Database, ReadableDatabase, ReadableTable};
use sse_engine::{Epoch, Hole, Millis};

use super::{
    fault::{Fault, OpenError, guarded},
    overlay::Overlay,
    private,
    tables::{self, EVENTS, FileResult, HOLES, INDEX, KEYS, META, SCHEMA, TOPICS, meta},
    upgrade::upgrade,
};
use crate::{
    config,
    store::{StoredKey, TopicRecord},
};

const NAME: &str = "log.redb";

/// The most holes kept apart. Beyond that, the two oldest are merged, including what lies between them.
const HOLES_KEPT: usize = 1000;

/// The number of sequence numbers reserved at a time: this many can be assigned before the file has to be written
/// again.
pub(crate) const BLOCK: u64 = 1 << 24;

/// The directory of the log.
#[derive(Debug, Clone)]
pub(crate) struct LogDir {
    directory: PathBuf,
    /// The size of the page cache in bytes.
    cache: usize,
    /// Injected failures of reads and writes.
    #[cfg(test)]
    pub(crate) faults: Option<std::sync::Arc<super::faulty::Faults>>,
}

/// The part of the file that is kept in memory.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) epoch: Epoch,
    pub(crate) head: u64,
    pub(crate) time: Millis,
    pub(crate) reserved: u64,
    pub(crate) in_use: bool,
    pub(crate) behind: bool,
    pub(crate) floor: (u64, Millis),
    pub(crate) next_topic: u32,
    pub(crate) next_key: u64,
    /// How many topics the file has, or should have.
    pub(crate) topic_rows: u64,
    pub(crate) holes: Vec<Hole>,
    pub(crate) topics: BTreeMap<u32, TopicRecord>,
    pub(crate) keys: Vec<(u64, StoredKey)>,
    /// The checksum of the numbers matches. Without that the log can be looked at, and not be used.
    pub(crate) trusted: bool,
    /// All topics could be read.
    pub(crate) complete: bool,
    /// Rows of topics and keys that could not be read.
    pub(crate) damaged: Vec<String>,
}

impl From<&config::Store> for LogDir {
    fn from(store: &config::Store) -> Self {
        Self::new(store.path.clone(), store.cache)
    }
}

impl LogDir {
    pub(crate) const fn new(directory: PathBuf, cache: usize) -> Self {
        Self {
            directory,
            cache,
            #[cfg(test)]
            faults: None,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.join(NAME)
    }

    /// Locks the directory for this process until the returned file is dropped. The database locks its own file, too,
    /// but releases it when it is reopened after a failure.
    pub(crate) fn lock(&self) -> Result<File, OpenError> {
        let lock = || {
            private::directory(&self.directory).map_err(Fault::Io)?;
            let file = private::file(&self.directory.join("log.lock")).map_err(Fault::Io)?;
            match file.try_lock() {
                Ok(()) => Ok(file),
                Err(TryLockError::WouldBlock) => Err(Fault::InUse),
                Err(TryLockError::Error(error)) => Err(Fault::Io(error)),
            }
        };
        lock().map_err(|fault| self.error(fault))
    }

    fn error(&self, fault: Fault) -> OpenError {
        OpenError::File { path: self.path(), fault }
    }

    /// Opens the file, or creates one with a new epoch.
    pub(crate) fn open_or_create(&self) -> Result<(Database, Loaded), OpenError> {
        guarded(|| {
            if !self.path().try_exists().map_err(Fault::Io)? {
                self.create()?;
            }
            Ok(())
        })
        .map_err(|fault| self.error(fault))?;
        self.open_for_use()
    }

    /// Opens an existing file for use.
    pub(crate) fn open_for_use(&self) -> Result<(Database, Loaded), OpenError> {
        let (database, loaded) = self.open()?;
        self.trusted(&loaded)?;
        for why in &loaded.damaged {
            tracing::warn!(%why, "a row of the log can't be read, and is left out");
        }
        Ok((database, loaded))
    }

    /// Opens an existing file of which nothing is to be written: what is to be, for now, stays in memory.
    pub(super) fn open_reading(&self) -> Result<(Database, Loaded), OpenError> {
        let opened = guarded(|| {
            let overlay = Overlay::open(&self.path())?;
            let database = redb::Builder::new().set_cache_size(self.cache).create_with_backend(overlay)?;
            upgrade(&database)?;
            let loaded = load(&database)?;
            Ok((database, loaded))
        });
        let (database, loaded) = opened.map_err(|fault| self.error(fault))?;
        self.trusted(&loaded)?;
        Ok((database, loaded))
    }

    /// Returns false if there is no room on the disk for a little file.
    pub(super) fn has_room(&self) -> bool {
        let path = self.directory.join("log.redb.room");
        let wrote = private::file(&path).and_then(|mut file| {
            file.write_all(&[1; 64 << 10])?;
            file.sync_all()
        });
        let _ = fs::remove_file(&path); // it is in nobody's way, and is used again
        !wrote.is_err_and(|error| Fault::Io(error).is_full())
    }

    /// Which file stands in the log's place, as far as the system tells.
    pub(super) fn place(&self) -> Option<(u64, u64)> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            return fs::metadata(self.path()).ok().map(|file| (file.dev(), file.ino()));
        }
        #[cfg(not(unix))]
        self.path().exists().then_some((0, 0))
    }

    fn trusted(&self, loaded: &Loaded) -> Result<(), OpenError> {
        if loaded.trusted {
            return Ok(());
        }
        Err(self.error(Fault::Row("the checksum of the log's numbers does not match".into())))
    }

    /// Opens an existing file.
    pub(crate) fn open(&self) -> Result<(Database, Loaded), OpenError> {
        guarded(|| {
            let database = self.database(&self.path())?;
            upgrade(&database)?;
            let loaded = load(&database)?;
            Ok((database, loaded))
        })
        .map_err(|fault| self.error(fault))
    }

    /// Creates a log under a temporary name and renames it once it is complete, so that a file of the final name is
    /// never half written.
    fn create(&self) -> Result<(), Fault> {
        private::directory(&self.directory).map_err(Fault::Io)?;
        let making = self.directory.join("log.redb.new");
        match fs::remove_file(&making) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Fault::Io(error)),
            _ => {}
        }
        private::file(&making).map_err(Fault::Io)?;
        let database = redb::Builder::new().set_cache_size(self.cache).create(&making)?;
        let write = database.begin_write()?;
        {
            let epoch = getrandom::u64().map_err(|error| Fault::Io(error.into()))?;
            let mut table = write.open_table(META)?;
            table.insert(meta::SCHEMA, SCHEMA)?;
            table.insert(meta::EPOCH, Epoch::new(epoch).bits())?;
            let numbers = numbers(&table, Vec::new())?;
            tables::write_numbers(&mut table, &numbers)?;
            write.open_table(EVENTS)?;
            write.open_table(INDEX)?;
            write.open_table(TOPICS)?;
            write.open_table(HOLES)?;
            write.open_table(KEYS)?;
        }
        write.commit()?;
        database.close()?;
        fs::rename(&making, self.path()).map_err(Fault::Io)?;
        sync_directory(&self.directory)
    }

    fn database(&self, path: &Path) -> Result<Database, Fault> {
        let length = fs::metadata(path).map_err(Fault::Io)?.len();
        if length == 0 {
            return Err(Fault::Damaged("the file is empty".into()));
        }
        private::tighten(path);
        let mut builder = redb::Builder::new();
        builder.set_cache_size(self.cache);
        let shown = path.display().to_string();
        builder.set_repair_callback(move |repair| {
            tracing::info!(file = shown, done = format!("{:.0}%", 100.0 * repair.progress()), "checking after a crash");
        });
        #[cfg(test)]
        if let Some(faults) = &self.faults {
            return Ok(builder.create_with_backend(super::faulty::FaultyFile::open(path, faults.clone())?)?);
        }
        Ok(builder.open(path)?)
    }
}

/// A rename is durable only once the directory is synced.
fn sync_directory(directory: &Path) -> Result<(), Fault> {
    if cfg!(unix) {
        return File::open(directory).and_then(|directory| directory.sync_all()).map_err(Fault::Io);
    }
    Ok(())
}

pub(crate) fn load(database: &Database) -> FileResult<Loaded> {
    let read = database.begin_read()?;
    let table = read.open_table(META)?;
    let schema = tables::number(&table, meta::SCHEMA)?;
    if schema > SCHEMA {
        return Err(Fault::Later(schema));
    }
    if schema == 0 {
        return Err(Fault::Damaged("the file is no log of sse-server".into()));
    }
    let mut loaded = numbers(&table, holes(&read.open_table(HOLES)?)?)?;
    loaded.trusted = tables::number(&table, meta::SUM)? == tables::sum(&loaded);
    for row in read.open_table(TOPICS)?.iter()? {
        let (id, row) = row?;
        match tables::topic(id.value(), row.value()) {
            Ok(record) => drop(loaded.topics.insert(id.value(), record)),
            Err(fault) => loaded.damaged.push(fault.to_string()),
        }
    }
    let missing = loaded.topic_rows.saturating_sub(loaded.topics.len() as u64);
    if missing > 0 {
        loaded.damaged.push(format!("{missing} topics are missing, or can't be read"));
        // A topic whose row is damaged is like one that was forgotten: whatever it had may be lost.
        loaded.floor = (loaded.head, loaded.time);
        loaded.complete = false;
    }
    for row in read.open_table(KEYS)?.iter()? {
        let (ordinal, row) = row?;
        match tables::stored_key(ordinal.value(), row.value()) {
            Ok(key) => loaded.keys.push((ordinal.value(), key)),
            Err(fault) => loaded.damaged.push(fault.to_string()),
        }
    }
    Ok(loaded)
}

/// The numbers of the file, with nothing else loaded yet.
pub(super) fn numbers(table: &impl ReadableTable<&'static str, u64>, holes: Vec<Hole>) -> FileResult<Loaded> {
    let number = |name| tables::number(table, name);
    let next_topic = u32::try_from(number(meta::NEXT_TOPIC)?)
        .map_err(|_| Fault::Row("there are more topics than there are numbers for".into()))?;
    Ok(Loaded {
        epoch: Epoch::new(number(meta::EPOCH)?),
        head: number(meta::HEAD)?,
        time: number(meta::TIME)?,
        reserved: number(meta::RESERVED)?,
        in_use: number(meta::IN_USE)? != 0,
        behind: number(meta::BEHIND)? != 0,
        floor: (number(meta::FLOOR)?, number(meta::FLOOR_TIME)?),
        next_topic,
        next_key: number(meta::NEXT_KEY)?,
        topic_rows: number(meta::TOPICS)?,
        holes,
        topics: BTreeMap::new(),
        keys: Vec::new(),
        trusted: true,
        complete: true,
        damaged: Vec::new(),
    })
}

pub(super) fn holes(table: &impl ReadableTable<u64, (u64, bool)>) -> FileResult<Vec<Hole>> {
    let mut holes = Vec::new();
    for row in table.iter()? {
        let (after, row) = row?;
        holes.push(tables::hole((after.value(), row.value())));
    }
    Ok(holes)
}

/// Marks the log as in use. Sequence numbers that may have been assigned before a crash are never assigned again.
pub(crate) fn begin(database: &Database, loaded: &mut Loaded) -> FileResult<()> {
    begun(loaded);
    let write = database.begin_write()?;
    {
        let mut table = write.open_table(HOLES)?;
        table.retain(|_, _| false)?;
        for hole in &loaded.holes {
            table.insert(hole.after, (hole.through, hole.lossy))?;
        }
        tables::write_numbers(&mut write.open_table(META)?, loaded)?;
    }
    write.commit()?;
    Ok(())
}

/// What the log is once it is in use.
pub(super) fn begun(loaded: &mut Loaded) {
    if loaded.in_use {
        let hole = Hole { after: loaded.head, through: loaded.reserved, lossy: loaded.behind };
        loaded.holes.push(hole);
        // The number after the hole marks its end, and belongs to no event.
        loaded.head = loaded.reserved + 1;
        if loaded.holes.len() > HOLES_KEPT {
            let second = loaded.holes.remove(1);
            let first = &mut loaded.holes[0];
            *first = Hole { after: first.after, through: second.through, lossy: first.lossy || second.lossy };
        }
    }
    loaded.in_use = true;
    loaded.behind = false;
    loaded.reserved = loaded.head + BLOCK;
}
