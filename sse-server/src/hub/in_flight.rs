//! Publishes with idempotency keys: a key is in flight from its look-up until its publish has ended, one way or the other.

use sse_engine::Millis;

use super::{AppendError, Failure, Hub, core::set, idempotency::Keys};
use crate::store::StoreError;

impl Hub {
    /// Looks up keys, and marks those that are new as in flight: `look_up` does both, and returns `None` if one of them is
    /// in flight already. Then it waits for its outcome, and looks them up again.
    pub(super) async fn begin_keyed<T>(
        &self,
        mut look_up: impl FnMut(&mut Keys, Millis) -> Result<Option<T>, AppendError>,
    ) -> Result<T, AppendError> {
        loop {
            let mut resolved = std::pin::pin!(self.0.keys_resolved.notified());
            resolved.as_mut().enable();
            let now = self.clock().date();
            if let Some(known) = self.with_keys(|keys| look_up(keys, now))?? {
                return Ok(known);
            }
            tokio::select! {
                () = resolved => {}
                stalled = self.0.store.stalled() => return Err(AppendError::Store(stalled)),
            }
        }
    }

    /// Goes on with a publish although its publisher leaves: its keys stay in flight until its outcome is known. It is not
    /// waited for while the disk does not answer.
    pub(super) async fn finish_keyed<T: Send + 'static>(
        &self,
        publish: impl Future<Output = Result<T, AppendError>> + Send + 'static,
    ) -> Result<T, AppendError> {
        let publish = tokio::spawn(publish);
        let finished = async { publish.await.unwrap_or(Err(AppendError::Store(StoreError::Closed))) };
        self.unless_stalled(finished).await
    }

    pub(super) fn with_keys<T>(&self, work: impl FnOnce(&mut Keys) -> T) -> Result<T, Failure> {
        let mut keys = self.0.keys.lock().map_err(|_| self.0.core.fail_poisoned())?;
        let done = work(&mut keys);
        set(&self.metrics().keys, keys.len());
        self.metrics().keys_evicted.inc_by(keys.take_evicted());
        Ok(done)
    }
}

/// Keys in flight. Unless they are [resolved](Self::resolve) before this is dropped, nothing was published under them: a
/// publish was refused, its task panicked, or its runtime went away. Otherwise a repeat would wait for ever.
pub(super) struct InFlight<'a, F: FnOnce(&mut Keys)> {
    hub: &'a Hub,
    failed: Option<F>,
}

impl<'a, F: FnOnce(&mut Keys)> InFlight<'a, F> {
    /// `failed` says of each of the keys that its publish failed.
    pub(super) const fn new(hub: &'a Hub, failed: F) -> Self {
        Self { hub, failed: Some(failed) }
    }

    /// Records the outcome: `done` says of each of the keys what was published under it.
    pub(super) fn resolve(mut self, done: impl FnOnce(&mut Keys, Millis)) -> Result<(), Failure> {
        self.failed = None;
        let now = self.hub.clock().date();
        self.record(|keys| done(keys, now))
    }

    /// Those who wait for the outcome look the keys up again.
    fn record(&self, outcome: impl FnOnce(&mut Keys)) -> Result<(), Failure> {
        let recorded = self.hub.with_keys(outcome);
        self.hub.0.keys_resolved.notify_waiters();
        recorded
    }
}

impl<F: FnOnce(&mut Keys)> Drop for InFlight<'_, F> {
    fn drop(&mut self) {
        if let Some(failed) = self.failed.take() {
            let _ = self.record(failed); // a hub that has failed refuses the repeats itself
        }
    }
}
