//! Carrying the bytes of a session to its client.

pub(crate) mod body;
mod deliveries;
pub(crate) mod in_process;
pub(crate) mod shard;
pub(crate) mod stall;
pub(crate) mod takeover;
