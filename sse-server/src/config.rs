//! What can be set, with its defaults and their reasons.

mod load;
mod print;
mod setting;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

pub use load::{ConfigError, Source};

use crate::hub::LagPolicy;
use setting::{Check, Field, Visitor, choices, lines};

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
    pub enum StoreKind { Memory = "memory" }
}

choices! {
    /// How log lines look.
    pub enum LogFormat { Auto = "auto", Text = "text", Json = "json" }
}

/// Everything that can be configured. [`Config::default`] is a hub on loopback with its log in memory.
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
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Store {
    /// The kind of store.
    pub kind: StoreKind,
    /// The directory of a store on disk.
    pub path: PathBuf,
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
            overload: Overload::Retry,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { events: 65_536, bytes: 64 << 20, topics: 20_000 }
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
        Self { connections: 100_000, per_address: 0, selectors: 64, groups: 20_000, pattern_nodes: 500_000 }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { log: "info".into(), format: LogFormat::Auto }
    }
}

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Config {
    /// Every key, with what it means and what is allowed: the one list that reading and printing go through.
    fn visit<V: Visitor>(&mut self, v: &mut V) -> Result<(), V::Error> {
        let Self { server, stream, log, store, publish, cors, limits, telemetry } = self;

        v.section("server", "the listener and its connections");
        v.key(
            "listen",
            "Address and port. Loopback by default: opening a hub to a network is a decision.",
            Field::Address(&mut server.listen),
        )?;
        v.key(
            "admin_listen",
            "Where /topics and /metrics are, if not beside the other routes. Empty: beside them.",
            Field::OptionalAddress(&mut server.admin_listen),
        )?;
        v.key(
            "hosts",
            "Names under which the hub is reached, besides loopback and the listen address. Other names are answered 421, so that no web page reaches a hub on someone's localhost through a name of its own.",
            Field::List(&mut server.hosts, Check::Host),
        )?;
        v.key(
            "public_origin",
            "The origin of the hub's page behind a proxy, such as https://hub.example. Empty: http:// and the name it was called by.",
            Field::OptionalText(&mut server.public_origin, Check::Origin),
        )?;
        v.key(
            "header_timeout",
            "How long a client may take for a request's head, or stay idle between requests. Longer ones hold a descriptor for nothing.",
            Field::Time(&mut server.header_timeout, 100 * MS..=300 * SECOND),
        )?;
        v.key(
            "body_timeout",
            "How long a publisher may pause within a body.",
            Field::Time(&mut server.body_timeout, 100 * MS..=300 * SECOND),
        )?;
        v.key(
            "drain",
            "Over how long the streams end at a shutdown, so that not all clients come back at once. Process managers kill after 30 s or more.",
            Field::Time(&mut server.drain, Duration::ZERO..=300 * SECOND),
        )?;

        v.section("stream", "what subscribers get");
        v.key(
            "heartbeat",
            "How long a stream is silent before a heartbeat. Below the 30 s to 60 s after which proxies cut an idle connection. A client that takes nothing for as long is cut off.",
            Field::Time(&mut stream.heartbeat, SECOND..=300 * SECOND),
        )?;
        v.key(
            "retry",
            "The least reconnection time that clients are told. Up to as much again is added for each connection, so that they do not all come back at once.",
            Field::Time(&mut stream.retry, 10 * MS..=300 * SECOND),
        )?;
        v.key(
            "max_age",
            "How long a stream lives, give or take a tenth. Ended, the client resumes; a browser that died behind a proxy is freed only so. 0s: for ever.",
            Field::Time(&mut stream.max_age, Duration::ZERO..=30 * DAY),
        )?;
        v.key(
            "lag",
            "What happens to a subscriber that falls too far behind: disconnect (it resumes by its last event ID) or gap (the stream goes on after an sse-gap).",
            stream.lag.field(),
        )?;
        v.key(
            "lag_time",
            "How old the first event may be that a connected subscriber has not taken. One whose socket takes nothing at all is cut off after a heartbeat already.",
            Field::Time(&mut stream.lag_time, SECOND..=DAY),
        )?;
        v.key(
            "overload",
            "How a stream is turned away: retry (200, a reconnection time, end: anything else makes an EventSource give up for good) or status (429 or 503).",
            stream.overload.field(),
        )?;

        v.section("log", "the window of recent events in memory, from which everything is sent");
        v.key(
            "events",
            "Events. At 200 bytes each they take about 20 MB.",
            Field::Number(&mut log.events, 1..=100_000_000),
        )?;
        v.key(
            "bytes",
            "Bytes of events as they are sent, and what keeping them costs.",
            Field::Number(&mut log.bytes, 1 << 16..=1 << 40),
        )?;
        v.key(
            "topics",
            "Topics that have been published to; about 300 bytes each. Beyond, those without events are forgotten, the oldest first.",
            Field::Number(&mut log.topics, 1..=10_000_000),
        )?;

        v.section("store", "where the log is kept");
        v.key("kind", "memory: the window is all there is, and a restart begins a new log.", store.kind.field())?;
        v.key("path", "The directory of a store on disk; memory has none.", Field::Path(&mut store.path))?;

        v.section("publish", "what publishers may send");
        v.key(
            "max_event_bytes",
            "Bytes of one event: a text body, a JSON object, a line of NDJSON. Each one is held in memory whole.",
            Field::Number(&mut publish.max_event_bytes, 1..=16 << 20),
        )?;
        v.key(
            "max_request_bytes",
            "Bytes of a JSON array. NDJSON is streamed and has no end.",
            Field::Number(&mut publish.max_request_bytes, 1..=1 << 30),
        )?;
        v.key(
            "max_bytes_in_flight",
            "Bytes of all bodies together that are being read to be published whole. Beyond, publishers are told to come again.",
            Field::Number(&mut publish.max_bytes_in_flight, 1 << 20..=1 << 40),
        )?;
        v.key(
            "retry_min",
            "The least reconnection time that an event may set; less becomes this.",
            Field::Time(&mut publish.retry_min, MS..=DAY),
        )?;
        v.key(
            "retry_max",
            "The greatest reconnection time that an event may set; more becomes this.",
            Field::Time(&mut publish.retry_max, MS..=DAY),
        )?;
        v.key(
            "keys",
            "Idempotency keys remembered; about 200 bytes each. Beyond, the oldest are forgotten.",
            Field::Number(&mut publish.keys, 0..=100_000_000),
        )?;
        v.key(
            "key_window",
            "How long a key is remembered: longer than a publisher keeps trying.",
            Field::Time(&mut publish.key_window, SECOND..=30 * DAY),
        )?;

        v.section("cors", "which web pages of other origins may use the hub");
        v.key(
            "origins",
            "Origins, such as https://app.example; * is any, without credentials. None by default: a page of another origin is answered 403.",
            Field::List(&mut cors.origins, Check::OriginOrAny),
        )?;
        v.key(
            "credentials",
            "Whether pages of the listed origins may send cookies.",
            Field::Flag(&mut cors.credentials),
        )?;
        v.key(
            "max_age",
            "How long a browser may remember the answer to a preflight.",
            Field::Time(&mut cors.max_age, Duration::ZERO..=DAY),
        )?;

        v.section("limits", "how much of everything");
        v.key(
            "connections",
            "Connections in all; the descriptors that the process may open are the other limit.",
            Field::Number(&mut limits.connections, 1..=10_000_000),
        )?;
        v.key(
            "per_address",
            "Streams from one address. 0: no limit, since behind a proxy all come from one.",
            Field::Number(&mut limits.per_address, 0..=10_000_000),
        )?;
        v.key("selectors", "Selectors of one stream.", Field::Number(&mut limits.selectors, 1..=10_000))?;
        v.key(
            "groups",
            "Distinct sets of selectors among the subscribers; up to 9 KB each.",
            Field::Number(&mut limits.groups, 1..=10_000_000),
        )?;
        v.key(
            "pattern_nodes",
            "Segments of all patterns together, those in common counted once; about 200 bytes each. The patterns of one stream may have 256.",
            Field::Number(&mut limits.pattern_nodes, 1..=100_000_000),
        )?;

        v.section("telemetry", "what the hub tells of itself");
        v.key(
            "log",
            "Which log lines: error, warn, info, debug, trace, or a filter such as sse_server=debug.",
            Field::Text(&mut telemetry.log, Check::LogFilter),
        )?;
        v.key(
            "format",
            "How log lines look: text, json, or auto (text on a terminal, else json).",
            telemetry.format.field(),
        )
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
