//! The bytes of requests' heads that are not whole, over all connections.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use prometheus_client::metrics::gauge::Gauge;

/// What a head may always have: most are smaller.
const SMALL: usize = 8 << 10;

/// The most that all unfinished heads may have beyond that.
const MOST: i64 = 64 << 20;

/// The head of the next request on one connection.
#[derive(Debug)]
pub(super) struct Head {
    /// What is counted of all of them.
    all: Gauge,
    bytes: AtomicUsize,
    /// It is whole, and what comes is a body.
    is_whole: AtomicBool,
}

impl Head {
    /// The first head of a connection. It is counted in `all`.
    pub(super) const fn new(all: Gauge) -> Self {
        Self { all, bytes: AtomicUsize::new(0), is_whole: AtomicBool::new(false) }
    }

    /// Counts bytes that have come. Returns false if there are too many, of all heads that are not small.
    pub(super) fn add(&self, bytes: usize) -> bool {
        if self.is_whole.load(Ordering::Relaxed) {
            return true;
        }
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let more = counted(before + bytes) - counted(before);
        more == 0 || self.all.inc_by(more) + more <= MOST
    }

    /// Notes that the head is whole.
    pub(super) fn is_whole(&self) {
        self.is_whole.store(true, Ordering::Relaxed);
        let bytes = self.bytes.swap(0, Ordering::Relaxed);
        if counted(bytes) > 0 {
            self.all.dec_by(counted(bytes));
        }
    }

    /// Notes that the next one may begin.
    pub(super) fn begin(&self) {
        self.is_whole.store(false, Ordering::Relaxed);
    }
}

impl Drop for Head {
    fn drop(&mut self) {
        self.is_whole();
    }
}

fn counted(bytes: usize) -> i64 {
    i64::try_from(bytes.saturating_sub(SMALL)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_heads_share_a_bound_and_small_ones_always_fit() {
        let all = Gauge::default();
        let heads: Vec<_> = (0..3000).map(|_| Head::new(all.clone())).collect();
        let fit = heads.iter().take_while(|head| head.add(SMALL + (32 << 10))).count();
        assert_eq!(fit, 2048, "of 32 KB beyond what is small");
        assert!(Head::new(all.clone()).add(SMALL));
        drop(heads);
        assert_eq!(all.get(), 0);
    }

    #[test]
    fn a_body_is_no_head_and_what_is_whole_is_not_counted() {
        let all = Gauge::default();
        let head = Head::new(all.clone());
        assert!(head.add(SMALL) && head.add(100));
        assert_eq!(all.get(), 100);
        head.is_whole();
        assert!(head.add(1 << 30), "a body");
        assert_eq!(all.get(), 0);
        head.begin();
        assert!(head.add(SMALL + 1));
        assert_eq!(all.get(), 1);
        drop(head);
        assert_eq!(all.get(), 0);
    }
}
