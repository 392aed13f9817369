//! A stream as it came, kept to be played again.

mod error;
mod file;
mod replay;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

pub use error::RecordingError;
pub use replay::{Replay, ReplayBroken};

/// A stream with its head, its cuts and its times.
///
/// It is taken from a [`TestStream`](crate::TestStream::recording), of any server, kept in a file, and played again in
/// a test: with the same cuts, at the same times. Times are since the head of the answer, in whole milliseconds, rounded
/// down. They are those at which the test has read, since a stream is read on demand: what is to be recorded should be
/// read as it comes.
///
/// The file is NDJSON. A chunk that is no UTF-8 has its bytes as `base64` in place of `text`; the end is `closed`,
/// `broken`, or `open` if it had not come.
///
/// ```
/// use std::time::Duration;
/// use sse_testkit::{Recording, TestClient};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), sse_testkit::recording::RecordingError> {
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
    chunks: Vec<RecordedChunk>,
    end: RecordingEnd,
}

/// A chunk of a recorded stream, as one frame or one read brought it.
///
/// ```
/// # let file = "{\"format\":\"sse-recording\",\"version\":1,\"status\":200,\"headers\":[]}\n\
/// #     {\"at_ms\":5,\"text\":\"data\"}\n{\"end\":\"open\"}\n";
/// # let recording: sse_testkit::Recording = file.parse().unwrap();
/// let chunk = &recording.chunks()[0];
/// assert_eq!((chunk.at.as_millis(), &chunk.bytes[..]), (5, &b"data"[..]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedChunk {
    /// When it came, since the head: whole milliseconds.
    pub at: Duration,
    /// What it was.
    pub bytes: Bytes,
}

/// How a recorded stream ended.
///
/// ```
/// # use sse_testkit::recording::RecordingEnd;
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
        let chunks = frames.into_iter().map(|(at, bytes)| RecordedChunk { at: whole(at), bytes }).collect();
        let end = match end {
            RecordingEnd::Closed { at } => RecordingEnd::Closed { at: whole(at) },
            RecordingEnd::Broken { at, because } => RecordingEnd::Broken { at: whole(at), because },
            RecordingEnd::Open => RecordingEnd::Open,
        };
        Self { status, headers, chunks, end }
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

    /// The chunks, in order, as they were cut: for a parser that is fed by hand.
    ///
    /// ```
    /// # use sse_core::{Item, Parser};
    /// # let file = "{\"format\":\"sse-recording\",\"version\":1,\"status\":200,\"headers\":[]}\n\
    /// #     {\"at_ms\":5,\"text\":\"data: a\\n\"}\n{\"at_ms\":5,\"text\":\"\\n\"}\n{\"end\":\"open\"}\n";
    /// # let recording: sse_testkit::Recording = file.parse().unwrap();
    /// let mut parser = Parser::new();
    /// let mut events = 0;
    /// for chunk in recording.chunks() {
    ///     parser.feed(&chunk.bytes, |item| events += usize::from(matches!(item, Item::Event(_))));
    /// }
    /// assert_eq!(events, 1);
    /// ```
    #[must_use]
    pub fn chunks(&self) -> &[RecordedChunk] {
        &self.chunks
    }

    /// How it ended.
    ///
    /// ```
    /// # use sse_testkit::{Recording, recording::RecordingEnd};
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
    /// assert_eq!(Faults::none().cut_at([5]).chunks(recording.bytes()), ["data:", " a\n\n"]);
    /// ```
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.chunks.iter().flat_map(|chunk| &chunk.bytes).copied().collect()
    }
}

/// As much of a time as a file keeps.
fn whole(at: Duration) -> Duration {
    Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(u64::MAX))
}
