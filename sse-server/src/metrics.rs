//! The hub's metrics, for Prometheus.

mod plain;

use std::fmt;

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use sse_engine::{DrainReason, GapReason, StreamEnd};

use crate::base::log_lines;

/// Why a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum EndReason {
    /// The client left, or its connection broke.
    #[allow(non_camel_case_types)]
    client,
    #[allow(non_camel_case_types)]
    shutdown,
    #[allow(non_camel_case_types)]
    age,
    #[allow(non_camel_case_types)]
    lag,
    #[allow(non_camel_case_types)]
    store,
    /// The grant of the stream has ended.
    #[allow(non_camel_case_types)]
    expired,
    /// The grant of the stream was taken back.
    #[allow(non_camel_case_types)]
    revoked,
    /// All topics of the stream have ended.
    #[allow(non_camel_case_types)]
    topics,
}

impl From<StreamEnd> for EndReason {
    fn from(end: StreamEnd) -> Self {
        match end {
            StreamEnd::Drained(reason) => reason.into(),
            StreamEnd::TopicsEnded => Self::topics,
        }
    }
}

impl From<DrainReason> for EndReason {
    fn from(reason: DrainReason) -> Self {
        match reason {
            DrainReason::Age => Self::age,
            DrainReason::Lag => Self::lag,
            DrainReason::Store => Self::store,
            DrainReason::Expired => Self::expired,
            DrainReason::Revoked => Self::revoked,
            _ => Self::shutdown,
        }
    }
}

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types)]
pub(crate) enum RefusalKind {
    invalid,
    not_acceptable,
    too_large,
    too_slow,
    host,
    origin,
    full,
    draining,
    /// A publisher is too quick.
    rate,
    store,
    /// Nobody is known who asks.
    unauthorized,
    /// Who asks may not do that.
    forbidden,
    key,
    ended,
    other,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabels {
    reason: EndReason,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    reason: RefusalKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GapLabels {
    reason: &'static str,
}

/// The metrics, and the registry that names them.
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) subscribers: Gauge,
    pub(crate) groups: Gauge,
    pub(crate) pattern_nodes: Gauge,
    pub(crate) selector_bytes: Gauge,
    pub(crate) topics: Gauge,
    pub(crate) log_events: Gauge,
    pub(crate) log_bytes: Gauge,
    pub(crate) envelope_bytes: Gauge,
    pub(crate) keys: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) stalled_connections: Gauge,
    pub(crate) pinned: Gauge,
    pub(crate) head_bytes: Gauge,
    pub(crate) cut_off: Counter,
    pub(crate) store_up: Gauge,
    pub(crate) damaged: Gauge,
    pub(crate) keys_evicted: Counter,
    pub(crate) auth_reload_failures: Counter,
    pub(crate) auth_unavailable: Counter,
    pub(crate) tls_handshakes: Gauge,
    pub(crate) tls_record_bytes: Gauge,
    pub(crate) connections_refused: Counter,
    pub(crate) proxy_protocol_failures: Counter,
    pub(crate) tls_handshake_failures: Counter,
    pub(crate) tls_reload_failures: Counter,
    pub(crate) published: Counter,
    pub(crate) duplicates: Counter,
    pub(crate) deliveries: Counter,
    pub(crate) bytes: Counter,
    pub(crate) heartbeats: Counter,
    ends: Family<EndLabels, Counter>,
    gaps: Family<GapLabels, Counter>,
    refusals: Family<RefusalLabels, Counter>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("sse"),
            subscribers: Gauge::default(),
            groups: Gauge::default(),
            pattern_nodes: Gauge::default(),
            selector_bytes: Gauge::default(),
            topics: Gauge::default(),
            log_events: Gauge::default(),
            log_bytes: Gauge::default(),
            envelope_bytes: Gauge::default(),
            keys: Gauge::default(),
            connections: Gauge::default(),
            stalled_connections: Gauge::default(),
            pinned: Gauge::default(),
            head_bytes: Gauge::default(),
            cut_off: Counter::default(),
            store_up: Gauge::default(),
            damaged: Gauge::default(),
            keys_evicted: Counter::default(),
            auth_reload_failures: Counter::default(),
            auth_unavailable: Counter::default(),
            tls_handshakes: Gauge::default(),
            tls_record_bytes: Gauge::default(),
            connections_refused: Counter::default(),
            proxy_protocol_failures: Counter::default(),
            tls_handshake_failures: Counter::default(),
            tls_reload_failures: Counter::default(),
            published: Counter::default(),
            duplicates: Counter::default(),
            deliveries: Counter::default(),
            bytes: Counter::default(),
            heartbeats: Counter::default(),
            ends: Family::default(),
            gaps: Family::default(),
            refusals: Family::default(),
        };
        let r = &mut metrics.registry;
        r.register("subscribers", "Open streams", metrics.subscribers.clone());
        r.register("groups", "Distinct sets of selectors among the open streams", metrics.groups.clone());
        r.register("pattern_nodes", "Nodes that the patterns of the open streams take", metrics.pattern_nodes.clone());
        r.register("selector_bytes", "Bytes that the sets of selectors take", metrics.selector_bytes.clone());
        r.register("topics", "Topics known to the log", metrics.topics.clone());
        r.register("log_events", "Events retained", metrics.log_events.clone());
        r.register("log_bytes", "Bytes of the events retained", metrics.log_bytes.clone());
        r.register("envelope_bytes", "Bytes of events kept with an envelope", metrics.envelope_bytes.clone());
        r.register("keys", "Idempotency keys remembered", metrics.keys.clone());
        r.register("connections", "Open connections", metrics.connections.clone());
        r.register(
            "stalled_connections",
            "Connections whose peer takes no bytes at the moment",
            metrics.stalled_connections.clone(),
        );
        r.register(
            "pinned_bytes",
            "Bytes kept for peers that have not taken them, those that many wait for counted once",
            metrics.pinned.clone(),
        );
        r.register(
            "head_bytes",
            "Bytes of requests' heads that are not whole, beyond 8 KiB of each",
            metrics.head_bytes.clone(),
        );
        r.register(
            "cut_off",
            "Connections and HTTP/2 responses cut off because their peer took nothing; streams are in ends",
            metrics.cut_off.clone(),
        );
        r.register("store_up", "1 while the log can be written, else 0", metrics.store_up.clone());
        r.register("log_damaged", "Places of the log that were found damaged", metrics.damaged.clone());
        r.register(
            "keys_evicted",
            "Idempotency keys forgotten before their time, since there were too many",
            metrics.keys_evicted.clone(),
        );
        r.register(
            "auth_reload_failures",
            "Times that a changed file of tokens or keys could not be read",
            metrics.auth_reload_failures.clone(),
        );
        r.register(
            "auth_unavailable",
            "Times that nothing could be said at the moment of who may do what",
            metrics.auth_unavailable.clone(),
        );
        r.register("tls_handshakes", "Connections that have not agreed on TLS yet", metrics.tls_handshakes.clone());
        r.register(
            "tls_record_bytes",
            "Bytes of TLS records that are not whole, beyond 8 KiB of each",
            metrics.tls_record_bytes.clone(),
        );
        r.register(
            "connections_refused",
            "Connections closed at once, since there were more than are even told so",
            metrics.connections_refused.clone(),
        );
        r.register(
            "proxy_protocol_failures",
            "Connections of trusted proxies that did not say whom they speak for",
            metrics.proxy_protocol_failures.clone(),
        );
        r.register(
            "tls_handshake_failures",
            "Connections that ended before TLS was agreed on",
            metrics.tls_handshake_failures.clone(),
        );
        r.register(
            "tls_reload_failures",
            "Times that a changed certificate or its key could not be read",
            metrics.tls_reload_failures.clone(),
        );
        r.register("published", "Events appended to the log", metrics.published.clone());
        r.register("duplicates", "Publishes that an idempotency key showed to be repeated", metrics.duplicates.clone());
        r.register("deliveries", "Events handed to subscribers", metrics.deliveries.clone());
        r.register("delivered_bytes", "Bytes of the events handed to subscribers", metrics.bytes.clone());
        r.register("heartbeats", "Heartbeats sent", metrics.heartbeats.clone());
        r.register("ends", "Streams that ended", metrics.ends.clone());
        r.register("gaps", "Gaps told to subscribers", metrics.gaps.clone());
        r.register("refusals", "Requests refused", metrics.refusals.clone());
        r.register("log_lines_dropped", "Log lines that could not be written", log_lines::dropped());
        // Counters start at 0, so that their first increment is visible.
        for reason in [EndReason::client, EndReason::shutdown, EndReason::age, EndReason::lag, EndReason::store] {
            drop(metrics.ends.get_or_create(&EndLabels { reason }));
        }
        for reason in [GapReason::Trimmed, GapReason::Epoch, GapReason::Unknown, GapReason::Lost, GapReason::Lagged] {
            drop(metrics.gaps.get_or_create(&GapLabels { reason: reason.as_str() }));
        }
        metrics
    }

    pub(crate) fn ended(&self, reason: EndReason) {
        self.ends.get_or_create(&EndLabels { reason }).inc();
    }

    pub(crate) fn gap(&self, reason: GapReason) {
        self.gaps.get_or_create(&GapLabels { reason: reason.as_str() }).inc();
    }

    pub(crate) fn refused(&self, reason: RefusalKind) {
        self.refusals.get_or_create(&RefusalLabels { reason }).inc();
    }

    /// All metrics as OpenMetrics text.
    pub(crate) fn open_metrics(&self) -> String {
        let mut text = String::new();
        // writing to a String does not fail
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// All metrics in Prometheus' text format.
    pub(crate) fn plain_text(&self) -> String {
        plain::plain(&self.open_metrics())
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
