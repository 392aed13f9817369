//! Test anything that speaks Server-Sent Events: exactly, in virtual time, and with failures that show everything.
//!
//! A [`TestClient`] calls a service in the same process, with no socket between, or any server over TCP. Its
//! [`TestStream`] reads the answer only as far as the test asks for it, and says what has to come next.
//!
//! ```
//! use std::time::Duration;
//! use sse_testkit::{Body, TestClient, event, event_stream};
//! use tokio::time::sleep;
//!
//! // what is under test: two events, then a comment every 15 seconds
//! async fn server(_: http::Request<Body>) -> http::Response<Body> {
//!     let (feed, body) = Body::channel();
//!     tokio::spawn(async move {
//!         feed.send("data: hello\n\n").await?;
//!         feed.send("event: tick\ndata: {\"n\": 1}\nid: 7\n\n").await?;
//!         loop {
//!             sleep(Duration::from_secs(15)).await;
//!             feed.send(":\n").await?;
//!         }
//!         # #[allow(unreachable_code)]
//!         # Ok::<(), sse_testkit::BodyDropped>(())
//!     });
//!     event_stream(body)
//! }
//!
//! // in a test: #[tokio::test(start_paused = true)]
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let client = TestClient::from_fn(server);
//! let mut stream = client.get("/events").connect().await;
//! stream.expect_event("hello").await;
//! stream.expect_event(event("tick").json_at("/n", 1).id("7")).await;
//! for _ in 0..240 {
//!     stream.expect_heartbeat(Duration::from_secs(15)).await; // an hour, in milliseconds
//! }
//! # }
//! ```
//!
//! # What to give it
//!
//! | under test | client |
//! |---|---|
//! | a warp filter | `TestClient::new(warp::service(filter))` |
//! | an axum `Router`, or any other [`tower_service::Service`] | `TestClient::new(router)` |
//! | an async function or closure | [`TestClient::from_fn`] |
//! | a server in another process, or what only a socket shows | [`TestClient::tcp`] |
//!
//! # What to test a client with
//!
//! A [`script`](mod@script) is a server that does one thing after the other, and says which step failed and what came instead: in
//! this process, on a port, or from JSON for tests in a browser.
//!
//! # Time
//!
//! Every wait is bounded: an expectation by 5 seconds, an answer by 10, unless the test says
//! [`within`](TestStream::within). This is tokio's time: under `#[tokio::test(start_paused = true)]` it runs ahead
//! whenever all tasks wait, so such a test is exact, and takes no time. Over TCP don't pause the clock: it would run
//! ahead while bytes are on their way.
//!
//! # Only on demand
//!
//! There is no task behind a stream. A body is polled while an expectation waits and at no other time, so a stream that
//! the test leaves alone is a stalled reader, in process and over TCP.
//!
//! # A browser, and many of them
//!
//! A [`BrowserClient`] does what the standard says an `EventSource` does: it waits the reconnection time, comes back
//! with the last event ID, follows redirects, and gives up where a browser does. A [`Fleet`] is many of them, that come
//! and go as a seed has it.
//!
//! ```
//! # use std::time::Duration;
//! # use sse_testkit::{BrowserClient, TestClient, event_stream};
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! # let client = TestClient::from_fn(async |_| event_stream("data: hello\nid: 7\n\n"));
//! let mut stream = BrowserClient::new(client).open("/events");
//! stream.expect_event("hello").await;
//! stream.expect_error().await; // the server has ended the stream
//! stream.expect_open().await; // 3 seconds later
//! assert_eq!(stream.requests()[1].last_event_id, "7");
//! # }
//! ```
//!
//! # A failure
//!
//! It panics with what was expected, what came, where the test said so, and the whole timeline:
//!
//! ```text
//! expected event "tick", data "2"
//!      got event "tick", data "3", id "7"
//!  because the data is "3", not "2"
//!       at tests/ticks.rs:21:10
//!
//!    0.000 s  GET /events
//!             accept: "text/event-stream"
//!             host: "localhost"
//!    0.000 s  200 OK
//!             content-type: "text/event-stream"
//!    0.000 s  frame 1, 21 bytes: "event: tick\ndata: 1\n\n"
//!             event "tick", data "1"
//!    1.000 s  frame 2, 17 bytes: "event: tick\ndata:"
//!    1.250 s  frame 3, 10 bytes: " 3\nid: 7\n\n"
//!             event "tick", data "3", id "7"  <- here
//!    1.250 s  still open
//! ```
//!
//! # What it does not do
//!
//! A [`TestStream`] does not reconnect by itself, follow redirects or judge an answer as a browser would: a test sees
//! what was sent. The kit speaks HTTP/1.1 without TLS.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `load` | no | the module `load` and the binary `sse-load`: many subscribers, and an account of every event |
//! | `proptest` | no | the module `strategy`: events, streams, cuts and schedules for [proptest](https://docs.rs/proptest) |
//! | `script-host` | no | the binary `sse-script`: scripted servers for tests in a browser, or in another language |

mod client;
mod request;

mod body;
mod transport;

mod response;
mod stream;

mod browser;
mod fleet;

mod faults;
pub mod script;

mod ledger;

mod matcher;
mod seen;

mod escape;
mod random;
mod report;
mod time;
mod timeline;
mod wait;

#[cfg(feature = "load")]
pub mod load;
#[cfg(feature = "proptest")]
pub mod strategy;

pub use body::{Body, BodyAborted, BodyDropped, BodySender, event_stream};
pub use browser::{BrowserClient, BrowserRequest, BrowserStream, Happening, ReadyState};
pub use client::TestClient;
pub use faults::{Credits, FaultProxy, Faults, Faulty, FaultyError, every_cut};
pub use fleet::{Fleet, Record, RunningFleet, Saw, View};
pub use ledger::{Entry, Finding, Findings, Ids, Ledger, LedgerError, Publishing, Reader};
pub use matcher::{EventMatcher, any_event, data, event, message};
pub use request::RequestBuilder;
pub use response::Response;
pub use seen::{End, Event, Seen};
pub use stream::TestStream;
