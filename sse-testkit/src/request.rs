//! A request while it is put together.

use std::{fmt, panic::Location, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri, header::ACCEPT};

use crate::{
    body::Body,
    call::{Call, LAST_EVENT_ID, NoAnswer},
    escape::quoted,
    response::Response,
    stream::TestStream,
    transport::Transport,
};

/// Builds a request, and sends it.
///
/// Like one over a socket, the request has a `host` and, for a whole body, a `content-length`. A header that the test
/// sets takes their place.
///
/// ```
/// # use sse_testkit::{TestClient, event_stream};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let client = TestClient::from_fn(async |_| event_stream("data: hello\n\n"));
/// let mut stream = client
///     .get("/events?topic=news")
///     .header("authorization", "Bearer secret")
///     .last_event_id("7")
///     .connect()
///     .await;
/// stream.expect_event("hello").await;
/// # }
/// ```
#[must_use = "a request does nothing until it is sent: `send` or `connect`"]
pub struct RequestBuilder {
    call: Call,
}

impl RequestBuilder {
    #[track_caller]
    pub(crate) fn new(transport: Arc<dyn Transport>, method: Method, path: &str) -> Self {
        match path.parse::<Uri>() {
            Ok(uri) => Self { call: Call::new(transport, method, uri) },
            Err(error) => panic!("{path:?} can't be a request's target: {error}"),
        }
    }

    pub(crate) fn into_call(self) -> Call {
        self.call
    }

