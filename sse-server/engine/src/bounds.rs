//! What bounds the engine's memory, and what happens to a subscriber that falls behind.

use std::{error, fmt, time::Duration};

/// How many segments the patterns of one subscriber may have together, so that no one can use up the nodes of all.
pub const MAX_PATTERN_SEGMENTS: usize = 256;

/// What bounds the engine's memory, and what happens to a subscriber that falls behind.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Events in the window.
    pub events: usize,
    /// Bytes in the window: of the events as they are sent, and what keeping them costs.
    pub bytes: usize,
    /// Topics that were published to.
    pub topics: usize,
    /// Distinct sets of selectors.
    pub groups: usize,
    /// Nodes of all patterns together.
    pub nodes: usize,
    /// How old the first event may be that was not yet handed to a subscriber.
    pub lag: Duration,
    /// How many bytes may have been published after that event; 0: as many as the window holds.
    pub lag_bytes: usize,
    /// What happens to a subscriber that is further behind.
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
            nodes: 500_000,
            lag: Duration::from_secs(30),
            lag_bytes: 0,
            lag_policy: LagPolicy::Disconnect,
        }
    }
}

/// What happens to a subscriber that lost an event because it was too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LagPolicy {
    /// The stream ends; the client comes back with its last event ID.
    Disconnect,
    /// The stream goes on after an `sse-gap`.
    Gap,
}

/// The bounds leave no room for another group or for its patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no room for another set of selectors")
    }
}

impl error::Error for Full {}
