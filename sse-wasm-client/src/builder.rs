//! The settings of a connection.

use std::{fmt, rc::Rc, time::Duration};

use serde::de::DeserializeOwned;
use sse_core::{EventId, Limits, Text};

use crate::{
    AcrossTabs, ByEventSource, ByFetch, ConnectError, Credentials, EventSource, Message, Refusal, Transport, clock,
    decoder::Decoder,
    driver::Driver,
    reconnect::{Reconnect, Reconnection, Settings, Watchdog},
    sink::{Deliveries, Sink},
    transport::{HeaderProvider, Sharable, absolute},
    url,
};

/// Enough for the events of one turn of the page's event loop; a few hundred kilobytes if they are small.
const DEFAULT_QUEUE: usize = 1024;

/// The settings of a connection, from [`EventSource::builder`] or [`EventSource::untyped`].
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
/// // The same by fetch, which can send headers and is told of refusals:
/// let source = EventSource::untyped("https://api.example/events?topic=clock")
///     .fetch()
///     .header("Authorization", "Bearer …")
///     .credentials(Credentials::Omit)
///     .connect()?;
/// # drop(source); Ok(()) }
/// ```
#[must_use = "a builder does nothing until it connects"]
pub struct Builder<T, V = ByEventSource> {
    /// The first error is kept for `connect` to return.
    decoder: Result<Decoder<T>, ConnectError>,
    url: String,
    last_event_id: EventId,
    queue: usize,
    settings: Settings,
    transport: V,
}

impl<T: DeserializeOwned + 'static> EventSource<T> {
    /// Begins to configure a connection for the events that the enum `T` describes. The URL may be relative to the
    /// page's.
    pub fn builder(url: impl Into<String>) -> Builder<T> {
        Builder::new(Decoder::typed(), url.into())
    }
}

impl EventSource<Message> {
    /// Begins to configure a connection for events without a name (`message`) and those that [`Builder::listen`] adds.
    /// The URL may be relative to the page's.
    pub fn untyped(url: impl Into<String>) -> Builder<Message> {
        Builder::new(Ok(Decoder::untyped()), url.into())
    }
}

impl<V> Builder<Message, V> {
    /// Listens for events named `name` too. Events without a name are delivered in any case.
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

    /// Whether cookies are sent to another origin too. False by default, as in the browser.
    pub fn with_credentials(mut self, with_credentials: bool) -> Self {
        self.transport.with_credentials = with_credentials;
        self
    }

    /// Uses `fetch` instead of the browser's `EventSource`, to send headers and a body, and to be told of refusals.
    /// This resets [`with_credentials`](Self::with_credentials); see [`credentials`](Builder::credentials).
    pub fn fetch(self) -> Builder<T, ByFetch> {
        let Self { decoder, url, last_event_id, queue, settings, .. } = self;
        Builder { decoder, url, last_event_id, queue, settings, transport: ByFetch::default() }
    }
}

impl<T> Builder<T, ByFetch> {
    /// Sends a header with every request, such as `Authorization`. It replaces an earlier one of the same name.
    ///
    /// To another origin most headers take a preflight, in which that origin has to allow them.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.transport.headers.push((name.into(), value.into()));
        self
    }

    /// Calls a function for headers before each request, such as a token that expires. They replace those of the same
    /// name.
    ///
    /// If it returns `None`, or a header that the browser refuses, the attempt has failed, and the next one comes after
    /// a wait. Its future counts against the time for a response's head, 30 s unless [`no_watchdog`](Self::no_watchdog)
    /// is set, and is dropped with the connection.
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

    /// Sends a `POST` with this body instead of a `GET`, each time it connects. Its `Content-Type` is `text/plain`
    /// unless [`header`](Self::header) sets it.
    ///
    /// A `POST` may cost something each time, so by default it is repeated only once the stream has given an ID
    /// ([`Reconnection::OnceResumable`]).
    pub fn post(mut self, body: impl Into<String>) -> Self {
        self.transport.body = Some(body.into());
        self.settings.reconnection.get_or_insert(Reconnection::OnceResumable);
        self
    }

    /// Where cookies are sent. By default only to the page's own origin, as in the browser.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.transport.credentials = credentials;
        self
    }

    /// The longest line and event, by default 4 MiB each. An event that exceeds a limit is discarded and reported by
    /// [`Signal::TooLong`](crate::Signal::TooLong).
    pub fn limits(mut self, limits: Limits) -> Self {
        self.transport.limits = limits;
        self
    }

    /// Sends the last event ID in the query (`last_event_id`) instead of the header `Last-Event-ID`.
    ///
    /// The default is the header, since all servers know it. To another origin it takes a preflight, which hubs allow
    /// and let the browser cache. For a server that does not, there is only the query.
    pub fn last_event_id_in_query(mut self) -> Self {
        self.transport.last_event_id_in_query = true;
        self
    }

    /// Decides after which refusals the client tries again; after all others it is closed. By default
    /// [`Refusal::may_pass`]: after 408, 425, 429 and 500 to 599, but not after a 200 that is no event stream.
    pub fn retry_if(mut self, may_pass: impl Fn(&Refusal) -> bool + 'static) -> Self {
        self.settings.may_pass = Rc::new(may_pass);
        self
    }
}

