//! A log on disk, in one file, in this process: redb.
//!
//! ```text
//!  append ─▶ queue ─▶ writer: one thread, one transaction for all that waits ─▶ file
//!              │         └─ reported when it is written (durability always, and the first events after a pause)
//!              └─ reported at once (durability interval and none, while the file says that it may be behind)
//!  read ─▶ a few threads, each on a snapshot of what is committed
//! ```
//!
//! Before an event is reported that is not yet in the file, the file durably records that it may be behind. So after a
//! crash the hub knows whether events may have been lost.

mod damage;
mod disk;
pub(crate) mod fault;
pub(crate) mod file;
pub(crate) mod loaded;
mod overlay;
mod page;
mod private;
mod queue;
mod read;
mod retention;
mod room;
mod row;
mod threads;
mod upgrade;
mod write;
pub(crate) mod writer;

pub(crate) mod tables;

#[cfg(test)]
pub(crate) mod faulty;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    pin::Pin,
    sync::{Arc, RwLock},
    time::Duration,
};

use futures_util::FutureExt;
use parking_lot::Condvar;
use redb::Database;
use sse_engine::{Draft, Millis, Selectors, Topic};
use tokio::sync::{Semaphore, oneshot, watch};

use super::{Appended, Batch, Entry, Follower, Page, Query, Store, StoreError, StoreSnapshot, Task};
use crate::{
    base::{
        clock,
        lock::{Guard, Lock, Slot},
    },
    config::{self, Config},
};
use damage::Damage;
use disk::{Asked, Disk};
pub(crate) use fault::{Fault, OpenError};
pub(crate) use file::LogDir;
use loaded::Loaded;
use queue::{Appending, PendingTrim, Queue};
pub(crate) use read::Snapshot;
use retention::Retention;
use room::{Room, Size};
use threads::Threads;

/// The most concurrent reads. Each holds a page of events.
const READS: usize = 8;

/// When an event is acknowledged, and reported to followers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Once it is synced to the disk.
    Always,
    /// At once; it is synced within this interval.
    Interval(Duration),
    /// At once; it is written once enough has accumulated, or after some seconds.
    None,
}

/// The settings of a log on disk.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) durability: Durability,
    pub(crate) retention: Retention,
    /// The most idempotency keys to keep, and for how long.
    pub(crate) keys: usize,
    pub(crate) key_window: Duration,
    /// The delay before the file is opened again after a failure.
    pub(crate) retry: Duration,
    /// The system's clock. A log that is ahead of it goes by its own last time.
    pub(crate) wall: fn() -> Millis,
    /// How long the disk may take to answer before the store counts as down.
    pub(crate) answer_timeout: Duration,
}

/// A log on disk.
#[derive(Debug)]
pub(crate) struct Redb {
    shared: Arc<Inner>,
    snapshot: StoreSnapshot,
    writer: Slot<Option<Threads>>,
}

/// What the writer thread shares with appenders and readers.
#[derive(Debug)]
struct Inner {
    directory: LogDir,
    options: Options,
    queue: Lock<Queue>,
    work: Condvar,
    /// `None` while the file is being opened again.
    database: Slot<Option<Arc<Database>>>,
    names: RwLock<TopicNames>,
    damage: Damage,
    health: watch::Sender<Result<(), StoreError>>,
    disk: Disk,
    room: Room,
    reads: Arc<Semaphore>,
}

/// The topics by name and by ID.
#[derive(Debug, Default)]
pub(crate) struct TopicNames {
    ids: BTreeMap<Topic, u32>,
    topics: HashMap<u32, Topic>,
    /// There may be events of topics whose names can't be read.
    incomplete: bool,
}

/// How long the disk may take to answer: longer than a busy one does, and shorter than publishers wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The delay before the file is opened again after a failure.
const RETRY: Duration = Duration::from_secs(1);

impl From<&Config> for Options {
    fn from(config: &Config) -> Self {
        let store = &config.store;
        Self {
            durability: match store.durability {
                config::Durability::Always => Durability::Always,
                config::Durability::Interval => Durability::Interval(store.sync_interval),
                config::Durability::None => Durability::None,
            },
            retention: config.into(),
            keys: config.publish.keys,
            key_window: config.publish.key_window,
            retry: RETRY,
            wall: clock::wall,
            answer_timeout: ANSWER_TIMEOUT,
        }
    }
}

