//! An event before it has a place in the log.

use std::time::Duration;

use sse_core::Text;

use super::{Name, Topic};

/// What a publisher wants sent: every part is valid.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Draft {
    pub(crate) topic: Topic,
    pub(crate) name: Option<Name>,
    pub(crate) retry: Option<Duration>,
    pub(crate) data: Text,
    /// The data is the text of a JSON value that was not a string.
    pub(crate) json: bool,
}
