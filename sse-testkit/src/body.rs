//! Bodies that a test writes: of requests, and of the answers of a server that a test makes up.

use std::{
    collections::VecDeque,
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, header::CONTENT_TYPE};
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;

/// The number of chunks that a channel holds for the reader.
const CHANNEL: usize = 1;

/// A body: whole, in chunks, or written while it is read.
///
/// ```
/// use sse_testkit::Body;
///
/// let whole = Body::from("one frame");
/// let chunks = Body::chunks(["three ", "frames ", "in a row"]);
/// let (sender, open) = Body::channel();
/// ```
pub struct Body(BodyKind);

enum BodyKind {
    Whole(Bytes),
    Chunks(VecDeque<Bytes>),
    Channel(mpsc::Receiver<Result<Bytes, BodyAborted>>),
}

impl Body {
    /// A body that sends each chunk as one frame. Its length is not announced.
    ///
    /// ```
    /// # use sse_testkit::{Body, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// // an event that arrives in two frames
    /// let client = TestClient::from_fn(async |_| event_stream(Body::chunks(["data: hel", "lo\n\n"])));
    /// client.get("/").connect().await.expect_event("hello").await;
    /// # }
    /// ```
    #[must_use]
    pub fn chunks<I>(chunks: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Bytes>,
    {
        Self(BodyKind::Chunks(chunks.into_iter().map(Into::into).collect()))
    }

    /// A body that stays open until its sender is dropped. Its length is not announced.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sse_testkit::{Body, TestClient, event_stream};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let client = TestClient::from_fn(async |_| {
    ///     let (sender, body) = Body::channel();
    ///     tokio::spawn(async move {
    ///         tokio::time::sleep(Duration::from_secs(1)).await;
    ///         sender.send("data: late\n\n").await
    ///     });
    ///     event_stream(body)
    /// });
    /// let mut stream = client.get("/").connect().await;
    /// stream.expect_event("late").await;
    /// assert_eq!(stream.received_at(), Duration::from_secs(1));
    /// stream.expect_closed().await;
    /// # }
    /// ```
    #[must_use]
    pub fn channel() -> (BodySender, Self) {
        let (sender, receiver) = mpsc::channel(CHANNEL);
        (BodySender(sender), Self(BodyKind::Channel(receiver)))
    }

    /// A copy of the body, unless it is written while it is read.
    pub(crate) fn copy(&self) -> Option<Self> {
        match &self.0 {
            BodyKind::Whole(bytes) => Some(Self(BodyKind::Whole(bytes.clone()))),
            BodyKind::Chunks(chunks) => Some(Self(BodyKind::Chunks(chunks.clone()))),
            BodyKind::Channel(_) => None,
        }
    }

    /// The length, where it is known before the body is read.
    pub(crate) const fn len(&self) -> Option<usize> {
        match &self.0 {
            BodyKind::Whole(bytes) => Some(bytes.len()),
            BodyKind::Chunks(_) | BodyKind::Channel(_) => None,
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self(BodyKind::Whole(Bytes::new()))
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self(BodyKind::Whole(bytes.into()))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyAborted;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyAborted>>> {
        let chunk = match &mut self.0 {
            BodyKind::Whole(bytes) if bytes.is_empty() => None,
            BodyKind::Whole(bytes) => Some(Ok(std::mem::take(bytes))),
            BodyKind::Chunks(chunks) => chunks.pop_front().map(Ok),
            BodyKind::Channel(receiver) => std::task::ready!(receiver.poll_recv(cx)),
        };
        Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            BodyKind::Whole(bytes) => bytes.is_empty(),
            BodyKind::Chunks(chunks) => chunks.is_empty(),
            BodyKind::Channel(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            BodyKind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            BodyKind::Chunks(_) | BodyKind::Channel(_) => SizeHint::default(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            BodyKind::Whole(bytes) => f.debug_tuple("Body").field(bytes).finish(),
            BodyKind::Chunks(chunks) => f.debug_tuple("Body").field(chunks).finish(),
            BodyKind::Channel(_) => f.write_str("Body(channel)"),
        }
    }
}

/// Writes a body of [`Body::channel`]. Dropping the sender ends the body.
#[derive(Debug)]
pub struct BodySender(mpsc::Sender<Result<Bytes, BodyAborted>>);

impl BodySender {
    /// Sends `chunk` as one frame. Waits until the reader has taken the previous one.
    ///
    /// ```
    /// # use sse_testkit::{Body, TestClient};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), sse_testkit::BodyDropped> {
    /// let echo = TestClient::from_fn(async |request| http::Response::new(request.into_body()));
    /// let (sender, body) = Body::channel();
    /// let upload = tokio::spawn(echo.post("/").body(body).send());
    /// sender.send("a long ").await?;
    /// sender.send("upload").await?;
    /// drop(sender);
    /// assert_eq!(upload.await.unwrap().text(), "a long upload");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`BodyDropped`] if the reader is gone: stop writing.
    pub async fn send(&self, chunk: impl Into<Bytes>) -> Result<(), BodyDropped> {
        self.0.send(Ok(chunk.into())).await.map_err(|_| BodyDropped)
    }

    /// Breaks the body off with an error, so that the reader learns that it is incomplete.
    ///
    /// ```
    /// # use sse_testkit::{Body, End, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let client = TestClient::from_fn(async |_| {
    ///     let (sender, body) = Body::channel();
    ///     tokio::spawn(sender.abort());
    ///     event_stream(body)
    /// });
    /// let mut stream = client.get("/").connect().await;
    /// assert_eq!(stream.next().await, None);
    /// assert_eq!(stream.end(), Some(&End::Broken("the body was aborted".into())));
    /// # }
    /// ```
    pub async fn abort(self) {
        // a reader that is gone need not know
        let _ = self.0.send(Err(BodyAborted)).await;
    }
}

/// The body was broken off by [`BodySender::abort`]; what came of it is incomplete.
///
/// ```
/// assert_eq!(sse_testkit::BodyAborted.to_string(), "the body was aborted");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyAborted;

impl fmt::Display for BodyAborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body was aborted")
    }
}

impl Error for BodyAborted {}

/// The reader of a body is gone, so nothing can be sent any more.
///
/// ```
/// # use sse_testkit::{Body, BodyDropped};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (sender, body) = Body::channel();
/// drop(body);
/// assert_eq!(sender.send("hello").await, Err(BodyDropped));
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyDropped;

impl fmt::Display for BodyDropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads the body any more")
    }
}

impl Error for BodyDropped {}

/// An answer that is an event stream, for a server that a test makes up: status 200, `text/event-stream`.
///
/// ```
/// # use sse_testkit::{TestClient, event_stream};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let client = TestClient::from_fn(async |_request| event_stream("data: hello\n\n"));
/// client.get("/").connect().await.expect_event("hello").await;
/// # }
/// ```
#[must_use]
pub fn event_stream(body: impl Into<Body>) -> http::Response<Body> {
    let mut response = http::Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}
