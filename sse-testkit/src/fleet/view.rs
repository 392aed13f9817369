//! What a client of a fleet saw.

use std::{fmt, time::Duration};

use crate::{escape::quoted, seen::Event, timeline::Clock};

/// At least this many of the most recent records of a client are kept.
const KEPT: usize = 1 << 16;

/// What one client of a fleet saw, in order.
///
/// ```
/// # use sse_testkit::{Fleet, TestClient, event_stream, fleet::Observed};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let client = TestClient::from_fn(async |_| event_stream("data: a\nid: 7\n\n"));
/// let mut fleet = Fleet::of(1).open(client);
/// fleet.until_all(|view| view.events().count() == 1).await;
/// let view = &fleet.views()[0];
/// assert_eq!(view.records[0].what, Observed::Connected { last_event_id: String::new() });
/// assert!(matches!(&view.records[1].what, Observed::Event(event) if event.data == "a"));
/// assert_eq!(view.last_event_id(), "7");
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FleetView {
    /// The client's number, from 0.
    pub client: usize,
    /// The path that it opened.
    pub path: String,
    /// What it saw. After 131,072 records the oldest are missing.
    pub records: Vec<Record>,
    forgotten: u64,
    connected: bool,
    connections: u64,
}

impl FleetView {
    pub(super) const fn new(client: usize, path: String) -> Self {
        Self { client, path, records: Vec::new(), forgotten: 0, connected: false, connections: 0 }
    }

    pub(super) fn push(&mut self, record: Record) {
        self.connected = match record.what {
            Observed::Connected { .. } => true,
            Observed::Event(_) | Observed::Gap(_) => self.connected,
            Observed::Broke { .. } | Observed::Left | Observed::Closed { .. } => false,
        };
        self.connections += u64::from(matches!(record.what, Observed::Connected { .. }));
        if self.records.len() >= 2 * KEPT {
            self.records.drain(..KEPT);
            self.forgotten += KEPT as u64;
        }
        self.records.push(record);
    }

    /// The number of times that the client has connected.
    pub(super) const fn connections(&self) -> u64 {
        self.connections
    }

    /// The number of records so far, kept or not.
    pub(super) fn len(&self) -> u64 {
        self.forgotten + self.records.len() as u64
    }

    /// The events, without those that announce a gap.
    ///
    /// ```
    /// # use sse_testkit::{Fleet, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\ndata: b\n\n"));
    /// let mut fleet = Fleet::of(3).open(client);
    /// fleet.until_all(|view| view.events().count() == 2).await;
    /// # }
    /// ```
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.records.iter().filter_map(|record| match &record.what {
            Observed::Event(event) => Some(event),
            _ => None,
        })
    }

    /// Returns true if the client has an open stream.
    ///
    /// ```
    /// # use sse_testkit::{Body, Fleet, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| {
    /// #     let (feed, body) = Body::channel();
    /// #     tokio::spawn(async move { tokio::time::sleep(std::time::Duration::from_secs(1000)).await; drop(feed) });
    /// #     event_stream(body)
    /// # });
    /// let mut fleet = Fleet::of(3).open(client);
    /// fleet.until_all(|view| view.is_connected()).await;
    /// # }
    /// ```
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        self.connected
    }

    /// Returns true if the client has given up for good, as a browser does when an answer is no event stream.
    ///
    /// ```
    /// # use sse_testkit::{Fleet, TestClient};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let client = TestClient::from_fn(async |_| http::Response::new("no event stream".to_owned()));
    /// let mut fleet = Fleet::of(3).open(client);
    /// fleet.until_all(|view| view.is_closed()).await;
    /// # }
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.records.last().is_some_and(|record| matches!(record.what, Observed::Closed { .. }))
    }

    /// The last event ID as of the most recent event, or of the most recent connection if no event came since.
    ///
    /// ```
    /// # use sse_testkit::{Fleet, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\nid: 7\n\n"));
    /// let mut fleet = Fleet::of(3).open(client);
    /// fleet.until_all(|view| view.last_event_id() == "7").await;
    /// # }
    /// ```
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        let ids = self.records.iter().rev().find_map(|record| match &record.what {
            Observed::Connected { last_event_id } => Some(last_event_id),
            Observed::Event(event) | Observed::Gap(event) => Some(&event.id),
            _ => None,
        });
        ids.map_or("", String::as_str)
    }
}

/// The state of the client on one line: `client 3, /events: connected, 12 events, last event id "40"`.
impl fmt::Display for FleetView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match () {
            () if self.is_connected() => "connected",
            () if self.is_closed() => "closed for good",
            () => "not connected",
        };
        let (client, path, events) = (self.client, &self.path, self.events().count());
        write!(f, "client {client}, {path}: {state}, {events} events, last event id {}", quoted(self.last_event_id()))
    }
}

/// Something that a client of a fleet observed, and when.
///
/// ```
/// # use std::time::Duration;
/// # use sse_testkit::{Fleet, TestClient, event_stream, fleet::Record};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let client = TestClient::from_fn(async |_| event_stream("data: a\nid: 7\n\n"));
/// let mut fleet = Fleet::of(1).open(client);
/// fleet.until_all(|view| view.records.len() >= 4).await;
/// let view = &fleet.views()[0];
/// let lines: Vec<String> = view.records[..4].iter().map(Record::to_string).collect();
/// assert_eq!(lines, [
///     "0.000 s  connected",
///     "0.000 s  event \"message\", data \"a\", id \"7\"",
///     "0.000 s  broke: the stream ended",
///     "3.000 s  connected, last event id \"7\"",
/// ]);
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// When, as a time since the fleet was opened.
    pub at: Duration,
    /// What it was.
    pub what: Observed,
}

impl Record {
    pub(super) const fn new(at: Duration, what: Observed) -> Self {
        Self { at, what }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", Clock(self.at), self.what)
    }
}

/// What a client of a fleet can observe.
///
/// ```
/// # use sse_testkit::{Fleet, TestClient, fleet::Observed};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let client = TestClient::from_fn(async |_| http::Response::builder().status(503).body(String::new()).unwrap());
/// let mut fleet = Fleet::of(1).open(client);
/// fleet.until_all(|view| view.is_closed()).await;
/// assert_eq!(
///     fleet.views()[0].records[0].what,
///     Observed::Closed { why: "the answer's status is 503".into() }
/// );
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observed {
    /// A stream was opened.
    Connected {
        /// The `Last-Event-ID` that was sent; empty if none was.
        last_event_id: String,
    },
    /// An event.
    Event(Event),
    /// An event that announces that something was lost; see [`Fleet::gaps`](crate::Fleet::gaps).
    Gap(Event),
    /// The stream ended or broke, or could not be opened. The client tries again.
    Broke {
        /// The reason.
        why: String,
    },
    /// The client left the stream on its own.
    Left,
    /// The client has given up for good.
    Closed {
        /// The reason.
        why: String,
    },
}

/// On one line: `connected, last event id "7"`, `event "add", data "3"`, `broke: the stream ended`.
impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected { last_event_id } if last_event_id.is_empty() => f.write_str("connected"),
            Self::Connected { last_event_id } => write!(f, "connected, last event id {}", quoted(last_event_id)),
            Self::Event(event) => event.fmt(f),
            Self::Gap(event) => write!(f, "a gap: {event}"),
            Self::Broke { why } => write!(f, "broke: {why}"),
            Self::Left => f.write_str("left"),
            Self::Closed { why } => write!(f, "closed: {why}"),
        }
    }
}
