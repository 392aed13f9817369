//! Deadlines in tokio's time, running or paused.

use std::time::Duration;

use tokio::time::Instant;

/// The grain of tokio's timers.
///
/// Of two timers that run out at the same moment either may be noticed first. So a wait that includes its last moment
/// ends a tick later: a paused clock gets there only when all that belongs to the moment itself has been done.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// As long as any test waits; the clock does not reach so far as [`Duration::MAX`].
const FOREVER: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

/// When a wait of that length is over, its last moment included.
pub(crate) fn deadline(wait: Duration) -> Instant {
    later(wait) + TICK
}

/// That long from now.
pub(crate) fn later(time: Duration) -> Instant {
    Instant::now() + time.min(FOREVER)
}
