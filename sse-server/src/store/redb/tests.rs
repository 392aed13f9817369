//! The log on disk.

mod damage;
mod faults;
mod life;
mod offline;
mod retained;

use std::{path::Path, time::Duration};

use tempfile::TempDir;

use super::{Durability, Options, Place, Redb, retention::Retention};
use crate::store::suite;

const NEVER: Durability = Durability::Interval(Duration::from_secs(3600));

fn options(durability: Durability) -> Options {
    let retention = Retention { most: super::Bound::default(), topics: 1000, rules: Vec::new() };
    Options { durability, retention, keys: 100, key_window: Duration::from_secs(3600), retry: Duration::from_millis(5) }
}

fn place(directory: &Path) -> Place {
    Place::new(directory.to_owned(), 8 << 20)
}

fn open(directory: &Path, durability: Durability) -> Redb {
    Redb::open(place(directory), options(durability)).unwrap()
}

fn new(durability: Durability) -> (Redb, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (open(directory.path(), durability), directory)
}

/// The directory as a crash would leave it now, where nothing is being written.
fn crashed(directory: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(directory.join("log.redb"), copy.path().join("log.redb")).unwrap();
    copy
}

mod always {
    use super::*;

    suite::suite!(on new(Durability::Always));
}

mod interval {
    use super::*;

    suite::suite!(on new(Durability::Interval(Duration::from_millis(5))));
}
