//! How a hub comes to be: its store is opened, and its window filled with what the store has last.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};

use super::{Hub, Shared, follow::Following, state::State};
use crate::{
    config::{self, Config, ConfigError, StoreKind},
    hub::{Behind, Bounds, Millis},
    keys::Keys,
    metrics::Metrics,
    store::{
        Outline, Store, StoreError,
        memory::Memory,
        redb::{self, Bound, Durability, Options, Place, Redb, Retention},
    },
};

/// How long after a failure the log's file is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Why there is no hub.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// A value of the configuration is not allowed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The system gives no random numbers to name a log with.
    #[error("can't name a log: {0}")]
    Random(#[source] io::Error),
    /// The log on disk can't be opened: the text names the file and says what to do.
    #[error("can't open the log: {0}")]
    Store(String),
}

impl From<HubError> for io::Error {
    fn from(error: HubError) -> Self {
        Self::other(error)
    }
}

impl Hub {
    /// A hub with the log that `store` of the configuration names: with [`StoreKind::Redb`] the one in its directory,
    /// which is made if there is none; with [`StoreKind::Memory`] a new one. It blocks while a log on disk is opened.
    ///
    /// # Errors
    ///
    /// [`HubError`].
    pub fn new(config: Config) -> Result<Self, HubError> {
        config.check()?;
        let backed = config.store.kind == StoreKind::Redb;
        let store: Box<dyn Store> = match config.store.kind {
            StoreKind::Memory => Box::new(Memory::new(0).map_err(HubError::Random)?),
            StoreKind::Redb => {
                let opened = Redb::open(place(&config), options(&config));
                Box::new(opened.map_err(|error| HubError::Store(error.to_string()))?)
            }
        };
        Self::with(config, store, backed)
    }

    /// A hub with a store. `backed`: events that leave the hub's window are still in the store.
    pub(crate) fn with(config: Config, store: Box<dyn Store>, backed: bool) -> Result<Self, HubError> {
        let outline = store.outline();
        let epoch = outline.epoch;
        let mut state = State {
            hub: crate::hub::Hub::new(epoch, bounds(&config)),
            keys: Keys::new(config.publish.keys, config.publish.key_window),
            waiting: HashMap::new(),
            armed: Vec::new(),
            shards: [].into(),
            next_id: 0,
            by_address: HashMap::new(),
            drain: None,
            matched: Vec::new(),
        };
        if backed {
            restore(&mut state, outline);
        }
        let window = (config.window.events, config.window.bytes);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let hub = Self(Arc::new(Shared {
            metrics: Arc::new(Metrics::new()),
            store,
            backed,
            started: (Instant::now(), u64::try_from(now.as_millis()).unwrap_or(Millis::MAX)),
            state: Arc::new(Mutex::new(state)),
            empty: Notify::new(),
            keys_settled: Notify::new(),
            body_room: Arc::new(Semaphore::new(config.publish.max_bytes_in_flight)),
            epoch,
            config,
        }));
        let follow = || -> Result<(), StoreError> {
            let after = hub.0.store.tail(window.0, window.1)?;
            let (state, metrics) = (hub.0.state.clone(), hub.0.metrics.clone());
            hub.0.store.follow(after, Arc::new(Following { state, metrics }))
        };
        follow().map_err(|error| HubError::Store(error.to_string()))?;
        Ok(hub)
    }
}

fn restore(state: &mut State, outline: Outline) {
    let Outline { head, holes, topics, floor, keys, .. } = outline;
    state.hub.behind(Behind { head, holes, floor });
    for record in topics {
        state.hub.restore(&record.topic, record.retained, record.trimmed);
    }
    for key in keys {
        state.keys.remember(key.key, key.content, key.seqs, key.time);
    }
}

fn bounds(config: &Config) -> Bounds {
    Bounds {
        events: config.window.events,
        bytes: config.window.bytes,
        topics: config.window.topics,
        groups: config.limits.groups,
        nodes: config.limits.pattern_nodes,
        lag: config.stream.lag_time,
        lag_bytes: config.stream.lag_bytes,
        lag_policy: config.stream.lag.policy(),
    }
}

pub(crate) fn place(config: &Config) -> Place {
    Place::new(config.store.path.clone(), config.store.cache)
}

pub(crate) fn options(config: &Config) -> Options {
    let store = &config.store;
    let bound = |events: usize, bytes: usize, age| Bound { events: events as u64, bytes: bytes as u64, age };
    Options {
        durability: match store.durability {
            config::Durability::Always => Durability::Always,
            config::Durability::Interval => Durability::Interval(store.sync_interval),
            config::Durability::None => Durability::None,
        },
        retention: Retention {
            most: bound(store.events, store.bytes, store.age),
            topics: config.window.topics,
            rules: store
                .retention
                .iter()
                .map(|rule| redb::Rule {
                    selector: rule.selector.clone(),
                    most: bound(rule.events, rule.bytes, rule.age),
                    last_only: rule.last_only,
                })
                .collect(),
        },
        keys: config.publish.keys,
        key_window: config.publish.key_window,
        retry: RETRY,
    }
}
