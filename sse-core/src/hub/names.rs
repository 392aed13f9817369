//! The names that a hub and its clients agree on.

/// Names of events.
pub mod event {
    /// How far a subscriber has been served: [`Cursor`](crate::hub::Cursor).
    pub const CURSOR: &str = "sse-cursor";
    /// Events may be missing: [`Gap`](crate::hub::Gap).
    pub const GAP: &str = "sse-gap";
    /// The stream is about to end: [`Drain`](crate::hub::Drain).
    pub const DRAIN: &str = "sse-drain";
    /// All topics of the stream have ended: [`End`](crate::hub::End).
    pub const END: &str = "sse-end";
    /// Every name that begins with this, in upper or lower case, is the hub's; no event can be published under it.
    pub const RESERVED_PREFIX: &str = "sse-";
}

/// Names of HTTP headers, in lower case.
pub mod header {
    /// In a request: the ID of the last event that the client had.
    pub const LAST_EVENT_ID: &str = "last-event-id";
    /// In a publish: a key that makes a repeat of it have no effect.
    pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
    /// In the answer that opens a stream without the hub's own events: why events may be missing before it.
    pub const GAP: &str = "sse-gap";
    /// In the answer that opens a stream: the interval of its heartbeats, in seconds.
    pub const HEARTBEAT: &str = "sse-heartbeat";
    /// In the answer that opens a stream at a hub with access control: the name of the stream.
    pub const STREAM: &str = "sse-stream";
}

/// Names of query parameters.
pub mod query {
    /// A topic or a pattern of topics, once or several times.
    pub const TOPIC: &str = "topic";
    /// The ID of the last event that the client had, where it can't send the header.
    pub const LAST_EVENT_ID: &str = "last_event_id";
    /// Another spelling of [`LAST_EVENT_ID`], which some polyfills use.
    pub const LAST_EVENT_ID_CAMEL: &str = "lastEventId";

    /// A connect ticket, in place of a token.
    pub const TICKET: &str = "ticket";
    /// Where a stream without a last event ID begins.
    pub const SINCE: &str = "since";
    /// The kind of the heartbeats: `cursor` or `comment`.
    pub const HEARTBEAT: &str = "heartbeat";
    /// The form of the data: plain, or with its topic (`json`).
    pub const ENVELOPE: &str = "envelope";
    /// Whether a stream has the hub's own events: `off` if not.
    pub const CONTROL: &str = "control";
    /// In a publish: the event's name.
    pub const EVENT: &str = "event";
    /// In a publish: the event is private.
    pub const PRIVATE: &str = "private";
    /// In a publish: the publisher's own ID for the event.
    pub const ALIAS: &str = "alias";
    /// In a publish: the event is the last of its topic.
    pub const END: &str = "end";
    /// In a deletion: the event before which all others go.
    pub const BEFORE: &str = "before";
}

/// Media types.
pub mod media_type {
    /// A stream.
    pub const EVENT_STREAM: &str = "text/event-stream";
    /// One event to publish, or an array of them.
    pub const JSON: &str = "application/json";
    /// Events to publish, one a line.
    pub const NDJSON: &str = "application/x-ndjson";
    /// A refusal: [`Problem`](crate::hub::Problem).
    pub const PROBLEM: &str = "application/problem+json";
}
