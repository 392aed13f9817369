//! When the next event is published, or the next client changed.

use std::time::Duration;

/// How publishing goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// So many events a second, evenly.
    Rate(f64),
    /// Each when the last one is answered.
    Max,
    /// Each when all have the last one.
    Lockstep,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Publish one.
    Now,
    /// Not before this time.
    At(Duration),
    /// When something has arrived.
    Wait,
    /// All is published.
    Done,
}

/// The events of a run, one after the other. Times are since the first.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    pace: Pace,
    events: u64,
    time: Duration,
    issued: u64,
}

impl Schedule {
    /// No more than `events` events, and none at or after `time`.
    pub(crate) const fn new(pace: Pace, events: u64, time: Duration) -> Self {
        Self { pace, events, time, issued: 0 }
    }

    /// Whether another event is due. `arrived` says that all have the last one.
    pub(crate) fn due(&self, now: Duration, arrived: bool) -> Due {
        if self.issued >= self.events || now >= self.time {
            return Due::Done;
        }
        match self.pace {
            Pace::Max => Due::Now,
            Pace::Lockstep if arrived => Due::Now,
            Pace::Lockstep => Due::Wait,
            Pace::Rate(rate) => match at(self.issued, rate) {
                time if time <= now => Due::Now,
                time if time >= self.time => Due::At(self.time),
                time => Due::At(time),
            },
        }
    }

    /// One was published.
    pub(crate) const fn issue(&mut self) {
        self.issued += 1;
    }

    pub(crate) const fn issued(&self) -> u64 {
        self.issued
    }
}

/// Something that happens so often a second. Times are since the first.
#[derive(Debug, Clone)]
pub(crate) struct Beat {
    rate: f64,
    done: u64,
}

impl Beat {
    /// Without end if the rate is infinite.
    pub(crate) const fn new(rate: f64) -> Self {
        Self { rate, done: 0 }
    }

    /// When it is time for the next one.
    pub(crate) fn next(&self) -> Duration {
        at(self.done, self.rate)
    }

    pub(crate) const fn count(&mut self) {
        self.done += 1;
    }
}

/// When number `n` from 0 is due.
fn at(n: u64, rate: f64) -> Duration {
    Duration::try_from_secs_f64(n as f64 / rate).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOREVER: Duration = Duration::MAX;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn evenly() {
        let mut schedule = Schedule::new(Pace::Rate(100.0), 3, FOREVER);
        assert_eq!(schedule.due(ms(0), false), Due::Now);
        schedule.issue();
        assert_eq!(schedule.due(ms(0), true), Due::At(ms(10)));
        assert_eq!(schedule.due(ms(25), false), Due::Now);
        schedule.issue();
        assert_eq!(schedule.due(ms(25), false), Due::Now, "what is late is made up for");
        schedule.issue();
        assert_eq!(schedule.due(ms(25), false), Due::Done);
        assert_eq!(schedule.issued(), 3);
    }

    #[test]
    fn for_a_time() {
        let mut schedule = Schedule::new(Pace::Rate(1.0), u64::MAX, ms(1500));
        schedule.issue();
        assert_eq!(schedule.due(ms(500), true), Due::At(ms(1000)));
        schedule.issue();
        assert_eq!(schedule.due(ms(1200), true), Due::At(ms(1500)));
        assert_eq!(schedule.due(ms(1500), true), Due::Done);
    }

    #[test]
    fn back_to_back_and_in_lockstep() {
        assert_eq!(Schedule::new(Pace::Max, 1, FOREVER).due(ms(0), false), Due::Now);
        let schedule = Schedule::new(Pace::Lockstep, 1, FOREVER);
        assert_eq!(schedule.due(ms(0), false), Due::Wait);
        assert_eq!(schedule.due(ms(0), true), Due::Now);
    }

    #[test]
    fn a_beat() {
        let mut beat = Beat::new(4.0);
        assert_eq!(beat.next(), ms(0));
        beat.count();
        assert_eq!(beat.next(), ms(250));
        let mut unbounded = Beat::new(f64::INFINITY);
        unbounded.count();
        assert_eq!(unbounded.next(), ms(0));
    }
}
