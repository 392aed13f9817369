//! A stream as it came, recorded to be replayed.

mod error;
mod file;
mod replay;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

pub use error::RecordingError;
pub use replay::{Replay, ReplayBroken};

/// A recorded stream: its head, its chunks and their times.
///
/// It is taken from a [`TestStream`](crate::TestStream::recording) of any server, kept in a file, and replayed in a
/// test with the same chunks at the same times. Times are since the head of the answer, in whole milliseconds, rounded
/// down. Since a stream is read on demand, they are the times at which the test has read: read a stream as it comes to
/// record it.
///
/// The file is NDJSON. A chunk that is not UTF-8 has its bytes as `base64` in place of `text`. The end is `closed`,
/// `broken`, or `open` if the stream had not ended.
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

/// A chunk of a recorded stream: one frame or one read.
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
    /// When it came, as a time since the head, in whole milliseconds.
    pub at: Duration,
    /// Its bytes.
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
    /// The server ended it, as the protocol requires.
    Closed {
        /// When, as a time since the head.
        at: Duration,
    },
    /// It broke off.
    Broken {
        /// When, as a time since the head.
        at: Duration,
        /// The error that was reported.
        because: String,
    },
    /// It had not ended when it was recorded. A replay stays open.
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

    /// The chunks in order: for a parser that is fed by hand.
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

    /// All its bytes, joined: for a parser that takes a whole stream, or for [`Faults`](crate::Faults).
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

/// A time as a file keeps it: in whole milliseconds.
fn whole(at: Duration) -> Duration {
    Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(u64::MAX))
}
