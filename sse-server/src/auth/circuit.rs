//! Leaving somebody alone who gives no answers.

use std::time::Duration;

use tokio::time::Instant;

/// The failures in a row after which nothing is asked for a while.
const FAILURES: u32 = 5;

/// How long nothing is asked then: it doubles with each attempt that fails as well.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// Whether somebody is to be asked. The time is given.
#[derive(Debug, Default)]
pub(super) struct Circuit {
    failures: u32,
    /// When one may try again.
    next: Option<Instant>,
}

impl Circuit {
    /// Returns true if it is to be asked at `now`. While it gives no answers that is true for one at a time.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        if self.next.is_some_and(|next| now < next) {
            return false;
        }
        if self.failures >= FAILURES {
            self.next = Some(now + self.pause());
        }
        true
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    pub(super) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES {
            self.next = Some(now + self.pause());
        }
    }

    fn pause(&self) -> Duration {
        let doubled = 1 << self.failures.saturating_sub(FAILURES).min(10);
        (FIRST * doubled).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_failures_in_a_row_one_at_a_time_tries_and_an_answer_ends_it() {
        let (mut circuit, start) = (Circuit::default(), Instant::now());
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        for _ in 0..FAILURES {
            assert!(circuit.admits(start));
            circuit.failed(start);
        }
        assert!(!circuit.admits(at(0.9)));
        assert!(circuit.admits(at(1.0)) && !circuit.admits(at(1.0)), "one");
        circuit.failed(at(1.1));
        assert!(!circuit.admits(at(3.0)) && circuit.admits(at(3.2)), "twice as long");
        (0..40).for_each(|_| circuit.failed(at(4.0)));
        assert!(!circuit.admits(at(33.0)) && circuit.admits(at(34.1)), "and no longer than that");
        circuit.succeeded();
        assert!(circuit.admits(at(34.2)) && circuit.admits(at(34.2)));
    }
}
