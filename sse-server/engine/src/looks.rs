//! How much is done at once.

#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicUsize, Ordering};

/// The looks after which work that can be continued is left for later. A look is at a group, a node of the patterns, a
/// topic or an event: some 20 to 200 ns.
#[cfg(not(test))]
pub(crate) const SLICE: usize = 4096;

/// The tests' slices are small, so that all that can be continued is.
#[cfg(test)]
pub(crate) const SLICE: usize = 3;

/// The most looks between two calls of [`Engine::begin`](crate::Engine::begin), whatever the number of groups,
/// selectors, topics and events: what is done under one lock. Debug builds panic beyond it.
pub const MAX_LOOKS: usize = 1 << 16;

/// Counts looks in debug builds.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    #[cfg(debug_assertions)]
    taken: AtomicUsize,
    /// Nothing is checked until the first beginning: who has no lock may do all at once.
    #[cfg(debug_assertions)]
    counts: bool,
}

#[cfg_attr(not(debug_assertions), allow(clippy::unused_self))]
impl Looks {
    pub(crate) fn begin(&mut self) {
        #[cfg(debug_assertions)]
        {
            self.counts = true;
            *self.taken.get_mut() = 0;
        }
    }

    pub(crate) fn count(&self, looks: usize) {
        #[cfg(debug_assertions)]
        {
            let before = self.taken.fetch_add(looks, Ordering::Relaxed);
            assert!(!self.counts || before + looks <= MAX_LOOKS, "{} looks at once", before + looks);
        }
        let _ = looks;
    }
}
