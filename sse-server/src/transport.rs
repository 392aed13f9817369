//! What carries a session's bytes to a client.

pub(crate) mod body;
pub(crate) mod in_process;
pub(crate) mod shard;
pub(crate) mod takeover;
