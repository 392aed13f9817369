//! The hub follows its store: every event comes into the window from there.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    task::Waker,
};

use super::{Hub, Shared, Wake};
use crate::{
    driver::shard,
    hub::Trim,
    store::{Entry, Follower, Told},
};

/// A hub as its store knows it, which does not keep it alive.
#[derive(Debug)]
pub(super) struct Following(pub(super) Weak<Shared>);

impl Following {
    fn hub(&self) -> Option<Hub> {
        self.0.upgrade().map(Hub)
    }
}

impl Follower for Following {
    fn appended(&self, entries: &[Entry]) -> Told {
        let Some(hub) = self.hub() else { return Told::default() };
        let mut wake = Wake::default();
        let mut state = hub.state();
        entries.iter().for_each(|entry| state.take_in(entry, &mut wake));
        hub.note_log(&state);
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
        if let Some(hub) = self.hub() {
            let mut state = hub.state();
            trims.iter().for_each(|trim| state.hub.trim(trim));
            hub.note_log(&state);
        }
        Told::default()
    }

    fn settled(&self, through: u64) {
        if let Some(hub) = self.hub() {
            hub.state().hub.settle(through);
        }
    }
}
