//! The log on disk.

mod both;
mod damage;
mod ends;
mod faults;
mod kept;
mod kinds;
mod life;
mod retained;

use std::{path::Path, time::Duration};

use ::redb::{Database, WriteTransaction};
use tempfile::TempDir;

use super::{Durability, LogDir, Options, Redb, retention::Retention};
use crate::{Config, LogFile, store::suite};

pub(crate) const NEVER: Durability = Durability::Interval(Duration::from_secs(3600));

pub(crate) fn options(durability: Durability) -> Options {
    let retention = Retention { most: super::retention::Bound::default(), topics: 1000, rules: Vec::new() };
    Options {
        durability,
        retention,
        keys: 100,
        key_window: Duration::from_secs(3600),
        retry: Duration::from_millis(5),
        wall: crate::base::clock::wall,
        answer_timeout: Duration::from_secs(3600),
    }
}

fn place(directory: &Path) -> LogDir {
    LogDir::new(directory.to_owned(), 8 << 20)
}

pub(crate) fn open(directory: &Path, durability: Durability) -> Redb {
    Redb::open(place(directory), options(durability)).unwrap()
}

pub(crate) fn new(durability: Durability) -> (Redb, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (open(directory.path(), durability), directory)
}

/// A copy of the directory as a crash would leave it now, while nothing is being written.
pub(crate) fn crashed(directory: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(directory.join("log.redb"), copy.path().join("log.redb")).unwrap();
    copy
}

/// Changes the file in a way that no hub does.
pub(crate) fn meddle(directory: &Path, change: impl FnOnce(&WriteTransaction)) {
    let database = Database::open(directory.join("log.redb")).unwrap();
    let write = database.begin_write().unwrap();
    change(&write);
    write.commit().unwrap();
    database.close().unwrap();
}

/// What a verification of the log finds.
pub(crate) fn findings(directory: &Path) -> Vec<String> {
    let mut config = Config::default();
    config.store.path = directory.to_owned();
    LogFile::open(&config).unwrap().verify(|_, _| {}).findings
}

mod always {
    use super::*;

    suite::suite!(on new(Durability::Always));
}

mod interval {
    use super::*;

    suite::suite!(on new(Durability::Interval(Duration::from_millis(5))));
}
