//! A client that behaves as a browser's `EventSource`.
//!
//! Source: [server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html).

mod event;
mod link;
mod location;
mod stream;

use std::time::Duration;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT, CACHE_CONTROL},
};

use crate::{call::LAST_EVENT_ID, client::TestClient, request::header};
use link::Link;

pub use event::{BrowserEvent, BrowserRequest, ReadyState};
pub use stream::BrowserStream;

/// The headers that the browser sets itself.
const OWN: [HeaderName; 3] = [ACCEPT, CACHE_CONTROL, LAST_EVENT_ID];

/// A browser that sends its requests through a [`TestClient`], and does what the standard says an `EventSource` does.
///
/// | | |
/// |---|---|
/// | each request | `Accept: text/event-stream`, `Cache-Control: no-cache` and, unless empty, `Last-Event-ID` |
/// | 200 and `text/event-stream`, whatever its parameters | `open`, then the events |
/// | any other answer, a 204 as well | `error`, `CLOSED`: no more requests |
/// | the end of the stream, a network error | `error`, `CONNECTING`: it waits exactly the reconnection time, and connects again |
/// | 301, 302, 303, 307, 308 | followed up to 20 times; it reconnects to the last target |
/// | a redirect to another origin | a network error: there is no other server here |
///
/// The reconnection time is 3 seconds until the server's `retry` sets it. It does not grow with failures, and has no
/// upper bound. There are no cookies, no CORS and no cache.
///
/// ```
/// use sse_testkit::{BrowserClient, TestClient, event_stream};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let client = TestClient::from_fn(async |request| match request.headers().get("last-event-id") {
///     None => event_stream("retry: 10000\ndata: a\nid: 1\n\n"),
///     Some(_) => event_stream("data: b\nid: 2\n\n"),
/// });
/// let mut stream = BrowserClient::new(client).open("/events");
/// stream.expect_open().await;
/// stream.expect_event("a").await;
/// stream.expect_error().await; // the end of the stream
/// stream.expect_event("b").await; // 10 seconds later
/// assert_eq!(stream.requests()[1].last_event_id, "1");
/// assert_eq!(stream.requests()[1].at.as_secs(), 10);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct BrowserClient {
    client: TestClient,
    firefox: bool,
    reconnection_time: Duration,
    headers: HeaderMap,
    within: Option<Duration>,
    listened: Option<Vec<String>>,
    skipped: Vec<String>,
}

impl BrowserClient {
    /// A browser that follows the standard, with Chrome's reconnection time.
    ///
    /// ```
    /// # use sse_testkit::{BrowserClient, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let client = TestClient::from_fn(async |_request| event_stream("data: hello\n\n"));
    /// BrowserClient::new(client).open("/events").expect_event("hello").await;
    /// # }
    /// ```
    #[must_use]
    pub fn new(client: TestClient) -> Self {
        Self {
            client,
            firefox: false,
            reconnection_time: Duration::from_secs(3),
            headers: HeaderMap::new(),
            within: None,
            listened: None,
            skipped: Vec::new(),
        }
    }

    /// Does what Firefox does. An ID in a block without data is not committed, so neither later events nor the next
    /// request have it. The reconnection time is 5 seconds, and never less than half a second. Only permanent redirects
    /// (301 and 308) change where it reconnects to.
    ///
    /// ```
    /// # use sse_testkit::{BrowserClient, TestClient, event_stream, message};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let client = TestClient::from_fn(async |_| event_stream("data: a\nid: 1\n\nid: 2\n\ndata: b\n\n"));
    /// let browser = BrowserClient::new(client);
    ///
    /// let mut stream = browser.open("/events");
    /// stream.expect_events([message("a").id("1"), message("b").id("2")]).await;
    ///
    /// let mut stream = browser.firefox().open("/events");
    /// stream.expect_events([message("a").id("1"), message("b").id("1")]).await;
    /// # }
    /// ```
    #[must_use]
    pub const fn firefox(mut self) -> Self {
        self.firefox = true;
        self.reconnection_time = Duration::from_secs(5);
        self
    }

