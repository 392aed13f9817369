//! The hub: the engine behind a short lock, its store, and those who wait for events.

mod core;
mod state;
mod work;

mod idempotency;
mod in_flight;
mod limits;
mod recent_keys;
mod uploads;

mod append;
mod append_error;
mod append_upload;
mod publish;
mod publish_error;
mod target;
mod trim;

mod read;
mod subscribe;
mod subscriber;

mod access;
mod granted;
mod rates;
mod tickets;

mod follow;
mod open;
mod waiters;

#[cfg(test)]
pub(crate) mod tests;

use std::{sync::Arc, time::Duration};

use sse_engine::{DrainReason, Position, Surroundings, Timing, Topic, TopicInfo};
use tokio::sync::{Notify, Semaphore, futures::OwnedNotified};

use crate::{
    base::{clock::Clock, lock::Lock, pinned::Pinned, random, turn},
    config::Config,
    metrics::Metrics,
    store::{Store, StoreError},
};
pub(crate) use access::{Access, Decided, NotRenewed, Shown};
pub(crate) use append::{Publication, Published};
pub(crate) use append_error::AppendError;
pub(crate) use append_upload::{KeyedUpload, UploadPublished};
use core::Core;
pub(crate) use core::Draining;
pub(crate) use core::Failure;
pub(crate) use granted::GrantedStream;
use idempotency::Keys;
pub use open::HubError;
pub use publish_error::PublishError;
pub(crate) use rates::{Amount, Publishing, Rates};
pub(crate) use read::Waiter;
pub use subscribe::SubscribeError;
pub(crate) use subscribe::Subscribed;
pub(crate) use subscriber::Subscriber;
pub use target::Target;
pub(crate) use waiters::{ReadyGroup, Waiters};

/// How long the log may take to close after the end of the drain window.
const AFTER_DRAIN: Duration = Duration::from_secs(1);

/// A hub: a log and its subscribers. Clones refer to the same hub.
#[derive(Debug, Clone)]
pub struct Hub(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Config,
    timing: Timing,
    core: Arc<Core>,
    store: Box<dyn Store>,
    /// Whether events that leave the window are still in the store.
    backed: bool,
    keys: Lock<Keys>,
    /// Notified when a publish with a key has ended, successfully or not.
    keys_resolved: Notify,
    /// The memory for request bodies, a permit for each byte.
    body_room: Arc<Semaphore>,
    /// The turns of large request bodies.
    body_turns: Arc<Semaphore>,
    /// The bytes kept for clients that have not taken them.
    pinned: Pinned,
    /// Unless everybody may do everything.
    access: Option<Access>,
    rates: Rates,
}

impl Hub {
    /// The hub's configuration.
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

    /// Starts to shut down: the hub accepts no more publishes and subscribers, and all streams end within the drain
    /// window.
    pub fn drain(&self) {
        self.0.core.drain(self.config().server.drain, DrainReason::Shutdown);
    }

    pub(crate) fn draining(&self) -> Option<Draining> {
        self.0.core.draining()
    }

    /// Completes when a shutdown starts, if it has not started yet. It is for those whom nothing else wakes.
    pub(crate) fn drain_begins(&self) -> OwnedNotified {
        self.0.core.drain_begins()
    }

    /// The failure of the hub, if it has failed and is shutting down.
    ///
    /// A panic under one of the hub's locks is a failure, whether or not anyone has taken the lock since. Nothing is
    /// waited for.
    pub(crate) fn failure(&self) -> Option<Failure> {
        if self.0.core.failure().is_none() {
            self.0.core.check();
            if self.0.keys.is_poisoned() {
                self.0.core.fail_poisoned();
            }
        }
        self.0.core.failure()
    }

    /// Waits until the hub fails.
    pub(crate) async fn failed(&self) -> Failure {
        self.0.core.failed().await
    }

