//! Why something is not appended.

use sse_engine::Position;

use super::Failure;
use crate::store::StoreError;

/// Why a publication was refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AppendError {
    /// The key of the event at this index, or of the whole request, was used with other content.
    Conflict(Option<usize>),
    /// The topic of the event at this index has ended at this position. After the last event, it is the topic to end.
    Ended(usize, Position),
    Draining,
    /// The store does not accept it.
    Store(StoreError),
}

impl From<Failure> for AppendError {
    fn from(_: Failure) -> Self {
        Self::Draining
    }
}
