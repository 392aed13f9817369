//! `[store]`

use std::{path::PathBuf, time::Duration};

use super::{
    retention::Retention,
    section::{DAY, GIB, MIB, MINUTE, MS, PIB, TIB, section},
    setting::{Bytes, Count, choices},
};

section! {
    /// Where the log is kept.
    pub struct Store {
        /// The kind of store.
        pub kind: StoreKind = StoreKind::Redb;

        /// The directory of the log on disk, which is made if there is none. Memory has none, and takes no notice of
        /// it.
        pub path: PathBuf = PathBuf::from("sse-data");

        /// When an event is on the disk.
        pub durability: Durability = Durability::Interval, see "[durability](operations.md#durability)";

        /// How long an event may be acknowledged before it is synced to the disk, with `durability = "interval"`.
        ///
        /// After a pause of this length the next event is synced first, so that it is known after a crash whether
        /// anything was lost.
        pub sync_interval: Duration = 50 * MS, takes MS..=MINUTE;

        /// Bytes of the file kept in memory: enough for the events that readers far behind are at.
        pub cache: usize = 64 * MIB, takes Bytes(MIB..=TIB);

        /// Events retained in all; beyond, the oldest go. 0: no bound.
        pub events: usize = 0, takes Count(0..=1 << 40);

        /// Bytes of the events retained in all: their data and names, and 64 for each. 0: no bound.
        ///
        /// The file is about twice as large.
        pub bytes: usize = GIB, takes Bytes(0..=PIB);

        /// How long events are retained. 0 s: no bound.
        pub age: Duration = Duration::ZERO, takes Duration::ZERO..=3650 * DAY;

        /// What is retained of some topics, each in a table `[[store.retention]]` of the file.
        ///
        /// A table has `topic`, a topic or a pattern, and any of `events`, `bytes`, `age` and `last_only`, with which
        /// only the last event is kept and stands for those before it. The first table that matches a topic holds.
        pub retention: Vec<Retention> = Vec::new();
    }
    notes include_str!("reference/store.md");
}

choices! {
    /// Where the log is kept.
    pub enum StoreKind {
        /// A file on disk, with which clients resume exactly after a restart.
        Redb = "redb",
        /// The window is all there is, and a restart begins a new log.
        Memory = "memory",
    }
}

choices! {
    /// When an event that was published is on the disk.
    pub enum Durability {
        /// Within `sync_interval`. A crash takes what was published in it, and subscribers are told so.
        Interval = "interval",
        /// Before the publisher has its answer and before anyone is sent it, at the price of a sync.
        Always = "always",
        /// When 8 MB are waiting or 10 s have passed.
        None = "none",
    }
}