    /// Adds a header field. Earlier ones of the same name stay.
    ///
    /// ```
    /// # use sse_testkit::TestClient;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |request| {
    /// #     http::Response::new(request.headers()["idempotency-key"].to_str().unwrap().to_owned())
    /// # });
    /// let response = client.post("/publish/news").header("idempotency-key", "k1").body("hello").send().await;
    /// # assert_eq!(response.text(), "k1");
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If HTTP does not allow it.
    #[track_caller]
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        let (name, value) = header(name.as_ref(), value.as_ref());
        self.call.headers.append(name, value);
        self
    }

    /// Sets the `last-event-id` header, with which a stream is resumed.
    ///
    /// ```
    /// # use sse_testkit::{TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |request| {
    /// #     let after: u32 = request.headers()["last-event-id"].to_str().unwrap().parse().unwrap();
    /// #     event_stream(format!("data: {}\n\n", after + 1))
    /// # });
    /// client.get("/events").last_event_id("7").connect().await.expect_event("8").await;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If it can't stand in a header.
    #[track_caller]
    pub fn last_event_id(mut self, id: impl AsRef<str>) -> Self {
        let value = header_value(LAST_EVENT_ID.as_str(), id.as_ref().as_bytes());
        self.call.headers.insert(LAST_EVENT_ID, value);
        self
    }

    /// Sets the body: bytes, text, or any [`Body`].
    ///
    /// ```
    /// # use sse_testkit::TestClient;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |request| http::Response::new(request.into_body()));
    /// let response = client.post("/echo").body("hello").send().await;
    /// assert_eq!(response.text(), "hello");
    /// # }
    /// ```
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.call.body = Some(body.into());
        self
    }

    /// Sets a body that sends each chunk as one frame, with its length not announced; see [`Body::chunks`].
    ///
    /// ```
    /// # use sse_testkit::TestClient;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |request| http::Response::new(request.into_body()));
    /// let response = client.post("/echo").body_stream(["hel", "lo"]).send().await;
    /// assert_eq!(response.text(), "hello");
    /// # }
    /// ```
    pub fn body_stream<I>(self, chunks: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Bytes>,
    {
        self.body(Body::chunks(chunks))
    }

    /// Sets the time allowed, in tokio's time, for the answer (default 10 seconds) and for each expectation of the
    /// stream (default 5 seconds).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sse_testkit::{TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| {
    /// #     tokio::time::sleep(Duration::from_secs(50)).await;
    /// #     event_stream("data: late\n\n")
    /// # });
    /// let mut stream = client.get("/slow").within(Duration::from_secs(60)).connect().await;
    /// stream.expect_event("late").await;
    /// # }
    /// ```
    pub const fn within(mut self, time: Duration) -> Self {
        self.call.within = Some(time);
        self
    }

    /// Skips events of these names on the stream, as if they had not been sent. A failure still shows them.
    ///
    /// ```
    /// # use sse_testkit::{TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| {
    /// #     event_stream("event: sse-cursor\ndata:\nid: 7\n\ndata: hello\n\n")
    /// # });
    /// let mut stream = client.get("/events").skip_events(["sse-cursor"]).connect().await;
    /// stream.expect_event("hello").await;
    /// # }
    /// ```
    pub fn skip_events<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.call.skipped.extend(names.into_iter().map(Into::into));
        self
    }

    /// Sends the request and reads the whole answer.
    ///
    /// ```
    /// # use sse_testkit::TestClient;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| http::Response::new("ready".to_owned()));
    /// let response = client.get("/ready").send().await;
    /// assert_eq!((response.status.as_u16(), response.text()), (200, "ready"));
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If the answer is not complete in the time allowed, breaks off, or is longer than 16 MiB. The message has what
    /// came.
    #[track_caller]
    pub fn send(self) -> impl Future<Output = Response> + Send {
        self.call.response(Location::caller())
    }

    /// Sends the request and awaits the head of the answer. The stream that follows is read as the test asks for it.
    /// Unless the test sets an `accept` header, the request has that of an event stream.
    ///
    /// ```
    /// # use sse_testkit::{TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: hello\n\n"));
    /// let mut stream = client.get("/events").connect().await;
    /// assert_eq!(stream.status(), 200);
    /// stream.expect_event("hello").await;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If there is no answer in the time allowed. An answer may have any status.
    #[track_caller]
    pub fn connect(mut self) -> impl Future<Output = TestStream> + Send {
        self.accept_events();
        TestStream::connect(self.call, Location::caller())
    }

    /// Like [`connect`](Self::connect), for a server that may be gone: having no answer is one of the outcomes.
    ///
    /// ```
    /// # use sse_testkit::TestClient;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let nobody = TestClient::tcp("127.0.0.1:1".parse().unwrap());
    /// let refused = nobody.get("/events").try_connect().await.unwrap_err();
    /// assert!(refused.to_string().starts_with("no answer: "), "{refused}");
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`NoAnswer`] if the connection was refused, or broke off before the head of an answer.
    ///
    /// # Panics
    ///
    /// If there is neither an answer nor an error in the time allowed.
    #[track_caller]
    pub fn try_connect(mut self) -> impl Future<Output = Result<TestStream, NoAnswer>> + Send {
        self.accept_events();
        TestStream::try_connect(self.call, Location::caller())
    }

    fn accept_events(&mut self) {
        let accept = HeaderValue::from_static("text/event-stream");
        self.call.headers.entry(ACCEPT).or_insert(accept);
    }
}

impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Call { method, uri, headers, body, within, skipped, transport } = &self.call;
        f.debug_struct("RequestBuilder")
            .field("server", &transport.authority())
            .field("method", method)
            .field("uri", uri)
            .field("headers", headers)
            .field("body", body)
            .field("within", within)
            .field("skipped", skipped)
            .finish()
    }
}

/// A header field that a test sets.
#[track_caller]
pub(crate) fn header(name: &str, value: &[u8]) -> (HeaderName, HeaderValue) {
    match HeaderName::from_bytes(name.as_bytes()) {
        Ok(field) => (field, header_value(name, value)),
        Err(error) => panic!("{name:?} can't name a header: {error}"),
    }
}

#[track_caller]
fn header_value(name: &str, value: &[u8]) -> HeaderValue {
    match HeaderValue::from_bytes(value) {
        Ok(value) => value,
        Err(error) => panic!("{} can't be the value of {name}: {error}", quoted(value)),
    }
}
