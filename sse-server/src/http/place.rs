//! Places for large responses on a connection that has many requests at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of one connection. They are in its requests' extensions.
#[derive(Debug, Clone)]
pub(crate) struct Places(Arc<Semaphore>);

/// A place, until this is dropped.
#[derive(Debug)]
pub(crate) struct Place(#[allow(dead_code, reason = "it is held")] OwnedSemaphorePermit);

impl Places {
    pub(crate) fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count)))
    }

    /// Waits for a place.
    pub(in crate::http) async fn take(&self) -> Option<Place> {
        self.0.clone().acquire_owned().await.ok().map(Place)
    }
}
