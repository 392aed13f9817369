//! The hub's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use sse_engine::Millis;
use tokio::time::Instant;

/// Milliseconds since the Unix epoch, counted by tokio's clock from the system's time when it was made: it never goes
/// back, and it stands still where a test pauses time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: Instant,
    millis: Millis,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), millis: u64::try_from(now.as_millis()).unwrap_or(Millis::MAX) }
    }

    pub(crate) fn now(&self) -> Millis {
        let since = self.started.elapsed();
        self.millis.saturating_add(u64::try_from(since.as_millis()).unwrap_or(Millis::MAX))
    }

    /// The moment at which the clock shows `time`; at the earliest when it was made.
    pub(crate) fn instant(&self, time: Millis) -> Instant {
        let since = std::time::Duration::from_millis(time.saturating_sub(self.millis));
        self.started.checked_add(since).unwrap_or_else(far_future)
    }
}

/// As good as never, and safe to wait for.
fn far_future() -> Instant {
    Instant::now() + std::time::Duration::from_secs(30 * 365 * 24 * 3600)
}
