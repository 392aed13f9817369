//! A place in a stream where events may have been lost.

use crate::{Position, window::Window};

/// Something that matches may have been lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Why.
    pub reason: Reason,
    /// What the subscriber asked for.
    pub requested: String,
    /// The first event that follows, if there is one already.
    pub first: Option<Position>,
    /// Just before `first`, or the head.
    pub position: Position,
}

/// Why a resume is not exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A matching event after the position is no longer retained.
    Trimmed,
    /// The position is of another incarnation of the log.
    Epoch,
    /// The position is not one of this hub's, or beyond the head.
    Unknown,
    /// A crash took events that were acknowledged but not yet synced to the disk.
    Lost,
    /// In the middle of a stream: the subscriber was too slow.
    Lagged,
}

impl Reason {
    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trimmed => "trimmed",
            Self::Epoch => "epoch",
            Self::Unknown => "unknown",
            Self::Lost => "lost",
            Self::Lagged => "lagged",
        }
    }
}

impl Gap {
    /// A gap that ends at `seq`, just before `first`.
    pub(crate) fn new(window: &Window, reason: Reason, requested: String, seq: u64, first: Option<u64>) -> Self {
        Self { reason, requested, first: first.map(|first| window.at(first)), position: window.at(seq) }
    }
}
