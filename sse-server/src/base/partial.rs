//! Bytes that have come of something that is not whole yet, over all connections.

use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus_client::metrics::gauge::Gauge;

/// What each connection may always have: most need less.
pub(crate) const SMALL: usize = 8 << 10;

/// The most that all connections may have beyond that.
const MOST: i64 = 64 << 20;

/// What one connection has.
#[derive(Debug)]
pub(crate) struct Partial {
    /// What is counted of all of them.
    all: Gauge,
    bytes: AtomicUsize,
}

impl Partial {
    /// Nothing yet of a new connection, which is counted in `all`.
    pub(crate) const fn new(all: Gauge) -> Self {
        Self { all, bytes: AtomicUsize::new(0) }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Notes that it has `bytes` now. Returns false if that is more than before, and there are too many of all that are not
    /// small.
    pub(crate) fn set(&self, bytes: usize) -> bool {
        let more = counted(bytes) - counted(self.bytes.swap(bytes, Ordering::Relaxed));
        // mostly it is small, and the others need not hear of it
        more == 0 || self.all.inc_by(more) + more <= MOST || more < 0
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        self.set(0);
    }
}

fn counted(bytes: usize) -> i64 {
    i64::try_from(bytes.saturating_sub(SMALL)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_large_shares_a_bound_and_what_is_small_always_fits() {
        let all = Gauge::default();
        let partials: Vec<_> = (0..3000).map(|_| Partial::new(all.clone())).collect();
        let fit = partials.iter().take_while(|partial| partial.set(SMALL + (32 << 10))).count();
        assert_eq!(fit, 2048, "of 32 KB beyond what is small");
        assert!(partials[0].set(SMALL + 1), "less than before");
        assert!(Partial::new(all.clone()).set(SMALL));
        drop(partials);
        assert_eq!(all.get(), 0);
    }
}
