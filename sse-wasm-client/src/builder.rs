//! How a connection is to be made.

use std::{fmt, rc::Rc, time::Duration};

use serde::de::DeserializeOwned;
use sse_core::{EventId, Limits, Text};

use crate::{
    AcrossTabs, ByEventSource, ByFetch, ConnectError, Credentials, EventSource, Message, Refusal, Transport, clock,
    decoder::Decoder,
    driver::Driver,
    reconnect::{Reconnect, Settings, Watchdog},
    sink::{Deliveries, Sink},
    transport::{HeaderProvider, Sharable, absolute},
    url,
};

/// Enough for the bursts that fit into one turn of the page, and some hundred kilobytes of small events.
const DEFAULT_QUEUE: usize = 1024;

/// How a connection is to be made. Begun by [`EventSource::builder`] or [`EventSource::untyped`].
///
/// ```no_run
/// use core::time::Duration;
/// use sse_wasm_client::{ConnectError, Credentials, EventId, EventSource};
///
/// # fn connect(last_seen: EventId) -> Result<(), ConnectError> {
/// // The browser's EventSource:
/// let source = EventSource::untyped("/events?topic=clock")
///     .last_event_id(last_seen)
///     .pause_when_hidden(Duration::from_secs(60))
///     .connect()?;
///
/// // The same by fetch, which can send more and learns more:
/// let source = EventSource::untyped("https://api.example/events?topic=clock")
///     .fetch()
///     .header("Authorization", "Bearer …")
///     .credentials(Credentials::Omit)
///     .connect()?;
/// # drop(source); Ok(()) }
/// ```
#[must_use = "a builder does nothing until it connects"]
pub struct Builder<T, V = ByEventSource> {
    /// The first thing that was wrong is kept for `connect`.
    decoder: Result<Decoder<T>, ConnectError>,
    url: String,
    last_event_id: EventId,
    queue: usize,
    settings: Settings,
    transport: V,
}

impl<T: DeserializeOwned + 'static> EventSource<T> {
    /// Begins a connection for the events that the enum `T` describes.
    ///
    /// The URL may be relative to the page's.
    pub fn builder(url: impl Into<String>) -> Builder<T> {
        Builder::new(Decoder::typed(), url.into())
    }
}

impl EventSource<Message> {
    /// Begins a connection for events without a name (`message`), and those that [`Builder::listen`] adds.
    ///
    /// The URL may be relative to the page's.
    pub fn untyped(url: impl Into<String>) -> Builder<Message> {
        Builder::new(Ok(Decoder::untyped()), url.into())
    }
}

impl<V> Builder<Message, V> {
    /// Listens for events of this name too. Those without a name come in any case.
    pub fn listen(mut self, name: impl Into<Text>) -> Self {
        self.decoder = self.decoder.and_then(|decoder| decoder.listen(name));
        self
    }
}

impl<T> Builder<T> {
    fn new(decoder: Result<Decoder<T>, ConnectError>, url: String) -> Self {
        Self {
            decoder,
            url,
            last_event_id: EventId::default(),
            queue: DEFAULT_QUEUE,
            settings: Settings::default(),
            transport: ByEventSource::default(),
        }
    }

    /// Sends cookies to another origin too. Off by default, as in the browser.
    pub fn with_credentials(mut self, with_credentials: bool) -> Self {
        self.transport.with_credentials = with_credentials;
        self
    }

    /// Uses `fetch` instead of the browser's `EventSource`. It can send headers and a body, and tells what the server
    /// answers. What was said of credentials is said anew there.
    pub fn fetch(self) -> Builder<T, ByFetch> {
        let Self { decoder, url, last_event_id, queue, settings, .. } = self;
        Builder { decoder, url, last_event_id, queue, settings, transport: ByFetch::default() }
    }
}

