//! How much is done at once.

#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicUsize, Ordering};

/// The steps after which work that can be continued is left for later. A step is a group, a node of the patterns, a
/// topic or an event that is looked at: some 20 to 200 ns.
#[cfg(not(test))]
pub(crate) const SLICE: usize = 4096;

/// The tests' slices are small, so that all that can be continued is.
#[cfg(test)]
pub(crate) const SLICE: usize = 3;

/// The most steps between two calls of [`Engine::begin`](crate::Engine::begin), whatever the number of groups,
/// selectors, topics and events: what is done under one lock. Debug builds panic beyond it.
pub const MAX_STEPS: usize = 1 << 16;

/// Counts steps in debug builds.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    #[cfg(debug_assertions)]
    taken: AtomicUsize,
    /// Nothing is checked until the first beginning: who has no lock may do all at once.
    #[cfg(debug_assertions)]
    counts: bool,
}

#[cfg_attr(not(debug_assertions), allow(clippy::unused_self))]
impl Steps {
    pub(crate) fn begin(&mut self) {
        #[cfg(debug_assertions)]
        {
            self.counts = true;
            *self.taken.get_mut() = 0;
        }
    }

    pub(crate) fn count(&self, steps: usize) {
        #[cfg(debug_assertions)]
        {
            let before = self.taken.fetch_add(steps, Ordering::Relaxed);
            assert!(!self.counts || before + steps <= MAX_STEPS, "{} steps at once", before + steps);
        }
        let _ = steps;
    }
}
