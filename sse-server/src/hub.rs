//! The hub: the engine behind a short lock, its store, and who waits for it.

mod core;

mod idempotency;

mod append;
mod publish;

mod subscribe;
mod subscriber;

mod follow;
mod open;
mod waiters;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use sse_engine::{DrainReason, Position, Surroundings, Timing, Topic, TopicInfo};
use tokio::sync::{Notify, Semaphore};

use crate::{
    base::{clock::Clock, lock::Lock, random},
    config::Config,
    metrics::Metrics,
    store::{Store, StoreError},
};
pub(crate) use append::{AppendError, Publication, Published};
pub(crate) use core::Drain;
use core::{Core, Failure};
use idempotency::Keys;
pub use open::HubError;
pub use publish::PublishError;
pub use subscribe::SubscribeError;
pub(crate) use subscriber::{Subscriber, Wakes};
pub(crate) use waiters::{ReadyGroup, Waiters};

/// A hub: the log, and those who read it. Clones are the same hub.
#[derive(Debug, Clone)]
pub struct Hub(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Config,
    timing: Timing,
    core: Arc<Core>,
    store: Box<dyn Store>,
    /// Events that leave the window are still in the store.
    backed: bool,
    keys: Lock<Keys>,
    /// Told when a publish with a key has ended, whichever way.
    keys_settled: Notify,
    /// What request bodies may hold together, a permit for each byte.
    body_room: Arc<Semaphore>,
}

impl Hub {
    /// How the hub is configured.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.core.metrics
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.core.clock
    }

    /// Begins to shut down: no more publishes and subscribers, and all streams end within the window.
    pub fn drain(&self) {
        self.0.core.drain(self.config().server.drain, DrainReason::Shutdown);
    }

    pub(crate) fn draining(&self) -> Option<Drain> {
        self.0.core.draining()
    }

    /// Why the hub can't go on, if it can't: it has begun to shut down then.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.0.core.failure()
    }

    /// Waits until the hub can't go on.
    pub(crate) async fn failed(&self) -> Failure {
        self.0.core.failed().await
    }

    /// Makes all that was published durable, and publishes nothing more.
    pub async fn close(&self) {
        let hub = self.clone();
        let closed = tokio::task::spawn_blocking(move || hub.0.store.close()).await;
        if let Ok(Err(error)) = closed {
            tracing::error!(%error, "the log was not closed in good order");
        }
    }

    /// From now on these are told of what their members wait for.
    pub(crate) fn attach(&self, waiters: Arc<dyn Waiters>) {
        self.0.core.attach(waiters);
    }

    /// How many streams are open.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.0.core.streams()
    }

    /// Waits until no stream is open.
    pub(crate) async fn emptied(&self) {
        self.0.core.emptied().await;
    }

    /// Whether the store takes events.
    pub(crate) fn store_health(&self) -> Result<(), StoreError> {
        self.0.store.health().inspect_err(|error| self.0.core.note_error(error))
    }

    /// The sequence number of a position in this log.
    pub(crate) fn seq(&self, position: Position) -> Option<u64> {
        (position.epoch() == self.0.core.epoch).then_some(position.seq())
    }

    pub(crate) fn body_room(&self) -> Arc<Semaphore> {
        self.0.body_room.clone()
    }

    pub(crate) fn topic(&self, topic: &Topic) -> Result<Option<TopicInfo>, Failure> {
        Ok(self.0.core.state()?.engine.topic(topic))
    }

    pub(crate) fn topics_after(&self, after: Option<&str>, count: usize) -> Result<Vec<TopicInfo>, Failure> {
        Ok(self.0.core.state()?.engine.topics_after(after, count))
    }
}

impl Surroundings for Hub {
    fn head(&self) -> u64 {
        self.0.core.head()
    }

    fn position(&self, seq: u64) -> Position {
        Position::new(self.0.core.epoch, seq)
    }

    fn timing(&self) -> &Timing {
        &self.0.timing
    }

    fn random(&self) -> u32 {
        random::number()
    }
}
