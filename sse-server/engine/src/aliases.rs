//! The events in the window that have an ID of their publisher's.

use std::collections::{BTreeMap, VecDeque};

use crate::Alias;

/// Aliases and the events that have them, in order: mostly one each.
#[derive(Debug, Default)]
pub(crate) struct Aliases(BTreeMap<Alias, VecDeque<u64>>);

impl Aliases {
    pub(crate) fn add(&mut self, alias: &Alias, seq: u64) {
        self.0.entry(alias.clone()).or_default().push_back(seq);
    }

    pub(crate) fn remove(&mut self, alias: &Alias, seq: u64) {
        let Some(seqs) = self.0.get_mut(alias) else { return };
        if let Ok(index) = seqs.binary_search(&seq) {
            seqs.remove(index);
        }
        if seqs.is_empty() {
            self.0.remove(alias);
        }
    }

    /// The events with this alias, in order.
    pub(crate) fn of(&self, alias: &str) -> impl Iterator<Item = u64> {
        self.0.get(alias).into_iter().flatten().copied()
    }
}
