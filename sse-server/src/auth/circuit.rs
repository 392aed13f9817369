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
    /// Changes when nothing is asked any more, and with each attempt after that.
    era: u64,
}

/// The right to ask once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attempt(u64);

impl Circuit {
    /// Returns an attempt if somebody is to be asked at `now`. While they give no answers there is one at a time.
    pub(super) fn admits(&mut self, now: Instant) -> Option<Attempt> {
        if self.next.is_some_and(|next| now < next) {
            return None;
        }
        if self.failures >= FAILURES {
            self.next = Some(now + self.pause());
            self.era += 1;
        }
        Some(Attempt(self.era))
    }

    pub(super) fn succeeded(&mut self) {
        (self.failures, self.next) = (0, None);
    }

    /// Notes that an attempt has failed. Those that were under way when it was given up count once.
    pub(super) fn failed(&mut self, attempt: Attempt, now: Instant) {
        if attempt.0 != self.era {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES {
            self.next = Some(now + self.pause());
            self.era += 1;
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
        let all: Vec<_> = (0..3 * FAILURES).map(|_| circuit.admits(start).unwrap()).collect();
        all.into_iter().for_each(|attempt| circuit.failed(attempt, start));
        assert_eq!(circuit.admits(at(0.9)), None);
        let one = circuit.admits(at(1.0)).unwrap();
        assert_eq!(circuit.admits(at(1.0)), None, "one at a time");
        circuit.failed(one, at(1.1));
        assert_eq!(circuit.admits(at(3.0)), None, "twice as long");
        let mut now = 3.2;
        for _ in 0..10 {
            let one = circuit.admits(at(now)).unwrap();
            circuit.failed(one, at(now));
            now += 30.1; // and no longer than that
        }
        assert!(circuit.admits(at(now)).is_some());
        circuit.succeeded();
        assert!(circuit.admits(at(now)).is_some() && circuit.admits(at(now)).is_some());
    }
}
