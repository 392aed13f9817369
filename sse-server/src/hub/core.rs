//! The part of a hub that it shares with its store's follower: the engine, those who wait, and the hub's health.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, MutexGuard, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::Waker,
    time::Duration,
};

use prometheus_client::metrics::gauge::Gauge;
use sse_engine::{DrainReason, Engine, Epoch, Failed, GroupId, Millis};
use tokio::sync::Notify;

use super::waiters::{ReadyGroup, Waiters};
use crate::{
    base::{SHUTTING_DOWN, clock::Clock, lock::Lock},
    metrics::Metrics,
    store::{Entry, StoreError},
};

/// A hub without its store, which its follower must not keep alive.
#[derive(Debug)]
pub(super) struct Core {
    state: Lock<State>,
    pub(super) metrics: Metrics,
    pub(super) clock: Clock,
    pub(super) epoch: Epoch,
    /// The last published sequence number.
    head: AtomicU64,
    /// The number of open streams.
    streams: AtomicUsize,
    /// Notified when the last stream has ended.
    empty: Notify,
    drain: OnceLock<Draining>,
    failure: OnceLock<Failure>,
    /// Set when the hub fails.
    down: Notify,
    waiters: OnceLock<Arc<dyn Waiters>>,
}

/// The state behind the hub's lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) engine: Engine,
    /// The tasks that wait for an event of their groups.
    waiting: HashMap<GroupId, Tasks>,
    /// For each group, a bit for every shard with members that wait for an event. A bit may be set without such a
    /// member.
    armed: Vec<u64>,
    next_id: u64,
    by_address: HashMap<IpAddr, usize>,
    /// The groups that the last event matched; kept to reuse the allocation.
    matched: Vec<GroupId>,
}

type Tasks = HashMap<SubscriberId, Waker>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SubscriberId(u64);

/// Wake-ups that are due once the lock is released.
#[derive(Debug, Default)]
pub(super) struct Wake {
    tasks: Vec<Tasks>,
    ready: Vec<ReadyGroup>,
}

impl Wake {
    pub(super) const fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.ready.is_empty()
    }
}

impl Drop for Wake {
    /// The tasks are no longer registered, so they are woken whatever happens: a panic under the lock must not leave them
    /// asleep.
    fn drop(&mut self) {
        self.tasks.drain(..).flat_map(HashMap::into_values).for_each(Waker::wake);
    }
}

/// A shutdown in progress: the streams end within the window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draining {
    pub(crate) began: Millis,
    pub(crate) window: Duration,
    pub(crate) reason: DrainReason,
}

