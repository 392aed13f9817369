//! What is to be done later.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Times in nanoseconds of the tool's clock, each with what it is for. Whoever sets one makes sure that there is at most
/// one for each subscriber and purpose.
#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(u64, u32, Purpose)>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    /// Connect again.
    Connect,
    /// Read the next few bytes.
    Read,
}

impl Timers {
    pub(super) fn set(&mut self, at: u64, subscriber: u32, purpose: Purpose) {
        self.0.push(Reverse((at, subscriber, purpose)));
    }

    pub(super) fn next(&self) -> Option<u64> {
        self.0.peek().map(|Reverse((at, ..))| *at)
    }

    /// One that is due.
    pub(super) fn pop(&mut self, now: u64) -> Option<(u32, Purpose)> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse((_, subscriber, purpose))| (subscriber, purpose))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_order_of_time() {
        let mut timers = Timers::default();
        timers.set(20, 1, Purpose::Read);
        timers.set(10, 2, Purpose::Connect);
        assert_eq!(timers.next(), Some(10));
        assert_eq!(timers.pop(9), None);
        assert_eq!(timers.pop(30), Some((2, Purpose::Connect)));
        assert_eq!(timers.pop(30), Some((1, Purpose::Read)));
        assert_eq!((timers.pop(30), timers.next()), (None, None));
    }
}
