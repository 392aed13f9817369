//! The hub as the service uses it: the pure hub behind a short lock, with a clock, wakers and counters.

mod append;
mod follow;
mod open;
mod read;
mod state;
mod subscriber;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};

use crate::{
    config::Config,
    driver::shard::Inbox,
    hub::{Cursor, Epoch, GroupId, Millis, Position, Topic, TopicInfo},
    metrics::Metrics,
    store::{Store, StoreError},
};
pub(crate) use append::Publication;
pub use open::HubError;
pub(crate) use open::{options, place};
use state::State;
pub(crate) use subscriber::Subscriber;

/// A hub: the log, and those who read it. Clones are the same hub.
#[derive(Debug, Clone)]
pub struct Hub(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Config,
    metrics: Arc<Metrics>,
    store: Box<dyn Store>,
    /// Events that leave the window are still in the store.
    backed: bool,
    /// The clock is tokio's, so that it stands still when a test pauses it; this is what it began with.
    started: (Instant, Millis),
    state: Arc<Mutex<State>>,
    /// What request bodies may hold together, a permit for each byte.
    body_room: Arc<Semaphore>,
    epoch: Epoch,
    /// Told when the last stream has ended.
    empty: Notify,
    /// Told when a publish with a key has ended, whichever way.
    keys_settled: Notify,
}

type Waiting = HashMap<SubscriberId, Waker>;

/// Whom a change concerns: told when the lock is released.
#[derive(Debug, Default)]
struct Wake {
    tasks: Vec<Waiting>,
    shards: Vec<(usize, GroupId)>,
}

/// A shutdown that has begun: streams end within the window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drain {
    pub(crate) began: Instant,
    pub(crate) window: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct SubscriberId(u64);

/// Why a subscriber is turned away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Busy {
    Draining,
    Full,
    Address,
    /// Its place depends on the store, which can't be read.
    Store(StoreError),
}

/// Where a published event is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Published {
    pub(crate) position: Position,
    pub(crate) duplicate: bool,
}

/// A publish was refused whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// The key of the event at this index, or of the whole request, was used for other content.
    Conflict(Option<usize>),
    Draining,
    /// The store does not take it.
    Store(StoreError),
}

impl Hub {
    /// How the hub is configured.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn now(&self) -> Millis {
        self.millis(Instant::now())
    }

    /// The same of a moment.
    pub(crate) fn millis(&self, moment: Instant) -> Millis {
        let (instant, millis) = self.0.started;
        let since = moment.saturating_duration_since(instant);
        millis.saturating_add(u64::try_from(since.as_millis()).unwrap_or(Millis::MAX))
    }

    /// A panic elsewhere leaves the state whole: nothing in it is changed half-way by code that can panic on input.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a subscriber in, at its place.
    fn subscriber(&self, state: &mut State, cursor: Cursor, address: Option<IpAddr>) -> Subscriber {
        if let Some(address) = address {
            *state.by_address.entry(address).or_default() += 1;
        }
        state.next_id += 1;
        let id = SubscriberId(state.next_id);
        self.note_subscribers(state);
        Subscriber::new(self.clone(), id, cursor, address)
    }

    /// The sequence number of a position in this log.
    pub(crate) fn seq(&self, position: Position) -> Option<u64> {
        (position.epoch() == self.0.epoch).then_some(position.seq())
    }

    /// Drops what a topic retains through a sequence number.
    pub(crate) async fn trim_topic(&self, topic: &Topic, through: u64) -> Result<(), StoreError> {
        if self.0.backed {
            return self.0.store.trim(topic, through).await;
        }
        let mut state = self.state();
        state.hub.trim_topic(topic, through);
        state.note_log(self.metrics());
        Ok(())
    }

    /// Whether the store takes events.
    pub(crate) fn store_health(&self) -> Result<(), StoreError> {
        self.0.store.health()
    }

    /// Makes all that was published durable, and publishes nothing more.
    pub async fn close(&self) {
        let hub = self.clone();
        let closed = tokio::task::spawn_blocking(move || hub.0.store.close()).await;
        if let Ok(Err(error)) = closed {
            tracing::error!(%error, "the log was not closed in good order");
        }
    }

    /// Begins to shut down: no more publishes and subscribers, and all streams end within the window.
    pub fn drain(&self) {
        let mut state = self.state();
        if state.drain.is_none() {
            state.drain = Some(Drain { began: Instant::now(), window: self.config().server.drain });
        }
        let waiting = std::mem::take(&mut state.waiting);
        let shards = state.shards.clone();
        drop(state);
        waiting.into_values().flat_map(HashMap::into_values).for_each(Waker::wake);
        shards.iter().for_each(Inbox::drain);
    }

    /// From now on these shards are told of what their members wait for.
    pub(crate) fn attach(&self, shards: Arc<[Inbox]>) {
        self.state().shards = shards;
    }

    pub(crate) fn draining(&self) -> Option<Drain> {
        self.state().drain
    }

    /// How many streams are open.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.state().hub.subscribers().0
    }

    /// Waits until no stream is open.
    pub(crate) async fn emptied(&self) {
        loop {
            let emptied = self.0.empty.notified();
            if self.subscribers() == 0 {
                return;
            }
            emptied.await;
        }
    }

    pub(crate) fn position(&self, seq: u64) -> Position {
        Position::new(self.0.epoch, seq)
    }

    pub(crate) fn body_room(&self) -> Arc<Semaphore> {
        self.0.body_room.clone()
    }

    /// The last sequence number published.
    pub(crate) fn head(&self) -> u64 {
        self.state().hub.log().head()
    }

    pub(crate) fn topic(&self, topic: &Topic) -> Option<TopicInfo> {
        self.state().hub.topic(topic)
    }

    pub(crate) fn topics_after(&self, after: Option<&str>, count: usize) -> Vec<TopicInfo> {
        self.state().hub.topics_after(after, count)
    }

    fn note_subscribers(&self, state: &State) {
        let (subscribers, groups, nodes) = state.hub.subscribers();
        self.metrics().pattern_nodes.set(i64::try_from(nodes).unwrap_or(i64::MAX));
        self.metrics().subscribers.set(i64::try_from(subscribers).unwrap_or(i64::MAX));
        self.metrics().groups.set(i64::try_from(groups).unwrap_or(i64::MAX));
    }
}
