//! The part of a hub that it shares with its store's follower: the engine, those who wait, and the hub's health.

use std::{
    net::IpAddr,
    ops::{Deref, DerefMut},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use prometheus_client::metrics::gauge::Gauge;
use sse_engine::{DrainReason, Engine, Epoch, Failed, GroupId, Millis};
use tokio::sync::{Notify, futures::OwnedNotified};

use super::{
    state::{State, SubscriberId, Wake},
    waiters::Waiters,
};
use crate::{
    base::{
        SHUTTING_DOWN,
        clock::Clock,
        lock::{Guard, Lock},
    },
    metrics::Metrics,
    store::StoreError,
};

/// How often a shutdown tries to take a lock that is held.
const SWEEPS: usize = 100;

/// A hub without its store, which its follower must not keep alive.
#[derive(Debug)]
pub(super) struct Core {
    state: Lock<State>,
    pub(super) metrics: Metrics,
    pub(super) clock: Clock,
    pub(super) epoch: Epoch,
    /// The last event that the engine has shown, perhaps a moment ago.
    pub(super) shown: AtomicU64,
    /// The number of open streams.
    streams: AtomicUsize,
    /// The number of streams that have a connection of their own.
    pub(super) held: AtomicUsize,
    /// The most connections there may be.
    connections: AtomicUsize,
    /// Notified when the last stream has ended.
    empty: Notify,
    /// The number of events, and of ends of topics, whose groups are being looked for.
    pub(super) hidden: AtomicUsize,
    /// The number of events that are being appended.
    pub(super) appending: AtomicUsize,
    /// Notified when there are fewer of both.
    pub(super) room_made: Notify,
    /// The number of publishers that wait for the store.
    publishers: AtomicUsize,
    /// Notified when the last of them has been answered.
    answered: Notify,
    drain: OnceLock<Draining>,
    /// The tasks that waited when the shutdown started have been woken.
    swept: AtomicBool,
    /// Notified when a shutdown starts.
    drain_began: Arc<Notify>,
    failure: OnceLock<Failure>,
    /// Set when the hub fails.
    down: Notify,
    waiters: OnceLock<Arc<dyn Waiters>>,
}

/// The state, locked until this is dropped.
pub(super) struct StateGuard<'a> {
    core: &'a Core,
    state: Option<Guard<'a, State>>,
}

impl StateGuard<'_> {
    /// Releases the lock for a thread that waits for it, if there is one, and takes it again. That thread may have poisoned
    /// it: then nothing more may be done.
    pub(super) fn give_way(&mut self) -> Result<(), Failure> {
        if let Some(state) = &mut self.state {
            state.give_way().map_err(|_| POISONED)?;
            state.engine.begin();
        }
        Ok(())
    }
}

impl Deref for StateGuard<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        self.state.as_ref().expect("it is there until this is dropped")
    }
}

impl DerefMut for StateGuard<'_> {
    fn deref_mut(&mut self) -> &mut State {
        self.state.as_mut().expect("it is there until this is dropped")
    }
}

impl Drop for StateGuard<'_> {
    /// A shutdown doesn't wait for the lock: if it started meanwhile, whoever held the lock wakes the tasks.
    fn drop(&mut self) {
        drop(self.state.take());
        self.core.sweep();
    }
}

/// A publisher that waits for the store.
#[derive(Debug)]
pub(super) struct InFlight<'a>(&'a Core);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if self.0.publishers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.answered.notify_waiters();
        }
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
pub(super) const OUT_OF_ORDER: Failure = Failure("the store gave the hub an event out of order");
const ACCEPTOR_GONE: Failure = Failure("the loop that accepts connections is gone");
const SHARD_GONE: Failure = Failure("a thread that carries streams is gone");
const WORKER_GONE: Failure = Failure("the thread that finds an event's readers is gone");
const STORE_GONE: Failure = Failure("the thread that writes the log is gone");

impl Core {
    pub(super) fn new(engine: Engine) -> Self {
        let (epoch, shown) = (engine.window().epoch(), engine.window().shown());
        Self {
            state: Lock::new(State::new(engine)),
            metrics: Metrics::new(),
            clock: Clock::new(),
            epoch,
            shown: AtomicU64::new(shown),
            streams: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            connections: AtomicUsize::new(usize::MAX),
            empty: Notify::new(),
            hidden: AtomicUsize::new(0),
            appending: AtomicUsize::new(0),
            room_made: Notify::new(),
            publishers: AtomicUsize::new(0),
            answered: Notify::new(),
            drain: OnceLock::new(),
            swept: AtomicBool::new(false),
            drain_began: Arc::default(),
            failure: OnceLock::new(),
            down: Notify::new(),
            waiters: OnceLock::new(),
        }
    }

