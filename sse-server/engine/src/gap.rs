//! A place in a stream where events may have been lost.

use crate::{GapReason, Position, window::Window};

/// Something that matches may have been lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Why.
    pub reason: GapReason,
    /// What the subscriber asked for.
    pub requested: String,
    /// The first event that follows, if there is one already.
    pub first: Option<Position>,
    /// Just before `first`, or the head.
    pub position: Position,
}

impl Gap {
    /// A gap that ends at `seq`, just before `first`.
    pub(crate) fn new(window: &Window, reason: GapReason, requested: String, seq: u64, first: Option<u64>) -> Self {
        Self { reason, requested, first: first.map(|first| window.at(first)), position: window.at(seq) }
    }
}
