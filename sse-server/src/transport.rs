//! Carrying the bytes of a session to its client.

pub(crate) mod body;
mod deliveries;
pub(crate) mod in_process;
pub(crate) mod shard;
pub(crate) mod stall;
pub(crate) mod takeover;
#[cfg_attr(not(feature = "tls"), path = "transport/tls/without.rs")]
pub(crate) mod tls;

/// How long a peer may take to close its side of a connection once ours is closed, in milliseconds.
pub(crate) const HALF_CLOSE: u64 = 1000;

/// The most bytes that are read and discarded meanwhile: who sends more does not listen anyway.
pub(crate) const HALF_CLOSE_BYTES: usize = 16 << 20;