impl<T> Builder<T, ByFetch> {
    /// Sends this header with every request, such as `Authorization`. One of the same name is replaced.
    ///
    /// To another origin most headers take a preflight, by which that origin allows them.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.transport.headers.push((name.into(), value.into()));
        self
    }

    /// Asks this function for headers before each request, such as a token that does not last. They take the place of
    /// those of the same name.
    ///
    /// With `None`, or a header that the browser refuses, the try has failed, and the next one comes after a wait. It has
    /// the time of an answer's head, 30 s unless [`no_watchdog`](Self::no_watchdog) was said, and is dropped when the
    /// connection is.
    ///
    /// ```no_run
    /// use sse_wasm_client::{ConnectError, EventSource};
    ///
    /// async fn token() -> Option<String> {
    ///     None // not signed in yet
    /// }
    ///
    /// # fn connect() -> Result<(), ConnectError> {
    /// let source = EventSource::untyped("/events?topic=clock")
    ///     .fetch()
    ///     .headers_from(|| async { Some(vec![("Authorization".into(), format!("Bearer {}", token().await?))]) })
    ///     .connect()?;
    /// # drop(source); Ok(()) }
    /// ```
    pub fn headers_from<F>(mut self, headers: impl Fn() -> F + 'static) -> Self
    where
        F: Future<Output = Option<Vec<(String, String)>>> + 'static,
    {
        self.transport.header_provider = Some(HeaderProvider::new(headers));
        self
    }

    /// Sends a `POST` with this body instead of a `GET`, again with each connection. Its `Content-Type` is text unless
    /// [`header`](Self::header) says otherwise.
    pub fn post(mut self, body: impl Into<String>) -> Self {
        self.transport.body = Some(body.into());
        self
    }

    /// To whom cookies are sent. By default only to the page's own origin, as in the browser.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.transport.credentials = credentials;
        self
    }

    /// How much of a stream is kept in memory for one event: by default lines and events of 4 MiB. What is longer is
    /// dropped, which [`Signal::TooLong`](crate::Signal::TooLong) tells.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.transport.limits = limits;
        self
    }

    /// Puts the last event ID into the query (`last_event_id`) instead of the header `Last-Event-ID`.
    ///
    /// Every server knows the header, so that is the default. To another origin it takes a preflight, which hubs allow
    /// and have the browser remember; where a server does not, only the query is left.
    pub fn last_event_id_in_query(mut self) -> Self {
        self.transport.last_event_id_in_query = true;
        self
    }

    /// Decides which refusals may pass, so that the client tries again; after the others it is closed. By default
    /// [`Refusal::may_pass`]: all but 408, 425, 429 and 500 to 599 are final, and so is a 200 that is no event stream.
    pub fn retry_if(mut self, may_pass: impl Fn(&Refusal) -> bool + 'static) -> Self {
        self.settings.may_pass = Rc::new(may_pass);
        self
    }
}

#[expect(private_bounds, reason = "only what can be shared can be")]
impl<T, V: Sharable> Builder<T, V> {
    /// Shares one connection among all tabs of the browser that want the same: the URL, the event names, and what this
    /// builder was told of the transport, waits and heartbeats. Not to be the same are [`queue`](Self::queue),
    /// [`pause_when_hidden`](Self::pause_when_hidden), [`last_event_id`](Self::last_event_id), and the functions of
    /// `retry_if` and `headers_from`, which nobody can compare: those of the tab which holds the connection count. What
    /// the transport is to be told is told before this.
    ///
    /// Each tab has every event once and in order, and each state and signal. Which tab holds the connection does not
    /// show, and when that one goes another goes on where it was. See [the crate's page](crate#one-connection-for-all-tabs).
    ///
    /// ```no_run
    /// use sse_wasm_client::{ConnectError, EventSource};
    ///
    /// # fn connect() -> Result<(), ConnectError> {
    /// let source = EventSource::untyped("/events?topic=clock").fetch().across_tabs().connect()?;
    /// # drop(source); Ok(()) }
    /// ```
    pub fn across_tabs(self) -> Builder<T, AcrossTabs<V>> {
        let Self { decoder, url, last_event_id, queue, settings, transport } = self;
        Builder { decoder, url, last_event_id, queue, settings, transport: AcrossTabs(transport) }
    }
}

