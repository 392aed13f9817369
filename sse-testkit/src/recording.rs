//! A stream as it came, kept to be played again.

mod error;
mod file;
mod replay;

use std::{fmt, path::Path, str::FromStr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::TestClient;

pub use error::RecordingError;
pub use replay::{Replay, ReplayBroken};

/// A stream with its head, its cuts and its times.
///
/// It is taken from a [`TestStream`](crate::TestStream::recording), of any server, kept in a file, and played again in
/// a test: with the same cuts, at the same times. Times are since the head of the answer, in whole milliseconds, rounded
/// down. They are those at which the test has read, since a stream is read on demand: what is to be recorded should be
/// read as it comes.
///
/// The file is NDJSON. A piece that is no UTF-8 has its bytes as `base64` in place of `text`; the end is `closed`,
/// `broken`, or `open` if it had not come.
///
/// ```
/// use std::time::Duration;
/// use sse_testkit::{Recording, TestClient};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), sse_testkit::RecordingError> {
/// let recording: Recording = r#"
/// {"format":"sse-recording","version":1,"status":200,"headers":[["content-type","text/event-stream"]]}
/// {"at_ms":0,"text":"data: hel"}
/// {"at_ms":1500,"text":"lo\n\n"}
/// {"at_ms":2000,"end":"closed"}
/// "#.trim_start().parse()?;
///
/// let mut stream = TestClient::replay(recording.clone()).get("/events").connect().await;
/// stream.expect_event("hello").await;
/// assert_eq!(stream.received_at(), Duration::from_millis(1500));
/// stream.expect_closed().await;
/// assert_eq!(stream.recording()?, recording);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    status: StatusCode,
    headers: HeaderMap,
    pieces: Vec<Piece>,
    end: RecordingEnd,
}

/// A piece of a recorded stream, as one frame or one read brought it.
///
/// ```
/// # let file = "{\"format\":\"sse-recording\",\"version\":1,\"status\":200,\"headers\":[]}\n\
/// #     {\"at_ms\":5,\"text\":\"data\"}\n{\"end\":\"open\"}\n";
/// # let recording: sse_testkit::Recording = file.parse().unwrap();
/// let piece = &recording.pieces()[0];
/// assert_eq!((piece.at.as_millis(), &piece.bytes[..]), (5, &b"data"[..]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Piece {
    /// When it came, since the head: whole milliseconds.
    pub at: Duration,
    /// What it was.
    pub bytes: Bytes,
}

/// How a recorded stream ended.
///
/// ```
/// # use sse_testkit::RecordingEnd;
/// # let file = "{\"format\":\"sse-recording\",\"version\":1,\"status\":200,\"headers\":[]}\n{\"end\":\"open\"}\n";
/// # let recording: sse_testkit::Recording = file.parse().unwrap();
/// assert_eq!(recording.end(), &RecordingEnd::Open);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordingEnd {
    /// In good order.
    Closed {
        /// When, since the head.
        at: Duration,
    },
    /// In the middle.
    Broken {
        /// When, since the head.
        at: Duration,
        /// What was said of it.
        because: String,
    },
    /// Not while it was recorded. Played again, it stays open.
    Open,
}

impl Recording {
    pub(crate) fn new(
        status: StatusCode,
        headers: HeaderMap,
        frames: impl IntoIterator<Item = (Duration, Bytes)>,
        end: RecordingEnd,
    ) -> Self {
        let pieces = frames.into_iter().map(|(at, bytes)| Piece { at: whole(at), bytes }).collect();
        let end = match end {
            RecordingEnd::Closed { at } => RecordingEnd::Closed { at: whole(at) },
            RecordingEnd::Broken { at, because } => RecordingEnd::Broken { at: whole(at), because },
            RecordingEnd::Open => RecordingEnd::Open,
        };
        Self { status, headers, pieces, end }
    }

