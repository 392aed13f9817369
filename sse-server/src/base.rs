//! What everything else rests on: the clock, randomness, locks, and counted connections.

pub(crate) mod clock;
pub(crate) mod connections;
pub(crate) mod lock;
pub(crate) mod random;
