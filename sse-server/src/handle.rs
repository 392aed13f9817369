//! The hub as the service uses it: the pure hub behind a short lock, with a clock, wakers and counters.

mod state;
mod subscriber;

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    io,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};

use crate::{
    config::Config,
    driver::shard::{self, Inbox},
    hub::{Bounds, Draft, Epoch, GroupId, Millis, Opening, Position, Selectors, Start, Topic, TopicInfo},
    keys::{Fingerprint, Key, Keys},
    metrics::Metrics,
    store::memory::Memory,
};
use state::State;
pub(crate) use subscriber::Subscriber;

/// A hub: the log, and those who read it. Clones are the same hub.
#[derive(Debug, Clone)]
pub struct Hub(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Config,
    metrics: Metrics,
    hashers: (RandomState, RandomState),
    /// The clock is tokio's, so that it stands still when a test pauses it; this is what it began with.
    started: (Instant, Millis),
    state: Mutex<State>,
    /// What request bodies may hold together, a permit for each byte.
    body_room: Arc<Semaphore>,
    epoch: Epoch,
    /// Told when the last stream has ended.
    empty: Notify,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Busy {
    Draining,
    Full,
    Address,
}

/// An event to publish, with what makes it the same as an earlier one.
#[derive(Debug)]
pub(crate) struct Keyed {
    pub(crate) draft: Draft,
    pub(crate) key: Option<(Key, Fingerprint)>,
}

/// Where a published event is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Published {
    pub(crate) position: Position,
    pub(crate) duplicate: bool,
}

/// A publish was refused whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// The key of the event at this index, or of the whole request, was used for other content.
    Conflict(Option<usize>),
    Draining,
}

impl Hub {
    /// A new hub with an empty log.
    ///
    /// # Errors
    ///
    /// If a value of the configuration is not allowed, or the system gives no random numbers to name the log with.
    pub fn new(config: Config) -> io::Result<Self> {
        config.check().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let bounds = Bounds {
            events: config.log.events,
            bytes: config.log.bytes,
            topics: config.log.topics,
            groups: config.limits.groups,
            nodes: config.limits.pattern_nodes,
            lag: config.stream.lag_time,
            lag_bytes: config.stream.lag_bytes,
            lag_policy: config.stream.lag.policy(),
        };
        let epoch = Memory::epoch()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self(Arc::new(Shared {
            metrics: Metrics::new(),
            hashers: (RandomState::new(), RandomState::new()),
            started: (Instant::now(), u64::try_from(now.as_millis()).unwrap_or(Millis::MAX)),
            state: Mutex::new(State {
                hub: crate::hub::Hub::new(epoch, bounds),
                store: Memory::new(),
                keys: Keys::new(config.publish.keys, config.publish.key_window),
                waiting: HashMap::new(),
                armed: Vec::new(),
                shards: [].into(),
                next_id: 0,
                by_address: HashMap::new(),
                drain: None,
                matched: Vec::new(),
            }),
            empty: Notify::new(),
            body_room: Arc::new(Semaphore::new(config.publish.max_bytes_in_flight)),
            epoch,
            config,
        })))
    }

    /// How the hub is configured.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// What stands for this content while the hub lives, under two secret keys: publishers can't make two contents look
    /// the same.
    pub(crate) fn fingerprint(&self, content: &impl Hash) -> Fingerprint {
        let (one, other) = &self.0.hashers;
        Fingerprint::new(one.hash_one(content), other.hash_one(content))
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

    /// Appends all events, or none; a repeated one is found by its key.
    pub(crate) fn append(&self, events: Vec<Keyed>) -> Result<Vec<Published>, Rejected> {
        self.change(|state, now, wake| state.publish(events, now, wake))
    }

    /// Appends all events, or none; a repeat of the whole request is found by its key.
    pub(crate) fn append_request(
        &self,
        drafts: &[Draft],
        key: Key,
        content: Fingerprint,
    ) -> Result<Vec<Published>, Rejected> {
        self.change(|state, now, wake| state.publish_request(drafts, key, content, now, wake))
    }

    /// Publishes under the lock, and wakes whom it concerns after it.
    fn change(
        &self,
        publish: impl FnOnce(&mut State, Millis, &mut Wake) -> Result<Vec<Published>, Rejected>,
    ) -> Result<Vec<Published>, Rejected> {
        let now = self.now();
        let mut wake = Wake::default();
        let mut state = self.state();
        if state.drain.is_some() {
            return Err(Rejected::Draining);
        }
        let published = publish(&mut state, now, &mut wake);
        self.note_log(&state);
        let shards = state.shards.clone();
        drop(state);
        wake.tasks.into_iter().flat_map(HashMap::into_values).for_each(Waker::wake);
        shard::ready(&shards, &mut wake.shards);
        let published = published?;
        let duplicates = published.iter().filter(|event| event.duplicate).count() as u64;
        self.metrics().duplicates.inc_by(duplicates);
        self.metrics().published.inc_by(published.len() as u64 - duplicates);
        Ok(published)
    }

    /// Adds a subscriber, counted with its address.
    pub(crate) fn subscribe(
        &self,
        selectors: Selectors,
        start: &Start,
        address: Option<IpAddr>,
    ) -> Result<(Subscriber, Opening), Busy> {
        let mut state = self.state();
        if state.drain.is_some() {
            return Err(Busy::Draining);
        }
        let limit = self.config().limits.per_address;
        let standing = address.and_then(|address| state.by_address.get(&address)).copied().unwrap_or(0);
        if limit > 0 && standing >= limit {
            return Err(Busy::Address);
        }
        // over HTTP/2 one connection has many
        if state.hub.subscribers().0 >= self.config().limits.connections {
            return Err(Busy::Full);
        }
        let (cursor, opening) = state.hub.subscribe(selectors, start).map_err(|_| Busy::Full)?;
        if let Some(address) = address {
            *state.by_address.entry(address).or_default() += 1;
        }
        state.next_id += 1;
        let id = SubscriberId(state.next_id);
        self.note_subscribers(&state);
        drop(state);
        if let Some(gap) = &opening.gap {
            self.metrics().gap(gap.reason);
        }
        Ok((Subscriber::new(self.clone(), id, cursor, address), opening))
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
        Position { epoch: self.0.epoch, seq }
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

    fn note_log(&self, state: &State) {
        let (events, bytes, topics) = state.hub.log().size();
        let set = |gauge: &prometheus_client::metrics::gauge::Gauge, value: usize| {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        set(&self.metrics().log_events, events);
        set(&self.metrics().log_bytes, bytes);
        set(&self.metrics().topics, topics);
        set(&self.metrics().keys, state.keys.len());
    }

    fn note_subscribers(&self, state: &State) {
        let (subscribers, groups, nodes) = state.hub.subscribers();
        self.metrics().pattern_nodes.set(i64::try_from(nodes).unwrap_or(i64::MAX));
        self.metrics().subscribers.set(i64::try_from(subscribers).unwrap_or(i64::MAX));
        self.metrics().groups.set(i64::try_from(groups).unwrap_or(i64::MAX));
    }
}
