//! Every key, with what it means and what is allowed.

use std::time::Duration;

use super::{
    Config, MAX_SHARDS,
    setting::{Check, Field, Visitor},
};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Config {
    /// Every key, with what it means and what is allowed: the one list that reading and printing go through.
    pub(super) fn visit<V: Visitor>(&mut self, v: &mut V) -> Result<(), V::Error> {
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
            "Names and addresses under which the hub is reached, besides loopback and the listen address. Other names are answered 421, so that no web page reaches a hub on someone's localhost through a name of its own.",
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
            "Over how long the streams end at a shutdown, so that not all clients come back at once. Keep it below the time after which your process manager kills: 10 s for Docker, 30 s and more for others.",
            Field::Time(&mut server.drain, Duration::ZERO..=300 * SECOND),
        )?;

        v.key(
            "handoff",
            "Whether streams over HTTP/1 are taken out of the HTTP library and carried by threads of their own: a tenth of the memory and less CPU. By default on Linux, where it is measured and tested.",
            Field::Flag(&mut server.handoff),
        )?;
        v.key(
            "shards",
            "How many threads carry the streams. 0: one for each core.",
            Field::Number(&mut server.shards, 0..=MAX_SHARDS),
        )?;

        v.section("stream", "what subscribers get");
        v.key(
            "heartbeat",
            "How long a stream is silent before a heartbeat. Below the 30 s to 60 s after which proxies cut an idle connection.",
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
            "How old the first event may be that a connected subscriber has not taken.",
            Field::Time(&mut stream.lag_time, SECOND..=DAY),
        )?;
        v.key(
            "lag_bytes",
            "How many bytes, of all topics, may have been published after that event. More than one request may publish, or each such request ends the streams that it is for. 0: as many as the window holds.",
            Field::Number(&mut stream.lag_bytes, 0..=1 << 40),
        )?;
        v.key(
            "write_stall",
            "How long a subscriber's socket may take nothing of what waits for it. Then it is cut off, and resumes by its last event ID.",
            Field::Time(&mut stream.write_stall, SECOND..=DAY),
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
        v.key(
            "kind",
            "redb: a file on disk, with which clients resume exactly after a restart. memory: the window is all there is, and a restart begins a new log.",
            store.kind.field(),
        )?;
        v.key("path", "The directory of a store on disk; memory has none.", Field::Path(&mut store.path))?;
        v.key(
            "durability",
            "When an event is on the disk. always: before the publisher has its answer and before anyone is sent it, at the price of a sync. interval: within sync_interval; a crash takes what was published in it, and subscribers are told so. none: when 8 MB are waiting or 10 s have passed.",
            store.durability.field(),
        )?;
        v.key(
            "sync_interval",
            "How long an event may be acknowledged before it is synced to the disk, with durability = interval. After a pause of this length the next event is synced first, so that it is known after a crash whether anything was lost.",
            Field::Time(&mut store.sync_interval, MS..=60 * SECOND),
        )?;
        v.key(
            "cache",
            "Bytes of the file kept in memory: enough for the events that readers far behind are at.",
            Field::Number(&mut store.cache, 1 << 20..=1 << 40),
        )?;
        v.key(
            "events",
            "Events retained in all; beyond, the oldest go. 0: no bound.",
            Field::Number(&mut store.events, 0..=1 << 40),
        )?;
        v.key(
            "bytes",
            "Bytes of the events retained in all; the file is about twice as large. 0: no bound.",
            Field::Number(&mut store.bytes, 0..=1 << 50),
        )?;
        v.key(
            "age",
            "How long events are retained. 0s: no bound.",
            Field::Time(&mut store.age, Duration::ZERO..=3650 * DAY),
        )?;
        v.key(
            "retention",
            "What is retained of some topics, each in a table [[store.retention]]: topic (a topic or pattern), and any of events, bytes, age and last_only (only the last event is kept, and stands for those before it). The first that matches a topic holds.",
            Field::Retention(&mut store.retention),
        )?;

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
            "Idempotency keys remembered; about 300 to 800 bytes each. Beyond, the oldest are forgotten.",
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
        v.key(
            "pinned_bytes",
            "Bytes kept for subscribers that have taken only a part of a write, all together; at most 64 KB or one event for each. Beyond, those that stall are cut off.",
            Field::Number(&mut limits.pinned_bytes, 1 << 20..=1 << 40),
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
}
