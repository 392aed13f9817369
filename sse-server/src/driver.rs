//! What carries the hub's bytes to a client.

pub(crate) mod body;
