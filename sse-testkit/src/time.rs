//! Deadlines in tokio's time, running or paused.

use std::time::Duration;

use tokio::time::Instant;

/// The grain of tokio's timers.
///
/// Of two timers that expire at the same instant, either may be noticed first. So a wait that includes its last instant
/// ends a tick later: a paused clock gets there only when everything at that instant has been done.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// Longer than any test waits. The clock can't hold [`Duration::MAX`].
const FOREVER: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

/// When a wait of this length is over, with its last instant included.
pub(crate) fn deadline(wait: Duration) -> Instant {
    later(wait) + TICK
}

/// The instant `time` from now.
pub(crate) fn later(time: Duration) -> Instant {
    Instant::now() + time.min(FOREVER)
}