impl Redb {
    /// Opens the log in `directory`, or creates one. It blocks.
    pub(crate) fn open(directory: LogDir, options: Options) -> Result<Self, OpenError> {
        let lock = directory.lock()?;
        let path = directory.path();
        let failed = |fault| OpenError::File { path: path.clone(), fault };
        let (database, loaded, health) = match Self::begin(&directory) {
            Ok((database, loaded)) => (database, loaded, Ok(())),
            Err(OpenError::File { fault, .. }) if fault.is_full() && directory.place().is_some() => {
                let (database, mut loaded) = directory.open_reading()?;
                loaded::begun(&mut loaded);
                tracing::error!(%fault, file = %path.display(), "the log can be read only; publishing is refused until it can be written");
                (database, loaded, Err(StoreError::Unavailable(format!("{}: {fault}", path.display()).into())))
            }
            Err(error) => return Err(error),
        };
        let snapshot = StoreSnapshot {
            epoch: loaded.epoch,
            head: loaded.head,
            time: loaded.time,
            holes: loaded.holes.clone(),
            topics: loaded.topics.values().cloned().collect(),
            floor: loaded.floor,
            private_floor: loaded.private_floor,
            keys: loaded.keys.iter().map(|(_, key)| key.clone()).collect(),
        };
        let room = Room::new(options.retention.topics);
        let shared = Arc::new(Inner {
            queue: Lock::new(Queue::new(&loaded, room.eager())),
            work: Condvar::new(),
            database: Slot::new(Some(Arc::new(database))),
            names: RwLock::new(TopicNames::of(&loaded)),
            damage: Damage::default(),
            health: watch::Sender::new(health),
            disk: Disk::new(options.answer_timeout),
            room,
            reads: Arc::new(Semaphore::new(READS)),
            directory,
            options,
        });
        let threads = Threads::start(&shared, loaded, lock).map_err(|error| failed(Fault::Io(error)))?;
        Ok(Self { shared, snapshot, writer: Slot::new(Some(threads)) })
    }

    /// Opens the file, or creates one, and takes it into use.
    fn begin(directory: &LogDir) -> Result<(Database, Loaded), OpenError> {
        let (database, mut loaded) = directory.open_or_create()?;
        if let Err(fault) = fault::guarded(|| loaded::begin(&database, &mut loaded)) {
            fault::dropped(database);
            return Err(OpenError::File { path: directory.path(), fault });
        }
        Ok((database, loaded))
    }

    /// The publish time of the last event.
    pub(crate) fn last_time(&self) -> Result<Millis, StoreError> {
        Ok(self.shared.queue()?.head().1)
    }

    /// Runs `read` on a snapshot, on a thread that may block.
    fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Snapshot<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Task<'_, T> {
        Box::pin(async move {
            let shared = self.shared.clone();
            let read = async {
                let turn = shared.reads.clone().acquire_owned().await.map_err(|_| StoreError::Closed)?;
                let shared = shared.clone();
                let read = tokio::task::spawn_blocking(move || {
                    let _turn = turn; // a read that hangs keeps its turn, though nobody waits for it any more
                    shared.read(read)
                });
                read.await.unwrap_or(Err(StoreError::Closed))
            };
            tokio::select! {
                biased;
                page = read => page,
                stalled = self.shared.disk.stalled(Asked::Read) => Err(stalled),
            }
        })
    }
}

impl TopicNames {
    fn of(loaded: &Loaded) -> Self {
        let mut names = Self { incomplete: !loaded.complete, ..Self::default() };
        loaded.topics.iter().for_each(|(id, stored)| names.add(*id, &stored.topic));
        names
    }

    fn add(&mut self, id: u32, topic: &Topic) {
        self.ids.insert(topic.clone(), id);
        self.topics.insert(id, topic.clone());
    }

    fn remove(&mut self, id: u32) {
        if let Some(topic) = self.topics.remove(&id) {
            self.ids.remove(&topic);
        }
    }
}