    /// Sets the reconnection time until the server sets another. Call it after [`firefox`](Self::firefox), which sets
    /// it, too.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sse_testkit::{BrowserClient, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream(""));
    /// let browser = BrowserClient::new(client).reconnection_time(Duration::from_millis(20));
    /// let mut stream = browser.open("/events");
    /// stream.expect_error().await;
    /// stream.expect_open().await;
    /// assert_eq!(stream.requests()[1].at, Duration::from_millis(20));
    /// # }
    /// ```
    #[must_use]
    pub const fn reconnection_time(mut self, time: Duration) -> Self {
        self.reconnection_time = time;
        self
    }

    /// Adds a header field to each request, as a browser adds cookies. A page can't do that.
    ///
    /// ```
    /// # use sse_testkit::{BrowserClient, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |request| {
    /// #     event_stream(format!("data: {}\n\n", request.headers()["cookie"].to_str().unwrap()))
    /// # });
    /// let browser = BrowserClient::new(client).header("cookie", "user=7");
    /// browser.open("/events").expect_event("user=7").await;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If HTTP does not allow it, or the browser sets it itself: `accept`, `cache-control` and `last-event-id`.
    #[must_use]
    #[track_caller]
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        let (name, value) = header(name.as_ref(), value.as_ref());
        assert!(!OWN.contains(&name), "{:?} is set by the browser itself", name.as_str());
        self.headers.append(name, value);
        self
    }

    /// Sets the time allowed for each expectation, in tokio's time. Default: 5 seconds and the reconnection time.
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
    /// let browser = BrowserClient::new(client).within(Duration::from_secs(60));
    /// browser.open("/slow").expect_event("late").await;
    /// # }
    /// ```
    #[must_use]
    pub const fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }

    /// Makes the page listen to events of these names only, instead of to all. An event without a name is a `message`.
    /// A failure still shows all of them.
    ///
    /// ```
    /// # use sse_testkit::{BrowserClient, TestClient, event, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\nevent: add\ndata: 3\n\n"));
    /// let mut stream = BrowserClient::new(client).listen(["add"]).open("/events");
    /// stream.expect_event(event("add").data("3")).await;
    /// # }
    /// ```
    #[must_use]
    pub fn listen<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.listened.get_or_insert_default().extend(names.into_iter().map(Into::into));
        self
    }

    /// Hides events of these names from the page, as if it did not listen to them. Their IDs are still committed.
    ///
    /// ```
    /// # use sse_testkit::{BrowserClient, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| {
    /// #     event_stream("event: sse-cursor\ndata:\nid: 7\n\ndata: hello\n\n")
    /// # });
    /// let mut stream = BrowserClient::new(client).skip_events(["sse-cursor"]).open("/events");
    /// stream.expect_event("hello").await;
    /// # }
    /// ```
    #[must_use]
    pub fn skip_events<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.skipped.extend(names.into_iter().map(Into::into));
        self
    }

    /// Opens an event stream, as a page does with `new EventSource(url)`; `path` may have a query. There is no task
    /// behind it: the first request is sent when something of the stream is first awaited.
    ///
    /// ```
    /// # use sse_testkit::{BrowserClient, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: hello\n\n"));
    /// let mut stream = BrowserClient::new(client).open("/events?topic=news");
    /// stream.expect_event("hello").await;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If `path` can't be a request's target.
    #[must_use]
    #[track_caller]
    pub fn open(&self, path: &str) -> BrowserStream {
        let mut call = self.client.get(path).into_call();
        call.headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        call.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        call.headers.extend(self.headers.clone());
        call.within = self.within;
        call.skipped.clone_from(&self.skipped);
        let link = Link::new(call, self.firefox, self.reconnection_time);
        BrowserStream::new(link, self.listened.clone())
    }

    /// The faults that the answers have, with their seed.
    pub(crate) fn plan(&self) -> Option<String> {
        self.client.plan()
    }
}

impl From<TestClient> for BrowserClient {
    fn from(client: TestClient) -> Self {
        Self::new(client)
    }
}

impl From<&TestClient> for BrowserClient {
    fn from(client: &TestClient) -> Self {
        Self::new(client.clone())
    }
}

impl From<&Self> for BrowserClient {
    fn from(browser: &Self) -> Self {
        browser.clone()
    }
}