    /// Flushes everything published to durable storage, and publishes nothing more.
    ///
    /// It does not wait for a disk that does not answer, and once the hub [drains](Self::drain) for no longer than a second
    /// after the end of the drain window.
    pub async fn close(&self) {
        let hub = self.clone();
        let within = self.draining().map_or(Duration::MAX, |drain| {
            let over = Duration::from_millis(self.clock().now().saturating_sub(drain.began));
            drain.window.saturating_sub(over) + AFTER_DRAIN
        });
        let closed = tokio::task::spawn_blocking(move || hub.0.store.close(within)).await;
        if let Ok(Err(error)) = closed {
            tracing::error!(%error, "the log was not closed in good order");
        }
    }

    /// Registers `waiters`, to be woken when their members' groups match an event.
    pub(crate) fn attach(&self, waiters: Arc<dyn Waiters>) {
        self.0.core.attach(waiters);
    }

    /// The number of open streams.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.0.core.streams()
    }

    /// Waits until all streams have ended.
    pub(crate) async fn emptied(&self) {
        self.0.core.emptied().await;
    }

    /// Waits until no publisher waits for the store.
    pub(crate) async fn answered(&self) {
        self.0.core.answered().await;
    }

    /// Fails the hub because the loop that accepts connections is gone.
    pub(crate) fn acceptor_gone(&self) {
        self.0.core.acceptor_gone();
    }

    /// Fails the hub because a thread that carries streams is gone.
    pub(crate) fn shard_gone(&self) {
        self.0.core.shard_gone();
    }

    /// Returns an error if the store does not accept events at the moment.
    pub(crate) fn store_health(&self) -> Result<(), StoreError> {
        self.fail_if_gone(self.0.store.health())
    }

    /// Sets the metrics that tell of the store.
    pub(crate) fn note_store(&self) {
        let metrics = self.metrics();
        metrics.store_up.set(i64::from(self.store_health().is_ok()));
        core::set(&metrics.damaged, self.0.store.damaged());
    }

    /// Returns the result of something that the store did. A store that is gone takes the hub along.
    fn fail_if_gone<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        result.inspect_err(|error| self.0.core.fail_if_gone(error))
    }

    /// The sequence number of `position`, if it is of this log.
    pub(crate) fn seq(&self, position: Position) -> Option<u64> {
        (position.epoch() == self.0.core.epoch).then_some(position.seq())
    }

    /// How much each publisher may publish.
    pub(crate) fn rates(&self) -> &Rates {
        &self.0.rates
    }

    pub(crate) fn body_room(&self) -> Arc<Semaphore> {
        self.0.body_room.clone()
    }

    /// A permit for each body that may go on now, of those that take turns.
    pub(crate) fn body_turns(&self) -> Arc<Semaphore> {
        self.0.body_turns.clone()
    }

    pub(crate) fn pinned(&self) -> &Pinned {
        &self.0.pinned
    }

    /// Those of `topics` to which nothing was published yet, as far as that is remembered.
    pub(crate) fn new_of<'a>(&self, mut topics: Vec<&'a Topic>) -> Result<Vec<&'a Topic>, Failure> {
        let state = self.0.core.state()?;
        topics.retain(|topic| !state.engine.knows(topic));
        Ok(topics)
    }

    pub(crate) fn topic(&self, topic: &Topic) -> Result<Option<TopicInfo>, Failure> {
        Ok(self.0.core.state()?.engine.topic(topic))
    }

    /// Up to `count` topics after `after`, ordered by name.
    pub(crate) async fn topics_after(&self, after: Option<&str>, count: usize) -> Result<Vec<TopicInfo>, Failure> {
        let (mut names, mut on) = self.0.core.state()?.engine.names_after(after, count);
        while let Some(after) = on.take() {
            turn::of_others().await;
            let more = self.0.core.state()?.engine.names_after(Some(after.as_str()), count - names.len());
            names.extend(more.0);
            on = more.1;
        }
        let mut infos = Vec::with_capacity(names.len());
        let mut names = names.iter();
        while self.0.core.state()?.engine.topics(&mut names, &mut infos) {
            turn::of_others().await;
        }
        Ok(infos)
    }
}

impl Surroundings for Hub {
    fn shown(&self) -> u64 {
        self.0.core.shown()
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
