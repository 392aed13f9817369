//! What a page sees.

use std::{fmt, time::Duration};

use crate::seen::Event;

/// The `readyState` of an `EventSource`.
///
/// ```
/// # use sse_testkit::{BrowserClient, TestClient, browser::ReadyState, event_stream};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
/// let mut stream = BrowserClient::new(client).open("/events");
/// assert_eq!(stream.ready_state(), ReadyState::Connecting);
/// stream.expect_open().await;
/// assert_eq!(stream.ready_state().to_string(), "OPEN");
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadyState {
    /// Not connected yet, or about to connect again.
    Connecting,
    /// Connected: events are dispatched as they come.
    Open,
    /// Closed for good.
    Closed,
}

/// As the standard writes it: `CONNECTING`, `OPEN`, `CLOSED`.
impl fmt::Display for ReadyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting => "CONNECTING",
            Self::Open => "OPEN",
            Self::Closed => "CLOSED",
        })
    }
}

/// An event that is fired at an `EventSource`, for its page to see.
///
/// ```
/// # use sse_testkit::{BrowserClient, TestClient, browser::{BrowserEvent, ReadyState}, event_stream};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
/// # let mut stream = BrowserClient::new(client).open("/events");
/// assert_eq!(stream.next().await, Some(BrowserEvent::Open));
/// assert!(matches!(stream.next().await, Some(BrowserEvent::Event(event)) if event.data == "a"));
/// assert_eq!(
///     stream.next().await,
///     Some(BrowserEvent::Error { ready_state: ReadyState::Connecting, why: "the stream ended".into() })
/// );
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrowserEvent {
    /// `open`: an event stream has begun.
    Open,
    /// An event of the stream.
    Event(Event),
    /// `error`: the connection is lost, or failed for good.
    Error {
        /// [`Connecting`](ReadyState::Connecting) if the browser tries again, [`Closed`](ReadyState::Closed) if not.
        ready_state: ReadyState,
        /// The reason, which a page is not told.
        why: String,
    },
}

/// On one line: `open`, `event "add", data "3"`, `error, CONNECTING: the stream ended`.
impl fmt::Display for BrowserEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Event(event) => event.fmt(f),
            Self::Error { ready_state, why } => write!(f, "error, {ready_state}: {why}"),
        }
    }
}

/// A request that the browser sent.
///
/// ```
/// # use std::time::Duration;
/// # use sse_testkit::{BrowserClient, TestClient, event_stream};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let client = TestClient::from_fn(async |_| event_stream("data: a\nid: 7\n\n"));
/// # let mut stream = BrowserClient::new(client).open("/events");
/// stream.expect_event("a").await;
/// stream.expect_error().await;
/// stream.expect_open().await;
/// let second = &stream.requests()[1];
/// assert_eq!((&*second.target, &*second.last_event_id), ("/events", "7"));
/// assert_eq!(second.at, Duration::from_secs(3));
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrowserRequest {
    /// Path and query.
    pub target: String,
    /// The `Last-Event-ID` that was sent; empty if none was.
    pub last_event_id: String,
    /// When it was sent, since the stream was opened.
    pub at: Duration,
}
