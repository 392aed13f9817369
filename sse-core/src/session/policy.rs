//! How long to wait, and what to try again.

use core::time::Duration;

use alloc::vec::Vec;

/// How a [`Session`](super::Session) reconnects.
///
/// The first wait is the reconnection time itself. The second is drawn between one and two times the reconnection time,
/// the third between one and four times, and so on up to [`max_wait`](Self::max_wait). So a client never comes back
/// sooner than the server asked, and has full jitter above that. Doubling starts from at least 100 ms.
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
    /// The reconnection time until the server sets one. Default 3 s, as in browsers.
    pub reconnection_time: Duration,
    /// The longest wait after failures in a row. Default 30 s: few users wait longer. A server may ask for a longer
    /// wait, up to [`max_asked`](Self::max_asked).
    pub max_wait: Duration,
    /// How long a stream has to be open before the failures that preceded it are forgotten. Default 5 s. With zero, the
    /// wait would never grow for a server that accepts connections and drops them at once.
    pub stable_after: Duration,
    /// The longest wait that a server can ask for, by `retry` or by `Retry-After`. Default 10 min: `retry` has no upper
    /// bound in the standard, so one slip could silence a client for ever.
    pub max_asked: Duration,
    /// The statuses after which to try again. Default none: by the standard, every status but 200 ends the session. 200
    /// has no effect here.
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
    /// The default, but it tries again after the statuses of a busy or restarting server: 429, 500, 502, 503 and 504.
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

    /// The wait after a failure that `failures` others preceded in a row. For clients that don't use a
    /// [`Session`](super::Session), such as one that wraps a browser's `EventSource`.
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
