//! An event on its way to the application.

use sse_core::{EventId, EventName, Text};

/// An event as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery<T> {
    /// What the event says.
    pub value: T,
    /// The last event ID as of this event: where to resume once this is dealt with. It is the server's, or what the
    /// connection was made with as long as the server has set none, or empty.
    pub id: EventId,
    /// The origin of the URL that the event came from, after redirects.
    pub origin: Text,
}

/// An event without a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The event's name, `message` if the server gave none.
    pub name: EventName,
    /// The data.
    pub data: Text,
}
