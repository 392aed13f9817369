//! The replay of a recording.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{RecordedChunk, Recording, RecordingEnd};
use crate::time::later;

impl Recording {
    /// The stream as a body whose replay begins now, for an answer that the test puts together.
    ///
    /// ```
    /// use http_body_util::BodyExt;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let file = "{\"format\":\"sse-recording\",\"version\":1,\"status\":200,\"headers\":[]}\n\
    /// #     {\"at_ms\":5,\"text\":\"data: a\\n\"}\n{\"at_ms\":50,\"text\":\"\\n\"}\n{\"end\":\"closed\",\"at_ms\":60}\n";
    /// # let recording: sse_testkit::Recording = file.parse().unwrap();
    /// let body = recording.body();
    /// assert_eq!(body.collect().await.unwrap().to_bytes(), "data: a\n\n");
    /// # }
    /// ```
    #[must_use]
    pub fn body(&self) -> Replay {
        Replay::start(self)
    }

    /// The whole answer, head and body, whose replay begins now, for a server that the test makes up.
    ///
    /// ```
    /// # use sse_testkit::{Recording, TestClient};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let file = "{\"format\":\"sse-recording\",\"version\":1,\"status\":200,\
    /// #     \"headers\":[[\"content-type\",\"text/event-stream\"]]}\n\
    /// #     {\"at_ms\":3000,\"text\":\"data: hello\\n\\n\"}\n{\"at_ms\":3000,\"end\":\"closed\"}\n";
    /// # let recording: Recording = file.parse().unwrap();
    /// let client = TestClient::from_fn(async move |request| match request.headers().get("last-event-id") {
    ///     None => recording.answer(),
    ///     Some(_) => recording.answer(), // ... or another one
    /// });
    /// client.get("/events").connect().await.expect_event("hello").await;
    /// # }
    /// ```
    #[must_use]
    pub fn answer(&self) -> http::Response<Replay> {
        let mut answer = http::Response::new(self.body());
        *answer.status_mut() = self.status;
        answer.headers_mut().clone_from(&self.headers);
        answer
    }
}

/// The body of a recorded stream, made by [`Recording::body`].
///
/// Each chunk comes as one frame, at its time in tokio's clock or, if nobody reads then, when it is read.
///
/// ```
/// # use sse_testkit::{Recording, recording::Replay};
/// # let file = "{\"format\":\"sse-recording\",\"version\":1,\"status\":200,\"headers\":[]}\n{\"end\":\"open\"}\n";
/// # let recording: Recording = file.parse().unwrap();
/// let body: Replay = recording.body();
/// assert!(!http_body::Body::is_end_stream(&body)); // it was still open
/// ```
#[derive(Debug)]
pub struct Replay {
    start: Instant,
    chunks: std::vec::IntoIter<RecordedChunk>,
    /// What comes next, and the timer for it.
    next: Option<Due>,
    end: RecordingEnd,
}

#[derive(Debug)]
struct Due {
    timer: Pin<Box<Sleep>>,
    part: ReplayPart,
}

#[derive(Debug)]
enum ReplayPart {
    Chunk(Bytes),
    End(Option<ReplayBroken>),
}

impl Replay {
    fn start(recording: &Recording) -> Self {
        let chunks = recording.chunks.clone().into_iter();
        Self { start: Instant::now(), chunks, next: None, end: recording.end.clone() }
    }

    /// Takes what comes next; `None` if the stream stays open and has nothing more.
    fn pick(&mut self) -> Option<Due> {
        let (at, part) = match self.chunks.next() {
            Some(RecordedChunk { at, bytes }) => (at, ReplayPart::Chunk(bytes)),
            None => match &self.end {
                RecordingEnd::Open => return None,
                RecordingEnd::Closed { at } => (*at, ReplayPart::End(None)),
                RecordingEnd::Broken { at, because } => (*at, ReplayPart::End(Some(ReplayBroken(because.clone())))),
            },
        };
        let timer = Box::pin(sleep_until(self.due(at)));
        Some(Due { timer, part })
    }

    /// The instant of the time `at` of the recording, bounded by what a clock can hold.
    fn due(&self, at: Duration) -> Instant {
        later(at.saturating_sub(self.start.elapsed()))
    }
}

impl Body for Replay {
    type Data = Bytes;
    type Error = ReplayBroken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ReplayBroken>>> {
        if self.next.is_none() {
            self.next = self.pick();
        }
        let Some(next) = &mut self.next else { return Poll::Pending }; // for ever: the stream was still open when it was recorded
        ready!(next.timer.as_mut().poll(cx));
        match self.next.take().map(|next| next.part) {
            Some(ReplayPart::Chunk(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Some(ReplayPart::End(Some(broken))) => {
                self.end = RecordingEnd::Closed { at: Duration::ZERO };
                Poll::Ready(Some(Err(broken)))
            }
            Some(ReplayPart::End(None)) | None => Poll::Ready(None),
        }
    }
}

/// The recorded stream broke off here. The text is that of the original error.
///
/// ```
/// # use sse_testkit::{End, TestClient};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let head = r#"{"format":"sse-recording","version":1,"status":200,"headers":[["content-type","text/event-stream"]]}"#;
/// # let file = format!("{head}\n{}\n", r#"{"end":"broken","because":"connection reset","at_ms":5}"#);
/// # let recording: sse_testkit::Recording = file.parse().unwrap();
/// let mut stream = TestClient::replay(recording).get("/").connect().await;
/// assert_eq!(stream.next().await, None);
/// assert_eq!(stream.end(), Some(&End::Broken("connection reset".into())));
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayBroken(String);

impl fmt::Display for ReplayBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for ReplayBroken {}
