//! What can be set, with its defaults and their reasons.

mod keys;
mod load;
mod print;
mod retention;
mod setting;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

pub use load::{ConfigError, Source};

use setting::{Field, Visitor, choices, lines};
use sse_engine::{LagPolicy, Selector};

/// How many threads may carry streams: as many as there are bits for where they are told apart.
pub(crate) const MAX_SHARDS: usize = 64;

choices! {
    /// What a subscriber that fell too far behind gets.
    pub enum Lag { Disconnect = "disconnect", Gap = "gap" }
}

choices! {
    /// How a new stream is turned away when the hub is full or draining.
    pub enum Overload { Retry = "retry", Status = "status" }
}

choices! {
    /// Where the log is kept.
    pub enum StoreKind { Redb = "redb", Memory = "memory" }
}

choices! {
    /// When an event that was published is on the disk.
    pub enum Durability { Interval = "interval", Always = "always", None = "none" }
}

choices! {
    /// How log lines look.
    pub enum LogFormat { Auto = "auto", Text = "text", Json = "json" }
}

/// Everything that can be configured. [`Config::default`] is a hub on loopback with its log in `./sse-data`,
/// [`Config::in_memory`] one that leaves nothing behind.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Config {
    /// The listener and its connections.
    pub server: Server,
    /// What subscribers get.
    pub stream: Stream,
    /// The log's window in memory.
    pub log: Log,
    /// Where the log is kept.
    pub store: Store,
    /// What publishers may send.
    pub publish: Publish,
    /// Which web pages of other origins may use the hub.
    pub cors: Cors,
    /// How much of everything.
    pub limits: Limits,
    /// What the hub tells of itself.
    pub telemetry: Telemetry,
}

/// The listener and its connections.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Server {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where the operator's routes are, if not beside the others.
    pub admin_listen: Option<SocketAddr>,
    /// Names under which the hub is reached, besides loopback and the listen address.
    pub hosts: Vec<String>,
    /// The origin of the hub's own page behind a proxy.
    pub public_origin: Option<String>,
    /// How long a client may take for a request's head.
    pub header_timeout: Duration,
    /// How long a publisher may pause within a body.
    pub body_timeout: Duration,
    /// Over how long the streams end at a shutdown.
    pub drain: Duration,
    /// Whether streams over HTTP/1 are taken out of the HTTP library and carried by threads of their own.
    pub handoff: bool,
    /// How many of these threads; 0 is one for each core.
    pub shards: usize,
}

/// What subscribers get.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Stream {
    /// How long a stream is silent before a heartbeat.
    pub heartbeat: Duration,
    /// The least reconnection time that clients are told; up to as much again is added, per connection.
    pub retry: Duration,
    /// How long a stream lives, give or take a tenth; zero is for ever.
    pub max_age: Duration,
    /// What happens to a subscriber that falls too far behind.
    pub lag: Lag,
    /// How old the first event may be that a connected subscriber has not taken.
    pub lag_time: Duration,
    /// How many bytes may have been published after that event; 0: as many as the log's window holds.
    pub lag_bytes: usize,
    /// How long a subscriber's socket may take nothing.
    pub write_stall: Duration,
    /// How a stream is turned away.
    pub overload: Overload,
}

/// The log's window in memory.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Log {
    /// Events.
    pub events: usize,
    /// Bytes, of the events as they are sent and what keeping them costs.
    pub bytes: usize,
    /// Topics that have been published to.
    pub topics: usize,
}

/// Where the log is kept.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Store {
    /// The kind of store.
    pub kind: StoreKind,
    /// The directory of a store on disk.
    pub path: PathBuf,
    /// When an event that was published is on the disk.
    pub durability: Durability,
    /// With [`Durability::Interval`], within which time.
    pub sync_interval: Duration,
    /// Bytes of the file kept in memory.
    pub cache: usize,
    /// Events retained in all; 0 is no bound.
    pub events: usize,
    /// Bytes retained in all; 0 is no bound.
    pub bytes: usize,
    /// How long events are retained; zero is no bound.
    pub age: Duration,
    /// What is retained of some topics. The first that matches a topic is the topic's.
    pub retention: Vec<Retention>,
}

/// What is retained of each topic that a selector matches, within the bounds of the whole log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    pub(crate) selector: Selector,
    /// Events; 0 is no bound.
    pub events: usize,
    /// Bytes; 0 is no bound.
    pub bytes: usize,
    /// How long; zero is no bound.
    pub age: Duration,
    /// Only the last event, which stands for all before it: what it supersedes is not a loss.
    pub last_only: bool,
}

