//! How long to wait, and what to try again.

use core::time::Duration;

use alloc::vec::Vec;

/// How a [`Session`](super::Session) reconnects.
///
/// The first wait is the reconnection time itself, the second is drawn between it and twice it, the third between it and
/// four times it, and so on up to [`max_wait`](Self::max_wait): never sooner than the server asked, and with full jitter
/// above that. For this, a reconnection time below 100 ms is doubled from 100 ms.
///
/// ```
/// use core::time::Duration;
/// use sse_core::session::Policy;
///
/// let mut policy = Policy::patient(); // or `default`; then set what is to differ
/// policy.max_wait = Duration::from_secs(60);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// The reconnection time until the server gives one. Default 3 s, as browsers have it.
    pub reconnection_time: Duration,
    /// The longest wait that failures in a row lead to. Default 30 s: a user waits no longer. A server that asks for
    /// more gets more, up to [`max_asked`](Self::max_asked).
    pub max_wait: Duration,
    /// Once a stream has been open for this long, the failures before it are forgotten. Default 5 s. With zero, a
    /// server that accepts and drops at once would be asked again and again without a longer wait.
    pub stable_after: Duration,
    /// The longest wait that a server can ask for, by `retry` or by `Retry-After`. Default 10 min: `retry` has no upper
    /// bound in the standard, so one slip could silence a client for ever.
    pub max_asked: Duration,
    /// Statuses after which to try again. Default none: by the standard, all but 200 end it. 200 itself has no effect
    /// here.
    pub retry_statuses: Vec<u16>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            reconnection_time: Duration::from_secs(3),
            max_wait: Duration::from_secs(30),
            stable_after: Duration::from_secs(5),
            max_asked: Duration::from_secs(600),
            retry_statuses: Vec::new(),
        }
    }
}

impl Policy {
    /// The default, but trying again after what a busy or restarting server says: 429, 500, 502, 503 and 504.
    #[must_use]
    pub fn patient() -> Self {
        Self { retry_statuses: [429, 500, 502, 503, 504].to_vec(), ..Self::default() }
    }

    pub(super) fn retries(&self, status: u16) -> bool {
        self.retry_statuses.contains(&status)
    }

    pub(super) fn is_stable(&self, open_for: Duration) -> bool {
        open_for >= self.stable_after
    }

    /// The wait after so many failures in a row, not counting the one that has just happened. For clients that don't
    /// live by a [`Session`](super::Session), such as one that wraps a browser's own.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::session::Policy;
    ///
    /// let (policy, asked) = (Policy::default(), Duration::from_secs(2));
    /// assert_eq!(policy.wait(asked, 0, u64::MAX), asked);
    /// assert_eq!(policy.wait(asked, 1, u64::MAX).as_millis(), 3_999); // drawn between 2 and 4 s
    /// ```
    #[must_use]
    pub fn wait(&self, reconnection_time: Duration, failures: u32, entropy: u64) -> Duration {
        let doubled = reconnection_time.max(Duration::from_millis(100)).saturating_mul(1 << failures.min(20));
        let span = doubled.min(self.max_wait).saturating_sub(reconnection_time);
        if failures == 0 {
            return reconnection_time;
        }
        // entropy / 2^64 of the span, in whole microseconds
        let micros = (span.as_micros().min(u128::from(u64::MAX)) * u128::from(entropy)) >> 64;
        reconnection_time.saturating_add(Duration::from_micros(micros as u64))
    }
}
