//! The bytes of requests' heads that are not whole.

use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::metrics::gauge::Gauge;

use crate::base::partial::Partial;

/// The head of the next request on one connection.
#[derive(Debug)]
pub(super) struct Head {
    partial: Partial,
    /// It is whole, and what comes is a body.
    is_whole: AtomicBool,
}

impl Head {
    /// The first head of a connection. It is counted in `all`.
    pub(super) const fn new(all: Gauge) -> Self {
        Self { partial: Partial::new(all), is_whole: AtomicBool::new(false) }
    }

    /// Counts bytes that have come. Returns false if there are too many, of all heads that are not small.
    pub(super) fn add(&self, bytes: usize) -> bool {
        self.is_whole.load(Ordering::Relaxed) || self.partial.set(self.partial.bytes() + bytes)
    }

    /// Notes that the head is whole.
    pub(super) fn is_whole(&self) {
        self.is_whole.store(true, Ordering::Relaxed);
        self.partial.set(0);
    }

    /// Notes that the next one may begin.
    pub(super) fn begin(&self) {
        self.is_whole.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::partial::SMALL;

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
