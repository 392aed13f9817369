//! An `EventSource`, as its page and the test see it.

mod expect;

use std::{fmt, time::Duration};

use super::{
    event::{BrowserEvent, BrowserRequest, ReadyState},
    link::Link,
};

/// An event stream as a browser's `EventSource` reads it. It reconnects by itself until it is closed.
///
/// Like a [`TestStream`](crate::TestStream) it makes progress only while something of it is awaited, and an expectation
/// is about what comes next. All but [`expect_open`](Self::expect_open) skip `open`. A failure panics with the whole
/// timeline: every request and answer, every frame and wait.
///
/// ```
/// use sse_testkit::{BrowserClient, TestClient, event_stream};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let client = TestClient::from_fn(async |request| match request.headers().get("last-event-id") {
///     None => event_stream("data: a\nid: 1\n\n"),
///     Some(_) => http::Response::builder().status(204).body("".into()).unwrap(),
/// });
/// let mut stream = BrowserClient::new(client).open("/events");
/// stream.expect_event("a").await;
/// assert_eq!(stream.expect_error().await, "the stream ended");
/// let why = stream.expect_closed().await; // 3 seconds later
/// assert_eq!(why, "the server wants no more of this client (status 204)");
/// # }
/// ```
pub struct BrowserStream {
    link: Link,
    /// The names of the events that the page listens to; `None` for all.
    listened: Option<Vec<String>>,
    /// For the next expectation only.
    within: Option<Duration>,
}

impl BrowserStream {
    pub(super) const fn new(link: Link, listened: Option<Vec<String>>) -> Self {
        Self { link, listened, within: None }
    }

    /// The `readyState`, as of what the page has seen.
    ///
    /// ```
    /// # use sse_testkit::{BrowserClient, TestClient, browser::ReadyState, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
    /// let mut stream = BrowserClient::new(client).open("/events");
    /// assert_eq!(stream.ready_state(), ReadyState::Connecting);
    /// stream.expect_open().await;
    /// assert_eq!(stream.ready_state(), ReadyState::Open);
    /// # }
    /// ```
    #[must_use]
    pub const fn ready_state(&self) -> ReadyState {
        self.link.seen.ready_state
    }

