//! What a client sees.

use std::{fmt, time::Duration};

use serde_json::Value;
use sse_core::{Item, Limit};

use crate::escape::quoted;

/// An event as the client dispatched it.
///
/// ```
/// # use sse_testkit::{TestClient, any_event, event_stream};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let client = TestClient::from_fn(async |_| event_stream("event: add\ndata: 3\nid: 7\n\n"));
/// # let mut stream = client.get("/").connect().await;
/// let event = stream.expect_event(any_event()).await;
/// assert_eq!((&*event.name, &*event.data, &*event.id), ("add", "3", "7"));
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The name; `message` if the stream gave none.
    pub name: String,
    /// The data, its lines joined by LF.
    pub data: String,
    /// The last event ID when it was dispatched: its own, or that of an earlier event; empty if there was none.
    pub id: String,
}

impl Event {
    /// An event that this kit has not read, such as one that another client saw, to be entered in a
    /// [`Ledger`](crate::Ledger).
    ///
    /// ```
    /// # use sse_testkit::{Event, Ledger};
    /// # let ledger = Ledger::new();
    /// # ledger.publish("news", "one").acknowledged("41");
    /// ledger.reader("curl").saw(&Event::new("message", "one", "41"));
    /// # ledger.check().expect_clean();
    /// ```
    #[must_use]
    pub fn new(name: impl Into<String>, data: impl Into<String>, id: impl Into<String>) -> Self {
        Self { name: name.into(), data: data.into(), id: id.into() }
    }

    /// The data, read as JSON.
    ///
    /// ```
    /// # use sse_testkit::{TestClient, any_event, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: {\"n\": 1}\n\n"));
    /// # let mut stream = client.get("/").connect().await;
    /// assert_eq!(stream.expect_event(any_event()).await.json()["n"], 1);
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If the data is not JSON. The message has the data.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.data) {
            Ok(value) => value,
            Err(error) => panic!("expected JSON data\n     got {self}\n because {error}"),
        }
    }
}

/// The event on one line: `event "add", data "3", id "7"`.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {}, data {}", quoted(&self.name), quoted(&self.data))?;
        if !self.id.is_empty() {
            write!(f, ", id {}", quoted(&self.id))?;
        }
        Ok(())
    }
}

/// An item of a stream.
///
/// ```
/// # use sse_testkit::{Seen, TestClient, event_stream};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let client = TestClient::from_fn(async |_| event_stream(": hello\nretry: 500\n"));
/// # let mut stream = client.get("/").connect().await;
/// assert_eq!(stream.next().await, Some(Seen::Comment("hello".into())));
/// assert_eq!(stream.next().await, Some(Seen::Retry(std::time::Duration::from_millis(500))));
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Seen {
    /// An event.
    Event(Event),
    /// A comment line, without its colon and one leading space.
    Comment(String),
    /// The reconnection time was set.
    Retry(Duration),
    /// An event that exceeded sse-core's [`Limits`](sse_core::Limits), and was not dispatched.
    Dropped(Limit),
}

impl Seen {
    pub(crate) fn of(item: Item<'_>) -> Self {
        match item {
            Item::Event(event) => {
                Self::Event(Event { name: event.name().into(), data: event.data().into(), id: event.id().into() })
            }
            Item::Comment(text) => Self::Comment(text.into()),
            Item::Retry(time) => Self::Retry(time),
            Item::Dropped(limit) => Self::Dropped(limit),
            other => unreachable!("sse-core has items that this kit does not know: {other:?}"),
        }
    }

    /// The event, if it is one.
    ///
    /// ```
    /// # use sse_testkit::{Event, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream(":\ndata: 1\n\n"));
    /// # let mut stream = client.get("/").connect().await;
    /// let mut events = Vec::new();
    /// while let Some(seen) = stream.next().await {
    ///     events.extend(seen.event().cloned());
    /// }
    /// assert_eq!(events.len(), 1);
    /// # }
    /// ```
    #[must_use]
    pub const fn event(&self) -> Option<&Event> {
        match self {
            Self::Event(event) => Some(event),
            _ => None,
        }
    }
}

/// On one line: `event "add", data "3"`, `comment "hello"`, `retry 500ms`.
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(event) => event.fmt(f),
            Self::Comment(text) => write!(f, "comment {}", quoted(text)),
            Self::Retry(time) => write!(f, "retry {time:?}"),
            Self::Dropped(limit) => write!(f, "an event dropped for its size ({limit:?})"),
        }
    }
}

/// How a stream ended.
///
/// ```
/// # use sse_testkit::{End, TestClient, event_stream};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let client = TestClient::from_fn(async |_| event_stream(""));
/// # let mut stream = client.get("/").connect().await;
/// assert_eq!(stream.next().await, None);
/// assert_eq!(stream.end(), Some(&End::Closed));
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The server ended it, as the protocol requires.
    Closed,
    /// It broke off; the text says how.
    Broken(String),
    /// The test left it with [`disconnect`](crate::TestStream::disconnect).
    Disconnected,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the end of the stream"),
            Self::Broken(how) => write!(f, "a broken stream: {how}"),
            Self::Disconnected => f.write_str("a stream that the test has left"),
        }
    }
}
