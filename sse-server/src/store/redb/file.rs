//! The file: creating and opening it.

use std::{
    fs::{self, File, TryLockError},
    io::Write,
    path::{Path, PathBuf},
};

use redb::Database;
use sse_engine::Epoch;

use super::{
    fault::{Fault, OpenError, guarded},
    loaded::{Loaded, load, numbers, write_numbers},
    overlay::Overlay,
    private,
    tables::{ALIASES, EVENTS, HOLES, INDEX, KEYS, META, OTHERS, SCHEMA, TOPICS, meta},
    upgrade::upgrade,
};
use crate::config;

const NAME: &str = "log.redb";

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
            fs::metadata(self.path()).ok().map(|file| (file.dev(), file.ino()))
        }
        #[cfg(not(unix))]
        {
            self.path().exists().then_some((0, 0))
        }
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
            write_numbers(&mut table, &numbers)?;
            write.open_table(EVENTS)?;
            write.open_table(INDEX)?;
            write.open_table(OTHERS)?;
            write.open_table(ALIASES)?;
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
