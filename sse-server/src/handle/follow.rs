//! The hub follows its store: every event comes into the window from there.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use super::{Wake, state::State};
use crate::{
    driver::shard,
    hub::Trim,
    metrics::Metrics,
    store::{Entry, Follower, Told, TopicRecord},
};

/// A hub as its store knows it: what follows, without the store, which it must not keep alive.
#[derive(Debug)]
pub(super) struct Following {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) metrics: Arc<Metrics>,
}

impl Following {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Follower for Following {
    fn appended(&self, entries: &[Entry]) -> Told {
        let mut wake = Wake::default();
        let mut state = self.state();
        entries.iter().for_each(|entry| state.take_in(entry, &mut wake));
        state.note_log(&self.metrics);
        if wake.tasks.is_empty() && wake.shards.is_empty() {
            return Told::default();
        }
        let shards = Arc::clone(&state.shards);
        Told::then(move || {
            wake.tasks.into_iter().flat_map(HashMap::into_values).for_each(Waker::wake);
            shard::ready(&shards, &mut wake.shards);
        })
    }

    fn trimming(&self, trims: &[Trim]) -> Told {
        let mut state = self.state();
        trims.iter().for_each(|trim| state.hub.trim(trim));
        state.note_log(&self.metrics);
        Told::default()
    }

    fn settled(&self, through: u64) {
        self.state().hub.settle(through);
    }

    fn reopened(&self, through: u64, topics: &[TopicRecord]) {
        let mut state = self.state();
        state.hub.begin_again(through);
        for record in topics {
            state.hub.restore(&record.topic, record.retained, record.trimmed);
        }
        state.note_log(&self.metrics);
    }
}