/// What publishers may send.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Publish {
    /// Bytes of one event: a text body, a JSON object, a line of NDJSON.
    pub max_event_bytes: usize,
    /// Bytes of a JSON array.
    pub max_request_bytes: usize,
    /// Bytes of all bodies that are being read, those of NDJSON aside.
    pub max_bytes_in_flight: usize,
    /// The least reconnection time that an event may set; less becomes this.
    pub retry_min: Duration,
    /// The greatest reconnection time that an event may set; more becomes this.
    pub retry_max: Duration,
    /// Idempotency keys remembered.
    pub keys: usize,
    /// How long a key is remembered.
    pub key_window: Duration,
}

/// Which web pages of other origins may use the hub.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Cors {
    /// Origins, such as `https://app.example`; `*` is any, without credentials.
    pub origins: Vec<String>,
    /// Whether pages of the listed origins may send credentials.
    pub credentials: bool,
    /// How long a browser may remember the answer to a preflight.
    pub max_age: Duration,
}

/// How much of everything.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Streams from one address; 0 is no limit.
    pub per_address: usize,
    /// Selectors of one stream.
    pub selectors: usize,
    /// Distinct sets of selectors among the subscribers.
    pub groups: usize,
    /// Segments of all their patterns together, those in common counted once.
    pub pattern_nodes: usize,
    /// Bytes kept for subscribers that have taken only a part of a write, all together.
    pub pinned_bytes: usize,
}

/// What the hub tells of itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Telemetry {
    /// Which log lines, in `tracing`'s filter syntax.
    pub log: String,
    /// How they look.
    pub format: LogFormat,
}

impl Server {
    /// How many threads carry streams.
    pub(crate) fn shards(&self) -> usize {
        match self.shards {
            _ if !self.handoff => 0,
            0 => std::thread::available_parallelism().map_or(1, usize::from).min(MAX_SHARDS),
            shards => shards,
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin_listen: None,
            hosts: Vec::new(),
            public_origin: None,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            drain: Duration::from_secs(10),
            handoff: cfg!(target_os = "linux"),
            shards: 0,
        }
    }
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(15),
            retry: Duration::from_secs(2),
            max_age: Duration::from_secs(3600),
            lag: Lag::Disconnect,
            lag_time: Duration::from_secs(30),
            lag_bytes: 0,
            write_stall: Duration::from_secs(10),
            overload: Overload::Retry,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { events: 65_536, bytes: 64 << 20, topics: 20_000 }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            kind: StoreKind::Redb,
            path: "sse-data".into(),
            durability: Durability::Interval,
            sync_interval: Duration::from_millis(50),
            cache: 64 << 20,
            events: 0,
            bytes: 1 << 30,
            age: Duration::ZERO,
            retention: Vec::new(),
        }
    }
}

impl Retention {
    /// No bounds yet, for each topic that a topic or pattern matches.
    ///
    /// # Errors
    ///
    /// A sentence that says what a selector can be.
    pub fn of(selector: &str) -> Result<Self, String> {
        let selector = Selector::new(selector).map_err(|error| error.to_string())?;
        Ok(Self { selector, events: 0, bytes: 0, age: Duration::ZERO, last_only: false })
    }
}

impl Default for Publish {
    fn default() -> Self {
        Self {
            max_event_bytes: 256 << 10,
            max_request_bytes: 16 << 20,
            max_bytes_in_flight: 256 << 20,
            retry_min: Duration::from_millis(100),
            retry_max: Duration::from_secs(3600),
            keys: 100_000,
            key_window: Duration::from_secs(600),
        }
    }
}

impl Default for Cors {
    fn default() -> Self {
        Self { origins: Vec::new(), credentials: false, max_age: Duration::from_secs(600) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 100_000,
            per_address: 0,
            selectors: 64,
            groups: 20_000,
            pattern_nodes: 500_000,
            pinned_bytes: 256 << 20,
        }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { log: "info".into(), format: LogFormat::Auto }
    }
}

impl Config {
    /// The defaults, but for the log: it is in memory, and ends with the hub.
    #[must_use]
    pub fn in_memory() -> Self {
        Self { store: Store { kind: StoreKind::Memory, ..Store::default() }, ..Self::default() }
    }

    /// The effective configuration as commented TOML.
    #[must_use]
    pub fn to_toml(&self) -> String {
        print::to_toml(self.clone())
    }

    /// Whether every value is allowed, as it is when it was read by [`load`](Self::load).
    ///
    /// # Errors
    ///
    /// One line with the key, its value and what is allowed.
    pub fn check(&self) -> Result<(), ConfigError> {
        load::check(self.clone())
    }

    /// Reads a configuration: flags win over the environment, which wins over the file, which wins over defaults.
    ///
    /// # Errors
    ///
    /// One line with the key, its value, where it came from and what is allowed.
    pub fn load(sources: &[Source]) -> Result<Self, ConfigError> {
        load::load(sources)
    }
}

impl Lag {
    pub(crate) const fn policy(self) -> LagPolicy {
        match self {
            Self::Disconnect => LagPolicy::Disconnect,
            Self::Gap => LagPolicy::Gap,
        }
    }
}
