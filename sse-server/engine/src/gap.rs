//! Gaps in a stream.

use crate::{GapReason, Position, window::Window};

/// A gap: matching events may have been lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The reason.
    pub reason: GapReason,
    /// The position that the subscriber asked for.
    pub requested: String,
    /// The first event after the gap, if there is one already.
    pub first: Option<Position>,
    /// The position just before `first`, or the head.
    pub position: Position,
}

impl Gap {
    /// A gap that ends at `seq`, just before `first`.
    pub(crate) fn new(window: &Window, reason: GapReason, requested: String, seq: u64, first: Option<u64>) -> Self {
        Self { reason, requested, first: first.map(|first| window.at(first)), position: window.at(seq) }
    }
}
