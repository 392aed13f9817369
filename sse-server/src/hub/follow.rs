//! The hub as a follower of its store, from which every event enters the window.

use std::sync::Arc;

use sse_engine::{StoredTopic, Topic, Trim};

use super::{
    core::{Core, StateGuard},
    state::Wake,
};
use crate::store::{AfterUnlock, Entry, Follower};

/// The trims that are announced under one taking of the lock.
const TRIMS: usize = 8;

/// The follower that a hub registers with its store.
#[derive(Debug)]
pub(super) struct Following {
    core: Arc<Core>,
    /// The last event in the store when it was opened. Later ones are published by this process.
    head_at_open: u64,
}

impl Following {
    pub(super) const fn new(core: Arc<Core>, head_at_open: u64) -> Self {
        Self { core, head_at_open }
    }

    /// Changes the state. A poisoned lock is left to whoever takes it next: the store holds locks of its own now.
    fn change(&self, change: impl FnOnce(&mut StateGuard<'_>)) {
        if let Ok(mut state) = self.core.locked() {
            change(&mut state);
            self.core.note_log(&state);
        }
    }
}

impl Follower for Following {
    fn appended(&self, entries: &[Entry], committed: u64) -> AfterUnlock {
        let published = entries.iter().filter(|entry| entry.seq > self.head_at_open).count();
        self.core.metrics.published.inc_by(published as u64);
        let mut wake = Wake::default();
        let failed = self.core.apply(entries, committed, &mut wake).err();
        if wake.is_empty() && failed.is_none() {
            return AfterUnlock::default();
        }
        let core = Arc::clone(&self.core);
        AfterUnlock::call(move || {
            if let Some(failure) = failed {
                core.fail(failure); // whoever appended is told by that
            }
            core.wake(wake);
        })
    }

    fn trimming(&self, trims: &[Trim]) -> AfterUnlock {
        self.change(|state| {
            for (index, trim) in trims.iter().enumerate() {
                if index % TRIMS == TRIMS - 1 && state.give_way().is_err() {
                    return;
                }
                state.engine.begin_trim(trim);
                while !state.engine.finish_trim(trim) {
                    if state.give_way().is_err() {
                        return;
                    }
                }
            }
        });
        AfterUnlock::default()
    }

    fn committed(&self, through: u64) {
        self.core.set_committed(through);
    }

    fn recovered(&self, _through: u64, topics: &[StoredTopic], undone: u64) {
        self.change(|state| {
            state.engine.begin_again(undone);
            topics.iter().for_each(|stored| state.engine.restore(stored));
            state.engine.restored();
        });
    }

    fn ended(&self, topic: &Topic, at: u64) -> (u64, AfterUnlock) {
        let mut wake = Wake::default();
        let ended = self.core.end(topic, at, &mut wake);
        let core = Arc::clone(&self.core);
        (ended, AfterUnlock::call(move || core.wake(wake)))
    }

    fn topic_reopened(&self, topic: &Topic) {
        self.change(|state| state.engine.reopen(topic));
    }

    fn end_of(&self, topic: &Topic) -> Option<u64> {
        self.core.locked().ok()?.engine.ended(topic)
    }

    fn gone(&self) {
        self.core.store_gone();
    }
}
