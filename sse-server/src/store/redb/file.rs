//! The file: made, opened, and read into memory as far as it is kept there.

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use redb::{Database, ReadableDatabase, ReadableTable};
use sse_engine::{Epoch, Hole, Millis};

use super::{
    fault::{Fault, OpenError, guarded},
    tables::{self, EVENTS, HOLES, INDEX, KEYS, META, Rows, SCHEMA, TOPICS, meta},
};
use crate::{
    config,
    store::{StoredKey, TopicRecord},
};

const NAME: &str = "log.redb";

/// How many holes are told apart. Beyond, the oldest are taken together, with what lies between them.
const HOLES_KEPT: usize = 1000;

/// How many sequence numbers are reserved at a time: so many can be given out before the file is written again.
pub(crate) const BLOCK: u64 = 1 << 24;

/// Where the file is.
#[derive(Debug, Clone)]
pub(crate) struct LogDir {
    directory: PathBuf,
    /// Bytes of the file kept in memory.
    cache: usize,
    /// What is done to the file's reads and writes.
    #[cfg(test)]
    pub(crate) faults: Option<std::sync::Arc<super::faulty::Faults>>,
}

/// What is kept in memory of the file.
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
    pub(crate) holes: Vec<Hole>,
    pub(crate) topics: BTreeMap<u32, TopicRecord>,
    pub(crate) keys: Vec<(u64, StoredKey)>,
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

    /// Takes the directory for this process, until the file that is given back is dropped. The database locks its own file,
    /// but lets go of it when it is opened anew after a failure.
    pub(crate) fn lock(&self) -> Result<File, OpenError> {
        let lock = || {
            fs::create_dir_all(&self.directory).map_err(Fault::Io)?;
            let open = File::options().create(true).append(true).open(self.directory.join("log.lock"));
            let file = open.map_err(Fault::Io)?;
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

    /// Opens the file, or makes one with a new epoch if there is none.
    pub(crate) fn open_or_create(&self) -> Result<(Database, Loaded), OpenError> {
        guarded(|| {
            if !self.path().try_exists().map_err(Fault::Io)? {
                self.create()?;
            }
            Ok(())
        })
        .map_err(|fault| self.error(fault))?;
        self.open()
    }

    /// Opens the file that is there.
    pub(crate) fn open(&self) -> Result<(Database, Loaded), OpenError> {
        guarded(|| {
            let database = self.database(&self.path())?;
            let loaded = load(&database)?;
            Ok((database, loaded))
        })
        .map_err(|fault| self.error(fault))
    }

    /// A new log. It gets its name when it is whole, so that a file of this name is never half made.
    fn create(&self) -> Result<(), Fault> {
        fs::create_dir_all(&self.directory).map_err(Fault::Io)?;
        let making = self.directory.join("log.redb.new");
        match fs::remove_file(&making) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Fault::Io(error)),
            _ => {}
        }
        let database = redb::Builder::new().set_cache_size(self.cache).create(&making)?;
        let write = database.begin_write()?;
        {
            let epoch = getrandom::u64().map_err(|error| Fault::Io(error.into()))?;
            let mut table = write.open_table(META)?;
            table.insert(meta::SCHEMA, SCHEMA)?;
            table.insert(meta::EPOCH, Epoch::new(epoch).bits())?;
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

/// A name in a directory is durable when the directory is synced.
fn sync_directory(directory: &Path) -> Result<(), Fault> {
    if cfg!(unix) {
        return File::open(directory).and_then(|directory| directory.sync_all()).map_err(Fault::Io);
    }
    Ok(())
}

pub(crate) fn load(database: &Database) -> Rows<Loaded> {
    let read = database.begin_read()?;
    let table = read.open_table(META)?;
    let schema = tables::number(&table, meta::SCHEMA)?;
    if schema > SCHEMA {
        return Err(Fault::Later(schema));
    }
    if schema == 0 {
        return Err(Fault::Damaged("the file is no log of sse-server".into()));
    }
    let number = |name| tables::number(&table, name);
    let mut topics = BTreeMap::new();
    for row in read.open_table(TOPICS)?.iter()? {
        let (id, row) = row?;
        topics.insert(id.value(), tables::topic(id.value(), row.value())?);
    }
    let mut holes = Vec::new();
    for row in read.open_table(HOLES)?.iter()? {
        let (after, row) = row?;
        holes.push(tables::hole((after.value(), row.value())));
    }
    let mut keys = Vec::new();
    for row in read.open_table(KEYS)?.iter()? {
        let (ordinal, row) = row?;
        keys.push((ordinal.value(), tables::remembered(ordinal.value(), row.value())?));
    }
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
        holes,
        topics,
        keys,
    })
}

/// Takes the log into use: what a crash may have given out is never given out again.
pub(crate) fn begin(database: &Database, loaded: &mut Loaded) -> Rows<()> {
    if loaded.in_use {
        let hole = Hole { after: loaded.head, through: loaded.reserved, lossy: loaded.behind };
        loaded.holes.push(hole);
        // The number after it stands for the hole's end, and is no event's.
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
    let write = database.begin_write()?;
    {
        let mut table = write.open_table(META)?;
        table.insert(meta::IN_USE, 1)?;
        table.insert(meta::BEHIND, 0)?;
        table.insert(meta::HEAD, loaded.head)?;
        table.insert(meta::RESERVED, loaded.reserved)?;
        let mut table = write.open_table(HOLES)?;
        table.retain(|_, _| false)?;
        for hole in &loaded.holes {
            table.insert(hole.after, (hole.through, hole.lossy))?;
        }
    }
    write.commit()?;
    Ok(())
}