impl Inner {
    /// Locks the queue. If a thread panicked while changing it, its state can't be trusted, and the store is gone.
    fn queue(&self) -> Result<Guard<'_, Queue>, StoreError> {
        self.queue.lock().map_err(|_| self.gone())
    }

    /// The size of `batch`, with the names of its topics and those that the file does not know yet. One that is there twice
    /// counts twice.
    fn size(&self, batch: &Batch) -> Result<Size, StoreError> {
        let names = self.names.read().map_err(|_| self.gone())?;
        let mut size = Size { bytes: batch.drafts.iter().map(Draft::weight).sum(), topics: 0 };
        for topic in batch.drafts.iter().flat_map(Draft::topics).chain(&batch.end) {
            size += Size { bytes: topic.as_str().len(), topics: usize::from(!names.ids.contains_key(topic)) };
        }
        Ok(size)
    }

    /// Marks the store as gone: it will write nothing more, though nobody closed it.
    fn gone(&self) -> StoreError {
        let _ = self.health.send_replace(Err(StoreError::Gone));
        StoreError::Gone
    }

    /// Why the writer dropped an answer without giving it, or has taken the file away.
    fn ended(&self) -> StoreError {
        self.health.borrow().clone().err().unwrap_or(StoreError::Closed)
    }

    /// Runs `read` on a snapshot of the committed state.
    fn read<T>(&self, read: impl FnOnce(&Snapshot<'_>) -> Result<T, Fault>) -> Result<T, StoreError> {
        let Some(database) = self.database.get() else { return Err(self.ended()) };
        // Read before the snapshot is taken: a later commit may or may not be in the snapshot, an earlier one certainly
        // is.
        let committed = self.queue()?.committed;
        let _question = self.disk.ask(Asked::Read);
        fault::guarded(|| read(&Snapshot::new(&database, &self.names, &self.damage, committed)?))
            .map_err(StoreError::from)
    }
}

impl Store for Redb {
    fn snapshot(&self) -> StoreSnapshot {
        self.snapshot.clone()
    }

    fn append(&self, batch: Batch) -> Task<'_, Appended> {
        Box::pin(async move {
            let Inner { room, health, .. } = &*self.shared;
            let size = self.shared.size(&batch)?;
            let permit = match room.acquire(size).now_or_never() {
                Some(permit) => permit?,
                None => {
                    let mut health = health.subscribe();
                    tokio::select! {
                        permit = room.acquire(size) => permit?,
                        stalled = self.shared.disk.stalled(Asked::Write) => return Err(stalled),
                        failed = health.wait_for(Result::is_err) => {
                            return failed.map_or(Err(StoreError::Closed), |health| health.clone().map(|()| Appended::default()));
                        }
                    }
                }
            };
            match self.shared.append(batch, permit)? {
                Appending::Now(appended) => Ok(appended),
                Appending::Later(answer) => answer.await.unwrap_or_else(|_| Err(self.shared.ended())),
            }
        })
    }

    fn read(&self, query: Query) -> Task<'_, Page> {
        self.reading(move |snapshot| snapshot.page(&query))
    }

    fn read_at(&self, seqs: Vec<u64>, selectors: Selectors) -> Task<'_, Vec<Entry>> {
        self.reading(move |snapshot| snapshot.entries_at(&seqs, &selectors))
    }

    fn aliased(&self, alias: String, selectors: Selectors) -> Task<'_, Option<Entry>> {
        self.reading(move |snapshot| snapshot.aliased(&alias, &selectors))
    }

    fn before(&self, time: Millis) -> Task<'_, u64> {
        self.reading(move |snapshot| snapshot.before(time))
    }

    fn tail(&self, events: usize, bytes: usize) -> Result<u64, StoreError> {
        let last = self.snapshot.topics.iter().map(|stored| stored.retained.last_own()).max().unwrap_or(0);
        self.shared.read(|snapshot| Ok(snapshot.tail(events, bytes, last)))
    }

    fn damaged(&self) -> usize {
        self.shared.damage.count()
    }

    fn follow(&self, after: u64, follower: Arc<dyn Follower>) -> Result<(), StoreError> {
        self.shared.follow(after, follower)
    }

    fn trim(&self, topic: &Topic, through: u64, reopen: bool) -> Task<'_, ()> {
        let topic = topic.clone();
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.shared.trim(PendingTrim { topic, through, reopen, answer })?;
            answered.await.unwrap_or_else(|_| Err(self.shared.ended()))
        })
    }

    fn health(&self) -> Result<(), StoreError> {
        self.shared.health.borrow().clone()?;
        self.shared.disk.health()
    }

    fn stalled(&self) -> Pin<Box<dyn Future<Output = StoreError> + Send + '_>> {
        Box::pin(self.shared.disk.stalled(Asked::Write))
    }

    fn close(&self, within: Duration) -> Result<(), StoreError> {
        self.shared.queue()?.closing = true;
        self.shared.work.notify_all();
        if let Some(threads) = self.writer.replace(None) {
            threads.end(&self.shared.disk, within)?;
        }
        match self.shared.health.borrow().clone() {
            Err(StoreError::Closed) => Ok(()),
            other => other,
        }
    }
}

impl Drop for Redb {
    fn drop(&mut self) {
        let _ = self.close(Duration::MAX);
    }
}
