//! How long to wait between attempts.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

const FIRST: Duration = Duration::from_millis(250);

/// A hub that came back is found again within this.
const LONGEST: Duration = Duration::from_secs(10);

/// Waits that double, spread so that the publishers of one hub don't come back in step.
#[derive(Debug)]
pub(super) struct Backoff {
    failures: u32,
    random: RandomState,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { failures: 0, random: RandomState::new() }
    }

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The next wait: as long as the hub asked for, within reason.
    pub(super) fn next(&mut self, at_least: Option<Duration>) -> Duration {
        let doubled = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let spread = self.random.hash_one(self.failures) % 1000;
        let wait = doubled.mul_f64(0.5 + spread as f64 / 2000.0);
        wait.max(at_least.unwrap_or_default().min(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut backoff = Backoff::new();
        let mut ceiling = FIRST;
        for _ in 0..100 {
            let wait = backoff.next(None);
            assert!(ceiling / 2 <= wait && wait <= ceiling, "{wait:?} of {ceiling:?}");
            ceiling = (ceiling * 2).min(LONGEST);
        }
        backoff.reset();
        assert!(backoff.next(None) <= FIRST);
    }

    #[test]
    fn the_hub_is_heard_within_reason() {
        let mut backoff = Backoff::new();
        assert_eq!(backoff.next(Some(Duration::from_secs(3))), Duration::from_secs(3));
        assert_eq!(backoff.next(Some(Duration::from_secs(3600))), LONGEST);
    }
}
