//! A stream, read on demand.
//!
//! ```text
//!   body ── one frame, when an expectation wants more ──▶ parser ──▶ timeline ── one item at a time ──▶ expectation
//! ```

mod expect;
mod got;
mod pull;

use std::{fmt, panic::Location, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use sse_core::Parser;

use crate::{
    call::{Call, LAST_EVENT_ID, NoAnswer},
    escape::quoted,
    recording::{Recording, RecordingEnd, RecordingError},
    report::{Caller, Report},
    seen::End,
    timeline::Timeline,
    transport::{Answer, AnswerBody, causes},
};

/// An event stream that the test reads on demand: nothing is read from the server but what an expectation waits for.
///
/// An expectation is about what comes next. Those about events skip comments, `retry` and the events that the request
/// [skips](crate::RequestBuilder::skip_events), and nothing else. If the answer is not an event stream (another status
/// than 200, or another content type), every expectation fails. A failure panics with the whole timeline.
///
/// ```
/// use std::time::Duration;
/// use sse_testkit::{TestClient, event, event_stream};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let client = TestClient::from_fn(async |_| event_stream("retry: 500\ndata: a\n\nevent: add\ndata: b\nid: 7\n\n"));
/// let mut stream = client.get("/events").connect().await;
/// assert_eq!(stream.expect_retry().await, Duration::from_millis(500));
/// stream.expect_event("a").await;
/// stream.expect_event(event("add").data("b")).await;
/// stream.expect_closed().await;
/// assert_eq!(stream.last_event_id(), "7");
/// # }
/// ```
pub struct TestStream {
    call: Call,
    status: StatusCode,
    headers: HeaderMap,
    body: BodyState,
    parser: Parser,
    /// As of the last item that the test has read. The parser may be ahead, up to the end of the frame.
    last_event_id: String,
    /// When the frame of the last item came that the test has read.
    received_at: Duration,
    /// For the next expectation only.
    within: Option<Duration>,
    timeline: Timeline,
}

enum BodyState {
    Open(AnswerBody),
    Ended(End),
}

impl TestStream {
    pub(crate) async fn connect(mut call: Call, caller: Caller) -> Self {
        let mut timeline = Timeline::start();
        let answer = call.answer(&mut timeline, caller).await;
        Self::open(call, answer, timeline)
    }

    pub(crate) async fn try_connect(mut call: Call, caller: Caller) -> Result<Self, NoAnswer> {
        let mut timeline = Timeline::start();
        match call.try_answer(&mut timeline, caller).await {
            Ok(answer) => Ok(Self::open(call, answer, timeline)),
            Err(error) => Err(NoAnswer(causes(&*error))),
        }
    }

    fn open(call: Call, answer: Answer, timeline: Timeline) -> Self {
        let (head, body) = answer.into_parts();
        let last_event_id = call
            .headers
            .get(LAST_EVENT_ID)
            .map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned())
            .unwrap_or_default();
        let mut parser = Parser::new();
        let _ = parser.set_last_event_id(&last_event_id); // a header's value has no character that this refuses
        Self {
            call,
            status: head.status,
            headers: head.headers,
            body: BodyState::Open(body),
            parser,
            last_event_id,
            received_at: timeline.now(),
            within: None,
            timeline,
        }
    }

    /// The status of the answer.
    ///
    /// ```
    /// # use sse_testkit::{TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream(""));
    /// let stream = client.get("/events").connect().await;
    /// assert_eq!(stream.status(), 200);
    /// # }
    /// ```
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The header fields of the answer.
    ///
    /// ```
    /// # use sse_testkit::{TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream(""));
    /// let stream = client.get("/events").connect().await;
    /// assert_eq!(stream.headers()["content-type"], "text/event-stream");
    /// # }
    /// ```
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Sets the time allowed for the next expectation, in tokio's time. Default: 5 seconds. To set it for all, see
    /// [`RequestBuilder::within`](crate::RequestBuilder::within).
    ///
    /// ```
    /// use std::time::Duration;
    /// # use sse_testkit::{Body, TestClient, event_stream};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| {
    /// #     let (sender, body) = Body::channel();
    /// #     tokio::spawn(async move {
    /// #         tokio::time::sleep(Duration::from_secs(50)).await;
    /// #         sender.send("data: late\n\n").await
    /// #     });
    /// #     event_stream(body)
    /// # });
    /// # let mut stream = client.get("/events").connect().await;
    /// stream.within(Duration::from_secs(60)).expect_event("late").await;
    /// # }
    /// ```
    #[must_use = "this is about the expectation that follows"]
    pub const fn within(&mut self, time: Duration) -> &mut Self {
        self.within = Some(time);
        self
    }

    /// The last event ID as of what the test has read, which may be less than a whole frame.
    ///
    /// ```
    /// # use sse_testkit::{TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\nid: 1\n\ndata: b\nid: 2\n\n"));
    /// let mut stream = client.get("/events").last_event_id("0").connect().await;
    /// assert_eq!(stream.last_event_id(), "0");
    /// stream.expect_event("a").await;
    /// assert_eq!(stream.last_event_id(), "1");
    /// # }
    /// ```
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// When the last thing that the test has read was received, as a time since the first request. Since reading is on
    /// demand, it may have been available earlier.
    ///
    /// ```
    /// use std::time::Duration;
    /// # use sse_testkit::{Body, TestClient, event_stream};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| {
    /// #     let (sender, body) = Body::channel();
    /// #     tokio::spawn(async move {
    /// #         tokio::time::sleep(Duration::from_secs(1)).await;
    /// #         sender.send("data: late\n\n").await
    /// #     });
    /// #     event_stream(body)
    /// # });
    /// # let mut stream = client.get("/events").connect().await;
    /// stream.expect_event("late").await;
    /// assert_eq!(stream.received_at(), Duration::from_secs(1));
    /// # }
    /// ```
    #[must_use]
    pub const fn received_at(&self) -> Duration {
        self.received_at
    }

    /// The bytes received since the last connect, whether the test has read them or not. After 64 MiB the oldest frames
    /// are missing.
    ///
    /// ```
    /// # use sse_testkit::{Body, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream(Body::chunks(["data: a\n\n", "data: b\n\n"])));
    /// # let mut stream = client.get("/events").connect().await;
    /// stream.expect_event("a").await;
    /// assert_eq!(stream.raw(), "data: a\n\n"); // nothing is read ahead
    /// # }
    /// ```
    #[must_use]
    pub fn raw(&self) -> Bytes {
        self.timeline.raw()
    }

    /// Records what came since the last connect, to be saved and [replayed](crate::Recording): the head, the chunks and
    /// their times, as far as the test has read. A stream that the test has left counts as still open.
    ///
    /// ```
    /// # use sse_testkit::{TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), sse_testkit::recording::RecordingError> {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
    /// # let mut stream = client.get("/events").connect().await;
    /// stream.expect_event("a").await;
    /// let recording = stream.recording()?;
    /// assert_eq!(recording.bytes(), "data: a\n\n");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the oldest frames are no longer kept, after 64 MiB: the rest would not be the stream.
    pub fn recording(&self) -> Result<Recording, RecordingError> {
        let (frames, end) = self.timeline.answer().map_err(RecordingError::too_long)?;
        let end = match (end, self.end()) {
            (Some(at), Some(End::Closed)) => RecordingEnd::Closed { at },
            (Some(at), Some(End::Broken(because))) => RecordingEnd::Broken { at, because: because.clone() },
            _ => RecordingEnd::Open,
        };
        Ok(Recording::new(self.status, self.headers.clone(), frames, end))
    }

    /// How the stream ended, if the test has read that far.
    ///
    /// ```
    /// # use sse_testkit::{End, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
    /// # let mut stream = client.get("/events").connect().await;
    /// while let Some(_) = stream.next().await {}
    /// assert_eq!(stream.end(), Some(&End::Closed));
    /// # }
    /// ```
    #[must_use]
    pub const fn end(&self) -> Option<&End> {
        match &self.body {
            BodyState::Open(_) => None,
            BodyState::Ended(end) => Some(end),
        }
    }

    /// Leaves the stream. The connection is closed, and what has not been read is lost.
    ///
    /// ```
    /// # use sse_testkit::{End, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
    /// # let mut stream = client.get("/events").connect().await;
    /// stream.disconnect();
    /// // ... what is published now, `reconnect` has to bring
    /// stream.reconnect().await;
    /// stream.expect_event("a").await;
    /// # }
    /// ```
    pub fn disconnect(&mut self) {
        if let BodyState::Open(_) = self.body {
            self.finish(End::Disconnected);
        }
    }

    /// Leaves the stream if it is still open, and sends the same request again, with the current
    /// [`last_event_id`](Self::last_event_id). The timeline continues.
    ///
    /// ```
    /// # use sse_testkit::{TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |request| {
    /// #     event_stream(match request.headers().get("last-event-id") {
    /// #         None => "data: a\nid: 1\n\n",
    /// #         Some(id) => { assert_eq!(id, "1"); "data: b\nid: 2\n\n" }
    /// #     })
    /// # });
    /// let mut stream = client.get("/events").connect().await;
    /// stream.expect_event("a").await;
    /// stream.reconnect().await;
    /// stream.expect_event("b").await;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If there is no answer in time, the ID can't be sent in a header, or the request's body came from a channel and
    /// is used up.
    #[track_caller]
    pub fn reconnect(&mut self) -> impl Future<Output = ()> + Send {
        let caller = Location::caller();
        async move {
            self.disconnect();
            match HeaderValue::from_bytes(self.last_event_id.as_bytes()) {
                Ok(id) if id.is_empty() => self.call.headers.remove(LAST_EVENT_ID),
                Ok(id) => self.call.headers.insert(LAST_EVENT_ID, id),
                Err(_) => {
                    let id = quoted(&self.last_event_id);
                    let got = format!("{id}, which can't stand in a header");
                    self.report(caller, &"a last event ID to reconnect with", &got).fail()
                }
            };
            let answer = self.call.answer(&mut self.timeline, caller).await;
            let (head, body) = answer.into_parts();
            self.parser.reconnect();
            let _ = self.parser.set_last_event_id(&self.last_event_id); // it came from a stream
            self.status = head.status;
            self.headers = head.headers;
            self.body = BodyState::Open(body);
        }
    }

    fn finish(&mut self, end: End) {
        self.timeline.end(end.clone());
        self.body = BodyState::Ended(end);
    }

    /// The report of a failed expectation.
    fn report<'a>(&'a self, caller: Caller, expected: &'a dyn fmt::Display, got: &'a dyn fmt::Display) -> Report<'a> {
        Report { expected, got, because: None, caller, timeline: &self.timeline, here: false }
    }
}

impl fmt::Debug for TestStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestStream")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("last_event_id", &self.last_event_id)
            .field("received_at", &self.received_at)
            .field("end", &self.end())
            .finish_non_exhaustive()
    }
}
