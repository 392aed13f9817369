//! The base of all layers: the clock, randomness, locks, log lines, and the count of connections and of bytes kept for
//! them.

pub(crate) mod clock;
pub(crate) mod connections;
pub(crate) mod lock;
pub(crate) mod log_lines;
pub(crate) mod memory;
pub(crate) mod network;
pub(crate) mod partial;
pub(crate) mod pinned;
pub(crate) mod random;
pub(crate) mod seldom;
pub(crate) mod turn;
pub(crate) mod unacknowledged;
pub(crate) mod watched_files;

/// What is said to those who come while the hub shuts down.
pub(crate) const SHUTTING_DOWN: &str = "the hub is shutting down";
