//! How a connection is to be made.

use serde::de::DeserializeOwned;
use sse_core::{EventId, Text};

use crate::{ConnectError, EventSource, Message, reader::Reader, url};

/// Enough for the bursts that fit into one turn of the page, and some hundred kilobytes of small events.
const DEFAULT_QUEUE: usize = 1024;

/// How a connection is to be made. Begun by [`EventSource::builder`] or [`EventSource::untyped`].
#[derive(Debug)]
#[must_use = "a builder does nothing until it connects"]
pub struct Builder<T> {
    /// The first thing that was wrong is kept for `connect`.
    reader: Result<Reader<T>, ConnectError>,
    url: String,
    last_event_id: EventId,
    with_credentials: bool,
    queue: usize,
}

impl<T: DeserializeOwned + 'static> Builder<T> {
    pub(crate) fn typed(url: String) -> Self {
        Self::new(Reader::typed(), url)
    }
}

impl Builder<Message> {
    pub(crate) fn untyped(url: String) -> Self {
        Self::new(Ok(Reader::untyped()), url)
    }

    /// Listens for events of this name too. Those without a name come in any case.
    pub fn listen(mut self, name: impl Into<Text>) -> Self {
        self.reader = self.reader.and_then(|reader| reader.listen(name));
        self
    }
}

impl<T: 'static> Builder<T> {
    fn new(reader: Result<Reader<T>, ConnectError>, url: String) -> Self {
        Self { reader, url, last_event_id: EventId::default(), with_credentials: false, queue: DEFAULT_QUEUE }
    }

    /// Resumes after this event. The ID takes the place of a `last_event_id` in the URL's query.
    pub fn last_event_id(mut self, id: EventId) -> Self {
        self.url = url::with_last_event_id(&self.url, &id);
        self.last_event_id = id;
        self
    }

    /// Sends cookies to another origin too. Off by default, as in the browser.
    pub fn with_credentials(mut self, with_credentials: bool) -> Self {
        self.with_credentials = with_credentials;
        self
    }

    /// How many deliveries wait for the program before the oldest makes room; at least 1, by default 1,024.
    ///
    /// Nothing is taken from the queue while the page's own code runs, so it should hold the largest burst.
    pub fn queue(mut self, deliveries: usize) -> Self {
        self.queue = deliveries;
        self
    }

    /// Connects. Returns at once: how it goes is told by [`EventSource::signals`].
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if the type is no schema, a name is not to be listened for, or the browser refuses the URL.
    pub fn connect(self) -> Result<EventSource<T>, ConnectError> {
        EventSource::connect(&self.url, self.with_credentials, self.reader?, self.queue, self.last_event_id)
    }
}