    /// The status of the answer.
    ///
    /// ```
    /// # use sse_testkit::Recording;
    /// # let file = "{\"format\":\"sse-recording\",\"version\":1,\"status\":200,\
    /// #     \"headers\":[[\"content-type\",\"text/event-stream\"]]}\n\
    /// #     {\"at_ms\":3000,\"text\":\"data: hello\\n\\n\"}\n{\"at_ms\":3000,\"end\":\"closed\"}\n";
    /// # let recording: Recording = file.parse().unwrap();
    /// assert_eq!(recording.status(), 200);
    /// ```
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The header fields of the answer.
    ///
    /// ```
    /// # use sse_testkit::Recording;
    /// # let file = "{\"format\":\"sse-recording\",\"version\":1,\"status\":200,\
    /// #     \"headers\":[[\"content-type\",\"text/event-stream\"]]}\n\
    /// #     {\"at_ms\":3000,\"text\":\"data: hello\\n\\n\"}\n{\"at_ms\":3000,\"end\":\"closed\"}\n";
    /// # let recording: Recording = file.parse().unwrap();
    /// assert_eq!(recording.headers()["content-type"], "text/event-stream");
    /// ```
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The pieces, in order, as they were cut: for a parser that is fed by hand.
    ///
    /// ```
    /// # use sse_core::{Item, Parser};
    /// # let file = "{\"format\":\"sse-recording\",\"version\":1,\"status\":200,\"headers\":[]}\n\
    /// #     {\"at_ms\":5,\"text\":\"data: a\\n\"}\n{\"at_ms\":5,\"text\":\"\\n\"}\n{\"end\":\"open\"}\n";
    /// # let recording: sse_testkit::Recording = file.parse().unwrap();
    /// let mut parser = Parser::new();
    /// let mut events = 0;
    /// for piece in recording.pieces() {
    ///     parser.feed(&piece.bytes, |item| events += usize::from(matches!(item, Item::Event(_))));
    /// }
    /// assert_eq!(events, 1);
    /// ```
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// How it ended.
    ///
    /// ```
    /// # use sse_testkit::{Recording, RecordingEnd};
    /// # let file = "{\"format\":\"sse-recording\",\"version\":1,\"status\":200,\
    /// #     \"headers\":[[\"content-type\",\"text/event-stream\"]]}\n\
    /// #     {\"at_ms\":3000,\"text\":\"data: hello\\n\\n\"}\n{\"at_ms\":3000,\"end\":\"closed\"}\n";
    /// # let recording: Recording = file.parse().unwrap();
    /// assert!(matches!(recording.end(), RecordingEnd::Closed { .. }));
    /// ```
    #[must_use]
    pub const fn end(&self) -> &RecordingEnd {
        &self.end
    }

    /// All its bytes in one, for a parser that does not care for cuts, or for [`Faults`](crate::Faults).
    ///
    /// ```
    /// # use sse_testkit::Faults;
    /// # let file = "{\"format\":\"sse-recording\",\"version\":1,\"status\":200,\"headers\":[]}\n\
    /// #     {\"at_ms\":5,\"text\":\"data: a\\n\"}\n{\"at_ms\":5,\"text\":\"\\n\"}\n{\"end\":\"open\"}\n";
    /// # let recording: sse_testkit::Recording = file.parse().unwrap();
    /// assert_eq!(Faults::none().cut_at([5]).pieces(recording.bytes()), ["data:", " a\n\n"]);
    /// ```
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.pieces.iter().flat_map(|piece| &piece.bytes).copied().collect()
    }

    /// The stream as a body, which begins now: for an answer of one's own.
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

    /// The whole answer, head and body, which begins now: for a server of one's own.
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

    /// Writes it to a file, over the one that is there.
    ///
    /// ```
    /// # use sse_testkit::{Recording, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
    /// # let mut stream = client.get("/").connect().await;
    /// # stream.expect_event("a").await;
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("ticks.ndjson");
    /// stream.recording()?.save(&path)?;
    /// assert_eq!(std::fs::read_to_string(&path)?.lines().count(), 3); // its head, its piece, its end
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the file can't be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), RecordingError> {
        file::save(self, path.as_ref())
    }

    /// Reads it from a file of up to 512 MiB.
    ///
    /// ```
    /// # use sse_testkit::{Recording, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), sse_testkit::RecordingError> {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
    /// # let mut stream = client.get("/").connect().await;
    /// # stream.expect_event("a").await;
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let path = directory.path().join("ticks.ndjson");
    /// # stream.recording()?.save(&path)?;
    /// let client = TestClient::replay(Recording::load(&path)?);
    /// client.get("/events").connect().await.expect_event("a").await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the file can't be read, or is no recording: the error has the line, the field, its value and what is allowed.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        file::load(path.as_ref())
    }
}

/// As the file has it.
impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        file::write(self, f)
    }
}

/// From what the file has.
impl FromStr for Recording {
    type Err = RecordingError;

    fn from_str(text: &str) -> Result<Self, RecordingError> {
        file::parse(text)
    }
}

impl TestClient {
    /// A client of a server that answers each request with this recording: the same head, the same cuts, and the same
    /// times, counted from when the request comes.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sse_testkit::TestClient;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let head = r#"{"format":"sse-recording","version":1,"status":200,"headers":[["content-type","text/event-stream"]]}"#;
    /// # let file = format!("{head}\n{}\n{}\n", r#"{"at_ms":3000,"text":"data: hello\n\n"}"#, r#"{"end":"open"}"#);
    /// # let recording: sse_testkit::Recording = file.parse().unwrap();
    /// let client = TestClient::replay(recording);
    /// let mut stream = client.get("/events").connect().await;
    /// stream.expect_event("hello").await;
    /// assert_eq!(stream.received_at(), Duration::from_secs(3));
    /// # }
    /// ```
    #[must_use]
    pub fn replay(recording: Recording) -> Self {
        Self::from_fn(async move |_| recording.answer())
    }
}

/// As much of a time as a file keeps.
fn whole(at: Duration) -> Duration {
    Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(u64::MAX))
}
