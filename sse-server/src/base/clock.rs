//! The hub's clocks: one for what it waits for, one for the dates of events.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sse_engine::{Millis, millis};
use tokio::time::Instant;

/// A wall clock that is ahead by less than this has not been set, only read at another moment.
const STEP: Millis = 2_000;

/// Milliseconds since the Unix epoch. It starts at the system's time and then follows tokio's clock: it never goes
/// back, and stands still where a test pauses time.
///
/// Events are [dated](Self::date) by the same clock and by how far it is behind: behind the system's clock when that was
/// set, or ran on while the machine slept; behind the log when an earlier hub's clock was ahead. So dates never go back,
/// never stand still, and are never older than what retention takes for now.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    millis: Millis,
    behind: AtomicU64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), millis: wall(), behind: AtomicU64::new(0) }
    }

    pub(crate) fn now(&self) -> Millis {
        self.millis.saturating_add(millis(self.started.elapsed()))
    }

    /// The date for an event that is published now.
    pub(crate) fn date(&self) -> Millis {
        self.date_by(wall())
    }

    /// The date while the system's clock says `wall`.
    fn date_by(&self, wall: Millis) -> Millis {
        let date = self.now().saturating_add(self.behind.load(Ordering::Relaxed));
        if wall > date.saturating_add(STEP) { self.reach(wall) } else { date }
    }

    /// Makes [`date`](Self::date) at least `date`, from where it goes on. Returns the date after that.
    pub(crate) fn reach(&self, date: Millis) -> Millis {
        let now = self.now();
        let behind = date.saturating_sub(now);
        now.saturating_add(self.behind.fetch_max(behind, Ordering::Relaxed).max(behind))
    }

    /// The instant at which the clock reads `time`, but not before it was made.
    pub(crate) fn instant(&self, time: Millis) -> Instant {
        let since = Duration::from_millis(time.saturating_sub(self.millis));
        self.started.checked_add(since).unwrap_or_else(far_future)
    }
}

/// The system's clock, in milliseconds since the Unix epoch; 0 before that.
pub(crate) fn wall() -> Millis {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The first millisecond of the year 10000.
const YEAR_10000: Millis = 253_402_300_800_000;

/// Returns true if the system's clock can be written as the date of an answer. httpdate panics at one before 1970, and at
/// one after 9999.
pub(crate) fn is_presentable() -> bool {
    (1..YEAR_10000).contains(&wall())
}

/// `time` as RFC 3339 has it, if it is in the calendar: from 1970 to 9999.
pub(crate) fn rfc3339(time: SystemTime) -> Option<String> {
    time.duration_since(UNIX_EPOCH).ok()?;
    let mut text = String::new();
    write!(text, "{}", humantime::format_rfc3339_millis(time)).ok().map(|()| text)
}

/// Practically never, yet safe to wait for.
fn far_future() -> Instant {
    Instant::now() + Duration::from_secs(30 * 365 * 24 * 3600)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const HOUR: Millis = 3_600_000;

    #[tokio::test(start_paused = true)]
    async fn dates_follow_a_clock_that_is_set_ahead_and_no_clock_back() {
        let clock = Clock::new();
        let start = clock.now();
        assert_eq!(clock.date_by(start + 5), start, "no step");
        assert_eq!(clock.date_by(start + 2 * HOUR), start + 2 * HOUR, "set ahead, or asleep meanwhile");
        assert_eq!(clock.date_by(start - HOUR), start + 2 * HOUR, "set back");
        assert_eq!(clock.date_by(0), start + 2 * HOUR, "before 1970");
        advance(Duration::from_millis(HOUR)).await;
        assert_eq!(clock.date_by(start), start + 3 * HOUR, "it goes on");
        assert_eq!(clock.now(), start + HOUR, "nobody's time-out is moved");
    }

    #[test]
    fn a_time_outside_of_the_calendar_is_not_written() {
        let at = |seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).and_then(rfc3339);
        assert_eq!(at(0).as_deref(), Some("1970-01-01T00:00:00.000Z"));
        assert_eq!(at(YEAR_10000 / 1000), None);
        assert_eq!(UNIX_EPOCH.checked_sub(Duration::from_secs(1)).and_then(rfc3339), None);
    }

    #[tokio::test(start_paused = true)]
    async fn dates_go_on_from_a_log_that_is_ahead() {
        let clock = Clock::new();
        let ahead = clock.now() + 73 * 365 * 24 * HOUR;
        clock.reach(ahead);
        clock.reach(5);
        advance(Duration::from_millis(HOUR)).await;
        assert_eq!(clock.date(), ahead + HOUR);
    }
}
