//! The hub follows its store: every event comes into the window from there.

use std::sync::Arc;

use sse_engine::Trim;

use super::core::Core;
use crate::store::{AfterUnlock, Entry, Follower, TopicRecord};

/// A hub as its store knows it.
#[derive(Debug)]
pub(super) struct Following {
    core: Arc<Core>,
    /// The last event that the store had when it was opened: those after it are published by this process.
    found: u64,
}

impl Following {
    pub(super) const fn new(core: Arc<Core>, found: u64) -> Self {
        Self { core, found }
    }
}

impl Follower for Following {
    fn appended(&self, entries: &[Entry], settled: u64) -> AfterUnlock {
        let published = entries.iter().filter(|entry| entry.seq > self.found).count();
        self.core.metrics.published.inc_by(published as u64);
        match self.core.take_in(entries, settled) {
            Ok(wake) if wake.is_empty() => AfterUnlock::default(),
            Ok(wake) => {
                let core = Arc::clone(&self.core);
                AfterUnlock::call(move || core.wake(wake))
            }
            Err(_) => AfterUnlock::default(), // the hub goes down; whoever appended is told by it
        }
    }

    fn trimming(&self, trims: &[Trim]) -> AfterUnlock {
        if let Ok(mut state) = self.core.state() {
            trims.iter().for_each(|trim| state.engine.trim(trim));
            self.core.note_log(&state);
        }
        AfterUnlock::default()
    }

    fn settled(&self, through: u64) {
        if let Ok(mut state) = self.core.state() {
            state.engine.settle(through);
        }
    }

    fn reopened(&self, through: u64, topics: &[TopicRecord]) {
        if let Ok(mut state) = self.core.state() {
            state.engine.begin_again(through);
            for record in topics {
                state.engine.restore(&record.topic, record.retained, record.trimmed);
            }
            self.core.note_log(&state);
        }
    }
}
