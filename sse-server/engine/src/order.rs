//! The order of the log, which a store promises to keep.

use std::{error, fmt};

/// An event whose sequence number is not greater than that of the event before it: the store broke its contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfOrder {
    /// The event's sequence number.
    pub seq: u64,
    /// The sequence number of the event before it.
    pub last: u64,
}

impl fmt::Display for OutOfOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq, last } = self;
        write!(f, "event {seq} was appended after event {last}")
    }
}

impl error::Error for OutOfOrder {}
