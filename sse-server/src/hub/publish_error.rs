//! Why a program's publish was refused.

use sse_core::EventId;
use sse_engine::TopicError;

use super::AppendError;
use crate::{base::SHUTTING_DOWN, store::StoreFailure};

/// Why an event was not published, or a topic not trimmed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The text is not a topic.
    #[error("the topic {topic:?} is not one: {why}")]
    Topic {
        /// The text.
        topic: String,
        /// What is allowed.
        #[source]
        why: TopicError,
    },
    /// There are too many topics, or none.
    #[error("{0}")]
    Topics(&'static str),
    /// The program's own ID for the event is not allowed.
    #[error("the alias {alias:?} is not allowed: {why}")]
    Alias {
        /// The ID.
        alias: String,
        /// What is allowed.
        why: &'static str,
    },
    /// The canonical topic has ended.
    #[error("the topic ended at {}; delete it to publish to it again", .ended_at.as_str())]
    Ended {
        /// The ID of its last event.
        ended_at: EventId,
    },
    /// The event's name is not allowed.
    #[error("the event name {name:?} is not allowed: {why}")]
    Name {
        /// The name.
        name: String,
        /// What is allowed.
        why: &'static str,
    },
    /// The event has an ID.
    #[error("the event has an ID; the hub gives each event its own")]
    HasId,
    /// The event has a comment.
    #[error("the event has a comment, which no subscriber would see")]
    HasComment,
    /// The event has no data.
    #[error("the event has no data; give it some, if only an empty text")]
    NoData,
    /// The ID is not one that this log gave.
    #[error("the ID is none of this log's")]
    ForeignId,
    /// The data is larger than `publish.max_event_bytes`.
    #[error("the data has {bytes} bytes; publish.max_event_bytes allows {most}")]
    TooLarge {
        /// The size of the data.
        bytes: usize,
        /// What is allowed.
        most: usize,
    },
    /// The store does not take it: the disk is full, or fails. If the failure
    /// [is temporary](StoreFailure::is_temporary), publish again later.
    #[error("{0}")]
    Store(#[source] StoreFailure),
    /// The hub is shutting down.
    #[error("{} and takes no more events", SHUTTING_DOWN)]
    Draining,
}

impl From<AppendError> for PublishError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Ended(_, ended_at) => Self::Ended { ended_at: ended_at.id() },
            AppendError::Store(error) => Self::Store(error.into()),
            AppendError::Draining | AppendError::Conflict(_) => Self::Draining, // there is no key to conflict with
        }
    }
}