#[expect(private_bounds, reason = "that is what seals it")]
impl<T, V: Sharable> Builder<T, V> {
    /// Shares one connection among all tabs of the browser that want the same stream: with the same URL, event names,
    /// and settings of transport, waits and heartbeats. They may differ in [`queue`](Self::queue),
    /// [`pause_when_hidden`](Self::pause_when_hidden), [`last_event_id`](Self::last_event_id), and the functions of
    /// `retry_if` and `headers_from`, which can't be compared: those of the tab that holds the connection are used. Set
    /// what concerns the transport before this.
    ///
    /// Each tab has every event once and in order, and every state and signal, whichever tab holds the connection. When
    /// that tab goes, another takes over. See [the crate's page](crate#one-connection-for-all-tabs).
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
    /// Resumes after the event with this ID, which replaces a `last_event_id` in the URL's query.
    pub fn last_event_id(mut self, id: EventId) -> Self {
        self.url = url::with_last_event_id(&self.url, &EventId::default());
        self.last_event_id = id;
        self
    }

    /// How many deliveries may wait for the program: at least 1, by default 1,024.
    ///
    /// When the queue is full the oldest delivery is dropped and counted. Nothing is taken from it while the page's own
    /// code runs, so it should hold the largest burst. Over fetch nothing is dropped: the client reads on when there is
    /// room, and the server waits meanwhile, or cuts off a client that is too slow. Where tabs share the connection,
    /// the oldest is dropped over fetch too, since one tab would hold up all.
    pub fn queue(mut self, deliveries: usize) -> Self {
        self.queue = deliveries;
        self
    }

    /// When the stream is asked for again that has ended, failed, or was refused in a way that may pass. By default
    /// always, and for a `POST` once the stream has given an ID.
    ///
    /// ```no_run
    /// use sse_wasm_client::{EventSource, Reconnection};
    ///
    /// # fn run() -> Result<(), sse_wasm_client::ConnectError> {
    /// // what a language model writes is paid for once, and its end is the end
    /// let answer = EventSource::untyped("/chat").fetch().post("{}").reconnect(Reconnection::UntilBegun).connect()?;
    /// # drop(answer); Ok(()) }
    /// ```
    pub fn reconnect(mut self, when: Reconnection) -> Self {
        self.settings.reconnection = Some(when);
        self
    }

    /// The shortest wait before connecting again, unless the server sets it (`retry`): by default 3 s, as in browsers.
    /// The first wait is a random time between this and twice as much, the next one up to four times as much, and so
    /// on.
    ///
    /// While the browser's `EventSource` reconnects by itself, it follows a rule of its own and does not tell what the
    /// server set. Over fetch the server's time is respected, up to 10 min.
    pub fn reconnection_time(mut self, time: Duration) -> Self {
        self.settings.policy.reconnection_time = time;
        self
    }

    /// The longest wait after failures in a row: by default 30 s, since a user waits no longer. The server may still
    /// ask for more.
    pub fn max_wait(mut self, time: Duration) -> Self {
        self.settings.policy.max_wait = time;
        self
    }

    /// Closes the connection after this number of refusals in a row, without an event between them. By default it never
    /// gives up.
    ///
    /// A server that can't be reached refuses nothing, and neither does a hub that is full and ends the stream at once
    /// ([`Drain`](crate::Drain)). The browser's `EventSource` does not tell a final refusal (401, 404) from one that
    /// passes, so over it nothing else ends a client by itself.
    pub fn give_up_after(mut self, refusals: u32) -> Self {
        self.settings.give_up_after = Some(refusals.max(1));
        self
    }

    /// The interval of the server's heartbeats. If nothing arrives for it and 5 s more, the connection is considered
    /// dead and made anew.
    ///
    /// A hub's need not be set: over fetch the head tells the interval, and over `EventSource` a server that sends
    /// `sse-cursor` is assumed to have the default of 15 s. Set this for a hub with another interval, and for other
    /// servers that send heartbeats. Over `EventSource` they have to be events, since comments are not visible.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.settings.watchdog = Some(Watchdog::promised(interval));
        self
    }

    /// Never considers a silent connection dead. Otherwise even a server that sends no heartbeats has 30 s for a
    /// response's head, and 20 s from there to its first event.
    pub fn no_watchdog(mut self) -> Self {
        self.settings.watchdog = None;
        self
    }

    /// Disconnects when the page has been hidden for this time, and resumes when it is visible again. By default a
    /// hidden page stays connected. Where tabs share the connection, only the hidden tab leaves it.
    pub fn pause_when_hidden(mut self, after: Duration) -> Self {
        self.settings.pause_when_hidden = Some(after);
        self
    }
}

impl<T: 'static, V: Transport> Builder<T, V> {
    /// Connects. Returns at once; [`EventSource::signals`] tells what becomes of the connection.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if the type does not describe events, a name can't be listened for, or the browser refuses the
    /// URL or a header.
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
