//! The credit of a slow reader.

use std::sync::Arc;

use tokio::sync::watch;

/// The number of bytes that a slow reader takes. Clones share one account.
///
/// ```
/// use sse_testkit::{Faults, faults::Credits};
/// let credits = Credits::new(0);
/// let faults = Faults::none().credits(&credits);
/// credits.grant(100);
/// assert_eq!(credits.left(), 100);
/// ```
#[derive(Debug, Clone)]
pub struct Credits(Arc<watch::Sender<usize>>);

impl Credits {
    /// An account of `bytes` bytes.
    ///
    /// ```
    /// assert_eq!(sse_testkit::faults::Credits::new(7).left(), 7);
    /// ```
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(watch::Sender::new(bytes)))
    }

    /// Adds `bytes` bytes.
    ///
    /// ```
    /// # let credits = sse_testkit::faults::Credits::new(7);
    /// credits.grant(3);
    /// assert_eq!(credits.left(), 10);
    /// ```
    pub fn grant(&self, bytes: usize) {
        self.0.send_modify(|left| *left = left.saturating_add(bytes));
    }

    /// Takes up to `bytes` bytes, and returns how many there were.
    pub(super) fn take(&self, bytes: usize) -> usize {
        let mut taken = 0;
        self.0.send_if_modified(|left| {
            taken = bytes.min(*left);
            *left -= taken;
            false // no reader waits for less credit
        });
        taken
    }

    /// Waits until there is credit. A reader that waits holds none, since it may never be polled again.
    pub(super) async fn some(self) {
        // the sender is in `self`
        let _ = self.0.subscribe().wait_for(|left| *left > 0).await;
    }

    /// The number of bytes that may pass before the reader waits.
    ///
    /// ```
    /// assert_eq!(sse_testkit::faults::Credits::new(7).left(), 7);
    /// ```
    #[must_use]
    pub fn left(&self) -> usize {
        *self.0.borrow()
    }
}
