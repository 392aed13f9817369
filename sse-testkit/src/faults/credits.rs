//! A slow reader's account.

use std::sync::Arc;

use tokio::sync::watch;

/// How many bytes a slow reader takes. Clones are the same account.
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
    /// So many bytes.
    ///
    /// ```
    /// assert_eq!(sse_testkit::faults::Credits::new(7).left(), 7);
    /// ```
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(watch::Sender::new(bytes)))
    }

    /// So many bytes more.
    ///
    /// ```
    /// # let credits = sse_testkit::faults::Credits::new(7);
    /// credits.grant(3);
    /// assert_eq!(credits.left(), 10);
    /// ```
    pub fn grant(&self, bytes: usize) {
        self.0.send_modify(|left| *left = left.saturating_add(bytes));
    }

    /// Uses up to so many, as far as there are any.
    pub(super) fn take(&self, bytes: usize) -> usize {
        let mut taken = 0;
        self.0.send_if_modified(|left| {
            taken = bytes.min(*left);
            *left -= taken;
            false // there are fewer: no reader waits for that
        });
        taken
    }

    /// Until there are some. A reader that waits holds none of them: it may not be read again.
    pub(super) async fn some(self) {
        // the sender is in `self`
        let _ = self.0.subscribe().wait_for(|left| *left > 0).await;
    }

    /// How many bytes may pass before the reader waits.
    ///
    /// ```
    /// assert_eq!(sse_testkit::faults::Credits::new(7).left(), 7);
    /// ```
    #[must_use]
    pub fn left(&self) -> usize {
        *self.0.borrow()
    }
}
