//! Opening a hub: the store is opened, and the window filled with its last events.

use std::{io, sync::Arc};

use sse_engine::{Bounds, Engine, StoredHead, Timing};
use tokio::sync::{Notify, Semaphore};

use super::{
    Access, Hub, Rates, Shared, access::Authority, core::Core, follow::Following, idempotency::Keys, tickets::Tickets,
};
use crate::{
    auth::Authorizer,
    base::{lock::Lock, pinned::Pinned},
    config::{Config, ConfigError, StoreKind},
    store::{Store, StoreError, StoreFailure, memory::Memory},
};

/// A log that is this far ahead of the clock was written with a wrong one, in milliseconds.
const FAR_AHEAD: u64 = 60_000;

/// How many large request bodies go on at a time.
const BODY_TURNS: usize = 2;

/// Why a hub can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// A value in the configuration is not allowed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The system provides no randomness for the epoch of a log.
    #[error("can't name a log: {0}")]
    Random(#[source] io::Error),
    /// The log can't be opened.
    #[error("can't open the log: {0}")]
    Store(#[source] StoreFailure),
    /// What decides on access can't be had.
    #[error("can't control access: {0}")]
    Access(String),
}

impl From<HubError> for io::Error {
    fn from(error: HubError) -> Self {
        Self::other(error)
    }
}

impl Hub {
    /// Opens a hub with the log that `config.store` names: with [`StoreKind::Redb`] the one in its directory, which is
    /// created if it does not exist; with [`StoreKind::Memory`] a new one. It blocks while a log on disk is opened.
    ///
    /// # Errors
    ///
    /// [`HubError`].
    pub fn new(config: Config) -> Result<Self, HubError> {
        config.check_values()?; // before a file that it names is read
        let access = Authority::of(&config).map_err(HubError::Access)?;
        Self::open(config, access)
    }

    /// Opens a hub with the log that `config.store` names, and `authorizer` to decide who may publish and subscribe, whatever
    /// `config.auth.mode` says.
    ///
    /// # Errors
    ///
    /// [`HubError`].
    pub fn with_authorizer(config: Config, authorizer: impl Authorizer) -> Result<Self, HubError> {
        config.check_values()?;
        let access = Authority::by(Arc::new(authorizer));
        Self::open(config, Some(access))
    }

    /// Opens a hub with a checked configuration.
    fn open(config: Config, access: Option<Authority>) -> Result<Self, HubError> {
        let backed = config.store.kind == StoreKind::Redb;
        let store: Box<dyn Store> = match config.store.kind {
            StoreKind::Memory => Box::new(Memory::new(0).map_err(HubError::Random)?),
            StoreKind::Redb => on_disk(&config)?,
        };
        Self::with(config, store, backed, access)
    }

    /// Opens a hub with `store`. `backed` says that events that leave the hub's window are still in the store.
    pub(crate) fn with(
        config: Config,
        store: Box<dyn Store>,
        backed: bool,
        access: Option<Authority>,
    ) -> Result<Self, HubError> {
        let access = match access {
            Some(authority) => {
                let tickets = Tickets::open(&config).map_err(HubError::Access)?;
                Some(Access::new(authority, tickets, &config.auth))
            }
            None => None,
        };
        let snapshot = store.snapshot();
        let head_at_open = snapshot.head;
        let mut engine = Engine::new(snapshot.epoch, bounds(&config));
        let mut keys = Keys::new(config.publish.keys, config.publish.key_window);
        if backed {
            let (floor, private_floor) = (snapshot.floor, snapshot.private_floor);
            engine.back_by_store(StoredHead { head: head_at_open, holes: snapshot.holes, floor, private_floor });
            snapshot.topics.iter().for_each(|stored| engine.restore(stored));
            engine.restored();
            snapshot.keys.into_iter().for_each(|key| keys.remember(key));
        }
        let core = Arc::new(Core::new(engine));
        let ahead = snapshot.time.saturating_sub(core.clock.now());
        core.clock.reach(snapshot.time);
        if ahead > FAR_AHEAD {
            let ahead_s = ahead / 1000;
            tracing::warn!(
                ahead_s,
                "the log's last event is dated ahead of the clock; new ones are dated after it, until the clock has caught up"
            );
        }
        let follow = || -> Result<(), StoreError> {
            let after = store.tail(config.window.events, config.window.bytes)?;
            store.follow(after, Arc::new(Following::new(core.clone(), head_at_open)))
        };
        follow().map_err(|error| HubError::Store(error.into()))?;
        let timing =
            Timing { heartbeat: config.stream.heartbeat, retry: config.stream.retry, max_age: config.stream.max_age };
        Ok(Self(Arc::new(Shared {
            timing,
            pinned: Pinned::new(core.metrics.pinned.clone(), config.limits.pinned_bytes),
            core,
            store,
            backed,
            keys: Lock::new(keys),
            keys_resolved: Notify::new(),
            body_room: Arc::new(Semaphore::new(config.publish.max_bytes_in_flight)),
            body_turns: Arc::new(Semaphore::new(BODY_TURNS)),
            access,
            rates: Rates::new(&config.limits),
            config,
        })))
    }
}

#[cfg(feature = "redb")]
fn on_disk(config: &Config) -> Result<Box<dyn Store>, HubError> {
    match crate::store::redb::Redb::open((&config.store).into(), config.into()) {
        Ok(store) => Ok(Box::new(store)),
        Err(error) => Err(HubError::Store(error.into())),
    }
}

#[cfg(not(feature = "redb"))]
fn on_disk(_: &Config) -> Result<Box<dyn Store>, HubError> {
    let why =
        "this program is built without the feature `redb`, which a log on disk needs; set store.kind = \"memory\"";
    Err(HubError::Store(StoreFailure::new(crate::store::Cause::Other, why)))
}

fn bounds(config: &Config) -> Bounds {
    Bounds {
        events: config.window.events,
        bytes: config.window.bytes,
        topics: config.window.topics,
        groups: config.limits.groups,
        selector_bytes: config.limits.selector_bytes,
        nodes: config.limits.pattern_nodes,
        lag: config.stream.lag_time,
        lag_bytes: config.stream.lag_bytes,
        lag_policy: config.stream.lag.policy(),
    }
}