/// Why the hub has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}; {SHUTTING_DOWN}")]
pub(crate) struct Failure(&'static str);

impl From<Failure> for Failed {
    fn from(_: Failure) -> Self {
        Self
    }
}

const POISONED: Failure = Failure("a thread of the hub panicked in the middle of a change to its log");
const OUT_OF_ORDER: Failure = Failure("the store gave the hub an event out of order");
const STORE_GONE: Failure = Failure("the thread that writes the log is gone");

impl Core {
    pub(super) fn new(engine: Engine) -> Self {
        let (epoch, head) = (engine.window().epoch(), engine.window().head());
        let state = State {
            engine,
            waiting: HashMap::new(),
            armed: Vec::new(),
            next_id: 0,
            by_address: HashMap::new(),
            matched: Vec::new(),
        };
        Self {
            state: Lock::new(state),
            metrics: Metrics::new(),
            clock: Clock::new(),
            epoch,
            head: AtomicU64::new(head),
            streams: AtomicUsize::new(0),
            empty: Notify::new(),
            drain: OnceLock::new(),
            failure: OnceLock::new(),
            down: Notify::new(),
            waiters: OnceLock::new(),
        }
    }

    /// Takes the lock. It is held briefly, and never across an `.await`. A poisoned lock fails the hub.
    pub(super) fn state(&self) -> Result<MutexGuard<'_, State>, Failure> {
        self.locked().map_err(|failure| self.fail(failure))
    }

    /// Takes the lock where the store holds locks of its own, so that nobody may be woken yet: it is left to the caller to
    /// [fail](Self::fail) the hub.
    pub(super) fn locked(&self) -> Result<MutexGuard<'_, State>, Failure> {
        self.state.lock().map_err(|_| POISONED)
    }

    /// Fails the hub if a thread panicked while it held the lock, though nobody has noticed yet. It does not wait for the
    /// lock.
    pub(super) fn check(&self) {
        if self.state.is_poisoned() {
            self.fail(POISONED);
        }
    }

    #[cfg(test)]
    pub(super) fn takings(&self) -> usize {
        self.state.takings()
    }

    pub(super) fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    pub(super) fn attach(&self, waiters: Arc<dyn Waiters>) {
        if self.waiters.set(waiters).is_err() {
            tracing::error!("a hub's streams are carried by the threads of one server; those of another are not told");
        }
    }

    pub(super) fn draining(&self) -> Option<Draining> {
        self.drain.get().copied()
    }

    /// Starts to shut down, unless a shutdown is already in progress.
    pub(super) fn drain(&self, window: Duration, reason: DrainReason) {
        let _ = self.drain.set(Draining { began: self.clock.now(), window, reason });
        let tasks = std::mem::take(&mut self.state.lock_even_so().waiting);
        tasks.into_values().flat_map(HashMap::into_values).for_each(Waker::wake);
        if let Some(waiters) = self.waiters.get() {
            waiters.drain();
        }
    }

    pub(super) fn failure(&self) -> Option<Failure> {
        self.failure.get().copied()
    }

    pub(super) async fn failed(&self) -> Failure {
        loop {
            let down = self.down.notified();
            if let Some(failure) = self.failure() {
                return failure;
            }
            down.await;
        }
    }

    /// Records that the hub has failed: it reports itself unhealthy, refuses all requests, and ends its streams.
    pub(super) fn fail(&self, failure: Failure) -> Failure {
        if self.failure.set(failure).is_ok() {
            tracing::error!(%failure, "the hub can't go on");
            self.drain(Duration::ZERO, DrainReason::Store);
            self.down.notify_waiters();
        }
        failure
    }

    /// Fails the hub because another of its locks is poisoned.
    pub(super) fn fail_poisoned(&self) -> Failure {
        self.fail(POISONED)
    }

    /// Fails the hub if the store is gone for good.
    pub(super) fn note_error(&self, error: &StoreError) {
        if *error == StoreError::Gone {
            self.fail(STORE_GONE);
        }
    }

    /// Adds appended events to the window. Events through `settled` can be read from the store. `wake` gets those who wait
    /// for the events, even if one of the events fails the hub: that is left to the caller, as is the waking.
    pub(super) fn apply(&self, entries: &[Entry], settled: u64, wake: &mut Wake) -> Result<(), Failure> {
        let mut state = self.locked()?;
        let applied = entries.iter().try_for_each(|entry| state.apply(entry, wake));
        self.head.fetch_max(state.engine.window().head(), Ordering::Release);
        applied.map_err(|_| OUT_OF_ORDER)?;
        state.engine.settle(settled);
        self.note_log(&state);
        Ok(())
    }

    pub(super) fn wake(&self, mut wake: Wake) {
        if let Some(waiters) = self.waiters.get().filter(|_| !wake.ready.is_empty()) {
            waiters.ready(&mut wake.ready);
        }
    }

    /// Fails the hub because the store's writer is gone.
    pub(super) fn store_gone(&self) {
        self.fail(STORE_GONE);
    }

    /// The number of open streams.
    pub(super) fn streams(&self) -> usize {
        self.streams.load(Ordering::Acquire)
    }

    pub(super) async fn emptied(&self) {
        loop {
            let empty = self.empty.notified();
            if self.streams() == 0 {
                return;
            }
            empty.await;
        }
    }

    /// Counts a new stream. `state` is the locked state.
    pub(super) fn enter(&self, state: &mut State, address: Option<IpAddr>) -> SubscriberId {
        if let Some(address) = address {
            *state.by_address.entry(address).or_default() += 1;
        }
        state.next_id += 1;
        self.streams.fetch_add(1, Ordering::AcqRel);
        self.note_subscribers(state);
        SubscriberId(state.next_id)
    }

    /// Uncounts a stream that has ended.
    pub(super) fn leave(&self, id: SubscriberId, group: GroupId, address: Option<IpAddr>) {
        if let Ok(mut state) = self.state() {
            state.leave(id, group, address);
            self.note_subscribers(&state);
        }
        if self.streams.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.empty.notify_waiters();
        }
    }

    pub(super) fn note_log(&self, state: &State) {
        let (events, bytes, topics) = state.engine.window().size();
        set(&self.metrics.log_events, events);
        set(&self.metrics.log_bytes, bytes);
        set(&self.metrics.topics, topics);
    }

    fn note_subscribers(&self, state: &State) {
        let (subscribers, groups, nodes) = state.engine.subscribers();
        set(&self.metrics.subscribers, subscribers);
        set(&self.metrics.groups, groups);
        set(&self.metrics.pattern_nodes, nodes);
    }
}

pub(super) fn set(gauge: &Gauge, value: usize) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}

impl State {
    /// Registers a task to be woken at the next event of its group.
    pub(super) fn wait(&mut self, group: GroupId, id: SubscriberId, waker: &Waker) {
        self.waiting
            .entry(group)
            .or_default()
            .entry(id)
            .and_modify(|known| known.clone_from(waker))
            .or_insert_with(|| waker.clone());
    }

    /// Registers a shard to be woken at the group's next event.
    pub(super) fn arm(&mut self, group: GroupId, shard: usize) {
        if self.armed.len() <= group.index() {
            self.armed.resize(group.index() + 1, 0);
        }
        self.armed[group.index()] |= 1 << shard;
    }

    /// The number of streams from an address.
    pub(super) fn streams_from(&self, address: IpAddr) -> usize {
        self.by_address.get(&address).copied().unwrap_or(0)
    }

    fn apply(&mut self, entry: &Entry, wake: &mut Wake) -> Result<(), sse_engine::OutOfOrder> {
        self.engine.publish(entry.seq, entry.time, &entry.draft, &mut self.matched)?;
        for group in self.matched.drain(..) {
            if !self.waiting.is_empty() {
                wake.tasks.extend(self.waiting.remove(&group));
            }
            let mut shards = self.armed.get_mut(group.index()).map(std::mem::take).unwrap_or_default();
            while shards != 0 {
                wake.ready.push(ReadyGroup { shard: shards.trailing_zeros() as usize, group });
                shards &= shards - 1;
            }
        }
        Ok(())
    }

    fn leave(&mut self, id: SubscriberId, group: GroupId, address: Option<IpAddr>) {
        self.engine.leave(group);
        if let Some(tasks) = self.waiting.get_mut(&group) {
            tasks.remove(&id);
            if tasks.is_empty() {
                self.waiting.remove(&group);
            }
        }
        if let Some(address) = address
            && let Some(count) = self.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}
