//! The bounds of the engine's memory, and the policy for subscribers that lag.

use std::{error, fmt, time::Duration};

/// The most segments in all patterns of one subscriber, so that a single subscriber can't exhaust the nodes.
pub const MAX_PATTERN_SEGMENTS: usize = 256;

/// The most events with one alias among which the first that a subscriber may read is looked for: an alias is meant for one.
pub const MAX_ALIASED: usize = 4096;

/// The bounds of the engine's memory, and the policy for subscribers that lag.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The most events in the window.
    pub events: usize,
    /// The most bytes in the window: encoded events and their overhead. Encodings with an envelope may take a quarter of
    /// that besides.
    pub bytes: usize,
    /// The most topics that have been published to.
    pub topics: usize,
    /// The most distinct sets of selectors.
    pub groups: usize,
    /// The most bytes of all sets of selectors together, with their overhead.
    pub selector_bytes: usize,
    /// The most nodes of all patterns together.
    pub nodes: usize,
    /// The greatest age of the first event that a subscriber has not received.
    pub lag: Duration,
    /// The most bytes published after that event; 0 means as many as the window holds.
    pub lag_bytes: usize,
    /// What happens to a subscriber that lags further.
    pub lag_policy: LagPolicy,
}

impl Default for Bounds {
    /// The window of a small hub: 65,536 events, 64 MiB, 20,000 topics and groups.
    fn default() -> Self {
        Self {
            events: 65_536,
            bytes: 64 << 20,
            topics: 20_000,
            groups: 20_000,
            selector_bytes: 64 << 20,
            nodes: 500_000,
            lag: Duration::from_secs(30),
            lag_bytes: 0,
            lag_policy: LagPolicy::Disconnect,
        }
    }
}

/// What happens to a subscriber that lost an event by lagging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LagPolicy {
    /// The stream ends; the client comes back with its last event ID.
    Disconnect,
    /// The stream continues after an `sse-gap`.
    Gap,
}

/// There is no room for another group or for its patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no room for another set of selectors")
    }
}

impl error::Error for Full {}
