//! An event, whole and owned.

use core::time::Duration;

use crate::{EventId, EventName, Text};

/// An event as a server sends it, or as a client keeps it. Every part may be absent; a client dispatches nothing for
/// an event without data.
///
/// ```
/// use sse_core::{Event, EventName};
///
/// let event = Event::builder().name(EventName::from_static("add")).data("73857293").build();
/// assert_eq!(event.to_bytes(), "event: add\ndata: 73857293\n\n");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Event {
    pub(crate) comment: Option<Text>,
    pub(crate) name: Option<EventName>,
    pub(crate) id: Option<EventId>,
    pub(crate) retry: Option<Duration>,
    pub(crate) data: Option<Text>,
}

impl Event {
    /// An event that has only data: a `message`.
    #[must_use]
    pub fn message(data: impl Into<Text>) -> Self {
        Self::builder().data(data).build()
    }

    /// Begins an event whose data is `value` as JSON, on one line.
    ///
    /// ```
    /// use sse_core::Event;
    ///
    /// let event = Event::json(&["a\nb"])?.build();
    /// assert_eq!(event.to_bytes(), "data: [\"a\\nb\"]\n\n");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `value` does not serialize as JSON.
    #[cfg(feature = "serde")]
    pub fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<EventBuilder, serde_json::Error> {
        serde_json::to_string(value).map(|json| Self::builder().data(json))
    }

    /// Begins an event.
    #[must_use]
    pub fn builder() -> EventBuilder {
        EventBuilder::default()
    }

    /// The event's name; `message` if it has none, or an empty one.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.name {
            Some(name) if !name.text().is_empty() => name.as_str(),
            _ => "message",
        }
    }

    /// The data, if there is any.
    #[must_use]
    pub const fn data(&self) -> Option<&Text> {
        self.data.as_ref()
    }

    /// The event's ID, if it sets one.
    #[must_use]
    pub const fn id(&self) -> Option<&EventId> {
        self.id.as_ref()
    }

    /// The reconnection time, if the event sets one.
    #[must_use]
    pub const fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// The comment that is sent before the fields, if there is one.
    #[must_use]
    pub const fn comment(&self) -> Option<&Text> {
        self.comment.as_ref()
    }
}

/// Builds an [`Event`]; see [`Event::builder`].
#[derive(Debug, Clone, Default)]
pub struct EventBuilder(Event);

impl EventBuilder {
    /// A comment, sent before the fields; a client ignores it.
    #[must_use]
    pub fn comment(mut self, comment: impl Into<Text>) -> Self {
        self.0.comment = Some(comment.into());
        self
    }

    /// The event's name.
    #[must_use]
    pub fn name(mut self, name: EventName) -> Self {
        self.0.name = Some(name);
        self
    }

    /// The event's ID, which becomes the client's last event ID.
    #[must_use]
    pub fn id(mut self, id: EventId) -> Self {
        self.0.id = Some(id);
        self
    }

    /// The reconnection time, sent in whole milliseconds.
    #[must_use]
    pub const fn retry(mut self, retry: Duration) -> Self {
        self.0.retry = Some(retry);
        self
    }

    /// The data: any text. A CRLF or CR in it arrives as LF.
    #[must_use]
    pub fn data(mut self, data: impl Into<Text>) -> Self {
        self.0.data = Some(data.into());
        self
    }

    /// The finished event.
    #[must_use]
    pub fn build(self) -> Event {
        self.0
    }
}
