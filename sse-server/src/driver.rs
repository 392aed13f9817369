//! What carries the hub's bytes to a client.

pub(crate) mod body;
pub(crate) mod handoff;
mod life;
pub(crate) mod shard;
