//! Events as the application gets them.

use sse_core::{EventId, EventName, Text};

/// An event as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery<T> {
    /// The content.
    pub value: T,
    /// The last event ID as of this event: where to resume once this has been processed. Until the server sets one it
    /// is the ID that the connection was made with, which may be empty.
    pub id: EventId,
    /// The origin of the stream's URL, after redirects.
    pub origin: Text,
}

/// The name and data of an event that is not decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The event's name; `message` if the server gave none.
    pub name: EventName,
    /// The data.
    pub data: Text,
}
