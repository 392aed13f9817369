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
//! It does not reconnect by itself, follow redirects or judge an answer as a browser would: a test sees what was sent.
//! It speaks HTTP/1.1 without TLS.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `load` | no | the module `load` and the binary `sse-load`: many subscribers, and an account of every event |
//! | `script-host` | no | the binary `sse-script`: scripted servers for tests in a browser, or in another language |

mod client;
mod request;

mod body;
mod transport;

mod response;
mod stream;

mod matcher;
mod seen;

mod escape;
#[cfg_attr(not(feature = "load"), allow(dead_code))]
mod random;
mod report;
mod time;
mod timeline;

pub mod script;

#[cfg(feature = "load")]
pub mod load;

pub use body::{Body, BodyAborted, BodyDropped, BodySender, event_stream};
pub use client::TestClient;
pub use matcher::{EventMatcher, any_event, data, event, message};
pub use request::RequestBuilder;
pub use response::Response;
pub use seen::{End, Event, Seen};
pub use stream::TestStream;