    /// Takes the lock. It is held for at most [`MAX_LOOKS`](sse_engine::MAX_LOOKS) looks, which debug builds count, and never
    /// across an `.await`. A poisoned lock fails the hub.
    pub(super) fn state(&self) -> Result<StateGuard<'_>, Failure> {
        self.locked().map_err(|failure| self.fail(failure))
    }

    /// Takes the lock where the store holds locks of its own, so that nobody may be woken yet: it is left to the caller to
    /// [fail](Self::fail) the hub.
    pub(super) fn locked(&self) -> Result<StateGuard<'_>, Failure> {
        let mut state = self.state.lock().map_err(|_| {
            self.sweep(); // the lock was held for a moment all the same
            POISONED
        })?;
        state.engine.begin();
        Ok(StateGuard { core: self, state: Some(state) })
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

    pub(super) fn shown(&self) -> u64 {
        self.shown.load(Ordering::Acquire)
    }

    pub(super) fn attach(&self, waiters: Arc<dyn Waiters>) {
        if self.waiters.set(waiters).is_err() {
            tracing::error!("a hub's streams are carried by the threads of one server; those of another are not told");
        }
    }

    pub(super) fn draining(&self) -> Option<Draining> {
        self.drain.get().copied()
    }

    /// Completes when a shutdown starts, if it has not started yet.
    pub(super) fn drain_begins(&self) -> OwnedNotified {
        self.drain_began.clone().notified_owned()
    }

    /// Starts to shut down, unless a shutdown is already in progress. It does not wait for the lock.
    pub(super) fn drain(&self, window: Duration, reason: DrainReason) {
        let _ = self.drain.set(Draining { began: self.clock.now(), window, reason });
        self.drain_began.notify_waiters();
        self.room_made.notify_waiters();
        if let Some(waiters) = self.waiters.get() {
            waiters.drain();
        }
        for _ in 0..SWEEPS {
            self.sweep();
            if self.swept.load(Ordering::Acquire) {
                return;
            }
            thread::yield_now(); // whoever holds the lock does it then
        }
    }

    /// Wakes the tasks that wait for events, once, if a shutdown has started and nobody holds the lock.
    fn sweep(&self) {
        if self.drain.get().is_none() || self.swept.load(Ordering::Acquire) {
            return;
        }
        let Some(mut state) = self.state.try_lock_even_so() else { return };
        self.swept.store(true, Ordering::Release);
        let waiting = state.stop_waiting();
        drop(state);
        drop(waiting);
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
    pub(super) fn fail_if_gone(&self, error: &StoreError) {
        if *error == StoreError::Gone {
            self.fail(STORE_GONE);
        }
    }

    /// Tells the shards of their groups. The tasks are woken as `wake` is dropped.
    pub(super) fn wake(&self, mut wake: Wake) {
        if let Some(waiters) = self.waiters.get().filter(|_| !wake.ready.is_empty()) {
            waiters.ready(&mut wake.ready);
        }
    }

    /// Fails the hub because the store's writer is gone.
    pub(super) fn store_gone(&self) {
        self.fail(STORE_GONE);
    }

    /// Fails the hub because the loop that accepts connections is gone.
    pub(super) fn acceptor_gone(&self) {
        self.fail(ACCEPTOR_GONE);
    }

    /// Fails the hub because a thread that carries streams is gone.
    pub(super) fn shard_gone(&self) {
        self.fail(SHARD_GONE);
    }

    /// Fails the hub because the thread that finds an event's readers is gone.
    pub(super) fn worker_gone(&self) {
        self.fail(WORKER_GONE);
    }

    /// Counts a publisher that waits for the store, until what is returned is dropped.
    pub(super) fn publisher(&self) -> InFlight<'_> {
        self.publishers.fetch_add(1, Ordering::AcqRel);
        InFlight(self)
    }

    /// Waits until no publisher waits for the store.
    pub(super) async fn answered(&self) {
        loop {
            let answered = self.answered.notified();
            if self.publishers.load(Ordering::Acquire) == 0 {
                return;
            }
            answered.await;
        }
    }

    /// The system has room for `connections` only.
    pub(super) fn bound_connections(&self, connections: usize) {
        self.connections.fetch_min(connections, Ordering::Relaxed);
    }

    /// The number of connections that streams have to themselves.
    pub(super) fn connections_held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// The most connections there may be, as far as the system is concerned.
    pub(super) fn max_connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
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

    /// Counts a new stream in a group, which may be new with it. `state` is the locked state.
    pub(super) fn add_stream(
        &self,
        state: &mut State,
        (group, is_new): (GroupId, bool),
        address: Option<IpAddr>,
    ) -> SubscriberId {
        let id = state.add_stream(group, is_new, address);
        self.streams.fetch_add(1, Ordering::AcqRel);
        self.note_subscribers(state);
        id
    }

    /// Uncounts a stream that has ended.
    pub(super) fn remove_stream(&self, id: SubscriberId, group: GroupId, address: Option<IpAddr>) {
        if let Ok(mut state) = self.state() {
            state.remove_stream(id, group, address);
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
        set(&self.metrics.envelope_bytes, state.engine.window().envelope_bytes());
        set(&self.metrics.topics, topics);
    }

    fn note_subscribers(&self, state: &State) {
        let (subscribers, groups, nodes) = state.engine.subscribers();
        set(&self.metrics.subscribers, subscribers);
        set(&self.metrics.groups, groups);
        set(&self.metrics.pattern_nodes, nodes);
        set(&self.metrics.selector_bytes, state.engine.selector_bytes());
    }
}

pub(super) fn set(gauge: &Gauge, value: usize) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}
