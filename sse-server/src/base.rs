//! The base of all layers: the clock, randomness, locks, and the count of connections.

pub(crate) mod clock;
pub(crate) mod connections;
pub(crate) mod lock;
pub(crate) mod random;
