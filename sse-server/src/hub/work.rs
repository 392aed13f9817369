//! What events that are appended leave to be done, in slices that give the lock up.

use std::{
    sync::{Arc, atomic::Ordering},
    thread,
};

use sse_engine::Topic;

use super::{
    core::{Core, Failure, OUT_OF_ORDER, StateGuard},
    state::{State, Wake},
};
use crate::{base::turn, store::Entry};

/// The events that are appended under one taking of the lock.
const ENTRIES: usize = 256;

/// The most events that may be hidden, because the work on them is not done, before publishers have to wait. One more
/// publication may exceed it.
const MAX_HIDDEN: usize = 4096;

/// The hub, as its worker holds it: if the worker panics, with or without the lock, its work is never over.
pub(super) struct Worker(pub(super) Arc<Core>);

impl Drop for Worker {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.worker_gone();
        }
    }
}

impl Core {
    /// Adds appended events to the window. Events through `committed` can be read from the store. `wake` gets those who wait
    /// for the events, even if one of the events fails the hub: that is left to the caller, as is the waking.
    ///
    /// What takes longer than a slice goes on in a thread of its own: the store holds locks of its own now.
    pub(super) fn apply(self: &Arc<Self>, entries: &[Entry], committed: u64, wake: &mut Wake) -> Result<(), Failure> {
        let mut state = self.locked()?;
        let mut applied = Ok(());
        let mut over = true;
        for (index, entries) in entries.chunks(ENTRIES).enumerate() {
            if index > 0 {
                state.give_way()?;
            }
            applied = entries.iter().try_for_each(|entry| state.append(entry));
            over = state.work(wake);
            if applied.is_err() {
                break;
            }
        }
        if applied.is_ok() && state.engine.set_committed(committed) {
            over = state.work(wake);
        }
        self.note_work(&state);
        self.hand_over(state, over);
        applied.map_err(|_| OUT_OF_ORDER)
    }

    /// Ends `topic` after its last event, which is returned, or at `at` if it has none. `wake` gets those who wait for it.
    pub(super) fn end(self: &Arc<Self>, topic: &Topic, at: u64, wake: &mut Wake) -> u64 {
        // a poisoned lock is left to whoever takes it next
        let Ok(mut state) = self.locked() else { return at };
        let ended = state.engine.end(topic, at);
        let over = state.work(wake);
        self.note_work(&state);
        self.hand_over(state, over);
        ended
    }

    /// Events through `committed` can be read from the store.
    pub(super) fn set_committed(self: &Arc<Self>, committed: u64) {
        // a poisoned lock is left to whoever takes it next
        let Ok(mut state) = self.locked() else { return };
        let mut wake = Wake::default();
        let over = !state.engine.set_committed(committed) || state.work(&mut wake);
        self.note_work(&state);
        self.hand_over(state, over);
        self.wake(wake);
    }

    /// Leaves what is not `over` to a thread of its own.
    fn hand_over(self: &Arc<Self>, mut state: StateGuard<'_>, over: bool) {
        if over || std::mem::replace(&mut state.has_worker, true) {
            return;
        }
        drop(state);
        let worker = Worker(Arc::clone(self));
        let spawned = thread::Builder::new().name("sse-hub".into()).spawn(move || worker.0.work_until_over());
        if let Err(error) = spawned {
            tracing::warn!(%error, "can't start a thread; publishers wait for the hub's work instead");
            self.work_until_over();
        }
    }

    fn work_until_over(&self) {
        loop {
            let mut wake = Wake::default();
            let Ok(mut state) = self.state() else { return };
            let over = state.work(&mut wake);
            state.has_worker = !over;
            self.note_work(&state);
            let gave_way = state.give_way();
            drop(state);
            self.wake(wake);
            if over || gave_way.is_err() {
                return;
            }
            turn::of_threads();
        }
    }

    /// Waits until so few events are hidden, or being appended, that `count` more may be appended, and counts these until
    /// what is returned is dropped.
    pub(super) async fn room(&self, count: usize) -> Appending<'_> {
        while !self.has_room() {
            let room_made = self.room_made.notified();
            if !self.has_room() {
                room_made.await;
            }
        }
        self.appending.fetch_add(count, Ordering::AcqRel);
        Appending { core: self, count }
    }

    fn has_room(&self) -> bool {
        let under_way = self.hidden.load(Ordering::Acquire) + self.appending.load(Ordering::Acquire);
        under_way < MAX_HIDDEN || self.draining().is_some()
    }

    fn note_work(&self, state: &State) {
        self.shown.fetch_max(state.engine.window().shown(), Ordering::Release);
        let hidden = state.engine.hidden();
        let before = self.hidden.swap(hidden, Ordering::AcqRel);
        if before >= MAX_HIDDEN && hidden < MAX_HIDDEN {
            self.room_made.notify_waiters();
        }
        self.note_log(state);
    }
}

/// Events that are being appended.
pub(super) struct Appending<'a> {
    core: &'a Core,
    count: usize,
}

impl Drop for Appending<'_> {
    fn drop(&mut self) {
        let before = self.core.appending.fetch_sub(self.count, Ordering::AcqRel);
        // otherwise nobody waits because of these
        if before + self.core.hidden.load(Ordering::Acquire) >= MAX_HIDDEN {
            self.core.room_made.notify_waiters();
        }
    }
}