impl<T, V> Builder<T, V> {
    /// Resumes after this event. The ID takes the place of a `last_event_id` in the URL's query.
    pub fn last_event_id(mut self, id: EventId) -> Self {
        self.url = url::with_last_event_id(&self.url, &EventId::default());
        self.last_event_id = id;
        self
    }

    /// How many deliveries wait for the program; at least 1, by default 1,024.
    ///
    /// When the queue is full the oldest makes room, and is counted. Nothing is taken from it while the page's own code
    /// runs, so it should hold the largest burst. Over fetch nothing is lost: the client reads on when there is room,
    /// and the server waits meanwhile, or cuts off who is too slow for it; but not where tabs share the connection, since
    /// one would hold up all.
    pub fn queue(mut self, deliveries: usize) -> Self {
        self.queue = deliveries;
        self
    }

    /// How long to wait at least before connecting again, until the server asks for something (`retry`); by default
    /// 3 s, as browsers have it. The first wait is drawn from between this and twice as much, the next from up to four
    /// times as much, and so on.
    ///
    /// As long as the browser's `EventSource` reconnects by itself it does so by a rule of its own, and does not tell
    /// what the server asked for. Over fetch the server is heeded, up to 10 min.
    pub fn reconnection_time(mut self, time: Duration) -> Self {
        self.settings.policy.reconnection_time = time;
        self
    }

    /// The longest wait that failures in a row lead to, by default 30 s: a user waits no longer. The server may still
    /// ask for more.
    pub fn max_wait(mut self, time: Duration) -> Self {
        self.settings.policy.max_wait = time;
        self
    }

    /// Closes after so many refusals in a row, without an event between them; by default never.
    ///
    /// A server that can't be reached has refused nothing. The browser's `EventSource` does not tell a refusal that is
    /// final (401, 404) from one that passes, so over it this is the only thing that ends a client by itself.
    pub fn give_up_after(mut self, refusals: u32) -> Self {
        self.settings.give_up_after = Some(refusals.max(1));
        self
    }

    /// The interval of the server's heartbeats. After it and 5 s more without a word the connection is taken for dead,
    /// and made anew.
    ///
    /// A hub's are known by themselves: over fetch the head tells the interval, over `EventSource` the default of 15 s
    /// is assumed of who sends `sse-cursor`. Say this for a hub with another interval, and for other servers that send
    /// heartbeats. Over `EventSource` they have to be events, since comments can't be seen.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.settings.watchdog = Some(Watchdog::promised(interval));
        self
    }

    /// Never takes silence for a dead connection. Otherwise even a server that sends no heartbeats has 30 s for an
    /// answer's head, and 20 s from there to its first event.
    pub fn no_watchdog(mut self) -> Self {
        self.settings.watchdog = None;
        self
    }

    /// Disconnects once the page has been hidden for so long, and goes on where it was when it is visible again. By
    /// default a hidden page stays connected. Where tabs share the connection, only the hidden one leaves it.
    pub fn pause_when_hidden(mut self, after: Duration) -> Self {
        self.settings.pause_when_hidden = Some(after);
        self
    }
}

impl<T: 'static, V: Transport> Builder<T, V> {
    /// Connects. Returns at once: how it goes is told by [`EventSource::signals`].
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if the type is no schema, a name is not to be listened for, or the browser refuses the URL or a
    /// header.
    pub fn connect(self) -> Result<EventSource<T>, ConnectError> {
        let Self { decoder, url, last_event_id, queue, mut settings, transport } = self;
        let decoder = decoder?;
        let dial = transport.dialer(absolute(&url)?, decoder.names(), &mut settings)?;
        let deliveries = Rc::new(Deliveries::new(decoder, queue));
        let sink: Rc<dyn Sink> = deliveries.clone();
        let driver = Driver::start(Reconnect::new(settings, last_event_id, clock::now()), sink, dial)?;
        Ok(EventSource::new(driver, deliveries, queue))
    }
}

impl<T, V: fmt::Debug> fmt::Debug for Builder<T, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("decoder", &self.decoder)
            .field("url", &self.url)
            .field("last_event_id", &self.last_event_id)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}