    /// The last event ID as of what the page has seen, which the next request sends. A page itself can't see it.
    ///
    /// ```
    /// # use sse_testkit::{BrowserClient, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\nid: 1\n\ndata: b\nid: 2\n\n"));
    /// let mut stream = BrowserClient::new(client).open("/events");
    /// stream.expect_event("a").await;
    /// assert_eq!(stream.last_event_id(), "1");
    /// # }
    /// ```
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        &self.link.seen.last_event_id
    }

    /// When the last thing that the page has seen came, as a time since the stream was opened.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sse_testkit::{BrowserClient, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("retry: 60000\n"));
    /// let mut stream = BrowserClient::new(client).open("/events");
    /// stream.expect_error().await;
    /// stream.expect_open().await;
    /// assert_eq!(stream.received_at(), Duration::from_secs(60));
    /// # }
    /// ```
    #[must_use]
    pub const fn received_at(&self) -> Duration {
        self.link.seen.at
    }

    /// The requests sent so far, including those of redirects. After 8192 of them the oldest are missing.
    ///
    /// ```
    /// # use sse_testkit::{BrowserClient, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\nid: 1\n\n"));
    /// let mut stream = BrowserClient::new(client).open("/events");
    /// stream.expect_event("a").await;
    /// stream.expect_error().await;
    /// stream.expect_event("a").await;
    /// let ids: Vec<_> = stream.requests().iter().map(|request| &*request.last_event_id).collect();
    /// assert_eq!(ids, ["", "1"]);
    /// # }
    /// ```
    #[must_use]
    pub fn requests(&self) -> &[BrowserRequest] {
        &self.link.requests
    }

    /// Sets the time allowed for the next expectation, in tokio's time. Default: 5 seconds and the reconnection time.
    /// To set it for all, see [`BrowserClient::within`](crate::BrowserClient::within).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sse_testkit::{BrowserClient, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| {
    /// #     tokio::time::sleep(Duration::from_secs(50)).await;
    /// #     event_stream("data: late\n\n")
    /// # });
    /// let mut stream = BrowserClient::new(client).open("/slow");
    /// stream.within(Duration::from_secs(60)).expect_event("late").await;
    /// # }
    /// ```
    #[must_use = "this is about the expectation that follows"]
    pub const fn within(&mut self, time: Duration) -> &mut Self {
        self.within = Some(time);
        self
    }

    /// Closes the stream for good, as the page's `close()` does: no `error` is fired, and what came but has not been
    /// seen is lost.
    ///
    /// ```
    /// # use sse_testkit::{BrowserClient, TestClient, browser::ReadyState, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\ndata: b\n\n"));
    /// let mut stream = BrowserClient::new(client).open("/events");
    /// stream.expect_event("a").await;
    /// stream.close();
    /// assert_eq!(stream.ready_state(), ReadyState::Closed);
    /// assert_eq!(stream.next().await, None);
    /// # }
    /// ```
    pub fn close(&mut self) {
        self.link.close();
    }

    /// Takes the network away: an open connection breaks, and the page sees an `error`. What came but has not been seen
    /// is lost. Nothing is sent until the network [is back](Self::go_online).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sse_testkit::{BrowserClient, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\nid: 1\n\n"));
    /// let mut stream = BrowserClient::new(client).open("/events");
    /// stream.expect_event("a").await;
    /// stream.go_offline();
    /// assert_eq!(stream.expect_error().await, "the network is gone");
    /// stream.expect_silence(Duration::from_secs(60)).await;
    /// stream.go_online();
    /// stream.expect_open().await;
    /// assert_eq!(stream.requests()[1].last_event_id, "1");
    /// assert_eq!(stream.requests()[1].at, Duration::from_secs(60));
    /// # }
    /// ```
    pub fn go_offline(&mut self) {
        self.link.go_offline();
    }

    /// Brings the network back. The next request is sent at once, but not before the reconnection time has passed.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sse_testkit::{BrowserClient, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\nid: 1\n\n"));
    /// let mut stream = BrowserClient::new(client).open("/events");
    /// stream.expect_event("a").await;
    /// stream.go_offline(); // the lift
    /// stream.expect_error().await;
    /// stream.go_online();
    /// stream.expect_open().await;
    /// assert_eq!(stream.requests()[1].at, Duration::from_secs(3));
    /// # }
    /// ```
    pub fn go_online(&mut self) {
        self.link.go_online();
    }

    /// The time until the next request, if it has to wait.
    pub(crate) fn wait(&self) -> Option<Duration> {
        self.link.wait()
    }

    /// Bounds the timeline to `bytes`, for where there are many streams.
    pub(crate) const fn keep(&mut self, bytes: usize) {
        self.link.timeline.keep(bytes);
    }

    /// Awaits the next event for the page, however long it takes; `None` if the stream is closed. Nothing is lost if
    /// the future is dropped before it is ready.
    pub(crate) async fn next_fired(&mut self) -> Option<BrowserEvent> {
        loop {
            if let Some(event) = self.take_fired() {
                return Some(event);
            }
            if self.link.is_closed() {
                return None;
            }
            self.link.step().await;
        }
    }

    /// Skips the next event of those that have already come. Returns true if there was one.
    pub(crate) fn overlook(&mut self) -> bool {
        self.take_fired().is_some()
    }

    /// The next event that the page listens to, of those that have already come.
    fn take_fired(&mut self) -> Option<BrowserEvent> {
        loop {
            match self.link.take_fired()? {
                BrowserEvent::Event(event) if !self.hears(&event.name) => {}
                event => return Some(event),
            }
        }
    }

    fn hears(&self, name: &String) -> bool {
        let listens = self.listened.as_ref().is_none_or(|listened| listened.contains(name));
        listens && !self.link.call.skipped.contains(name)
    }
}

impl fmt::Debug for BrowserStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrowserStream")
            .field("ready_state", &self.ready_state())
            .field("last_event_id", &self.last_event_id())
            .field("received_at", &self.received_at())
            .field("requests", &self.requests().len())
            .finish_non_exhaustive()
    }
}
