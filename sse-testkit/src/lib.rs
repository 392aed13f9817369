//! Test anything that speaks Server-Sent Events: exactly, in virtual time, and with failures that show everything.
//!
//! A [`TestClient`] calls a service in the same process, without a socket, or any server over TCP. Its [`TestStream`]
//! reads the answer only as far as the test asks, and has expectations for what comes next.
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
//! # What there is
//!
//! | to test | take |
//! |---|---|
//! | a server | [`TestClient`] and its [`TestStream`]: what comes, when, and that nothing else does |
//! | a server, as browsers use it | [`BrowserClient`], which follows the standard; [`Fleet`], many that come and go |
//! | a client, a front end | [`script!`]: a server that runs one step after another, and says which failed |
//! | either over a bad network | [`Faults`] for a client or any stream of bytes; [`FaultProxy`] for sockets |
//! | that nothing is lost, doubled or out of order | [`Ledger`], also across processes |
//! | a parser | [`conformance!`]: all vectors, under all cuts |
//! | an encoder | [`encoding!`]: hostile text in every field |
//! | properties | `strategy`, for [proptest](https://docs.rs/proptest): events, streams, cuts and schedules (feature `proptest`) |
//! | what happened once | [`Recording`]: a stream with its chunks and times, to replay |
//! | how much it bears | the program `sse-load`, a package of its own |
//!
//! The root has what nearly every test uses. The rest is in the module that it belongs to: [`browser`],
//! [`conformance`](mod@conformance), [`encoding`](mod@encoding), [`faults`], [`fleet`], [`ledger`], [`recording`],
//! [`script`](mod@script).
//!
//! # What to give a client
//!
//! | under test | client |
//! |---|---|
//! | a warp filter | `TestClient::new(warp::service(filter))` |
//! | an axum `Router`, or any other [`tower_service::Service`] | `TestClient::new(router)` |
//! | an async function or closure | [`TestClient::from_fn`] |
//! | a server in another process, or what only a socket shows | [`TestClient::tcp`] |
//!
//! # Time
//!
//! Every wait is bounded: an expectation by 5 seconds, an answer by 10, unless the test sets
//! [`within`](TestStream::within). This is tokio's time. Under `#[tokio::test(start_paused = true)]` it advances
//! whenever all tasks wait, so such a test is exact and takes no time. Over TCP, don't pause the clock: it would run
//! ahead of bytes that are in flight.
//!
//! # Only on demand
//!
//! There is no task behind a stream. A body is polled only while an expectation waits, so a stream that the test leaves
//! alone is a stalled reader, in process and over TCP.
//!
//! # A failure
//!
//! A failed expectation panics with what was expected, what came, the place in the test, and the whole timeline:
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
//! Everything that is drawn repeats with its seed, which the failure shows.
//!
//! # A client under test
//!
//! A [`script`](mod@script) answers it, in this process, on a port, or from JSON for tests in a browser. Here the
//! client is the kit's model of a browser: it waits the reconnection time, comes back with the last event ID, and gives
//! up when a browser does.
//!
//! ```
//! use sse_testkit::{BrowserClient, script};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let server = script![
//!     accept, head(200), retry(500ms), event("one").id("7"), drop,
//!     expect_reconnect().last_event_id("7").not_before(500ms), head(200), event("two"), end,
//!     expect_reconnect(), status(204),
//! ]
//! .service();
//!
//! let mut browser = BrowserClient::new(server.client()).open("/events");
//! browser.expect_event("one").await;
//! browser.expect_error().await;
//! browser.expect_event("two").await;
//! browser.expect_error().await;
//! browser.expect_closed().await; // 204: it comes no more
//! server.expect_finished().await;
//! # }
//! ```
//!
//! # Nothing lost, nothing doubled
//!
//! A [`Ledger`] records what is published and what each client sees; here the clients are a [`Fleet`] that comes and
//! goes over a network that breaks connections off.
//!
//! ```
//! # use std::sync::{Arc, Mutex};
//! use std::time::Duration;
//! # use sse_testkit::{Body, TestClient, event_stream};
//! use sse_testkit::{Faults, Fleet, Ledger, ledger::Ids};
//!
//! # #[derive(Clone)]
//! # struct Hub { log: tokio::sync::watch::Sender<Vec<String>> }
//! # impl Hub {
//! #     fn new() -> Self { Self { log: tokio::sync::watch::Sender::new(Vec::new()) } }
//! #     async fn publish(&self, data: &str) -> String {
//! #         self.log.send_modify(|log| log.push(data.into()));
//! #         self.log.borrow().len().to_string()
//! #     }
//! #     fn client(&self) -> TestClient {
//! #         let hub = self.clone();
//! #         TestClient::from_fn(async move |request: http::Request<Body>| {
//! #             let id = request.headers().get("last-event-id").map(|id| id.to_str().unwrap().parse().unwrap());
//! #             let mut log = hub.log.subscribe();
//! #             let mut next: usize = id.unwrap_or_else(|| log.borrow().len());
//! #             let (feed, body) = Body::channel();
//! #             tokio::spawn(async move {
//! #                 feed.send(format!("id: {next}\n\n")).await?;
//! #                 loop {
//! #                     let news = log.borrow_and_update()[next..].to_vec();
//! #                     for data in news {
//! #                         next += 1;
//! #                         feed.send(format!("data: {data}\nid: {next}\n\n")).await?;
//! #                     }
//! #                     let _ = log.changed().await;
//! #                 }
//! #                 #[allow(unreachable_code)]
//! #                 Ok::<(), sse_testkit::BodyDropped>(())
//! #             });
//! #             event_stream(body)
//! #         })
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! # let hub = Hub::new();
//! let ledger = Ledger::new().ids(Ids::Numeric);
//! let network = Faults::seeded(7).cut_randomly(10).reset_after(100);
//! let second = Duration::from_secs(1);
//! let mut fleet = Fleet::of(50).seed(7).churn(20 * second, second).ledger(&ledger).open(hub.client().faults(network));
//! for n in 0..100 {
//!     tokio::time::sleep(second).await;
//!     let publishing = ledger.publish("news", n.to_string());
//!     publishing.acknowledged(hub.publish(&n.to_string()).await);
//! }
//! fleet.calm().await;
//! fleet.within(60 * second).all_saw(|event| event.data == "99").await;
//! ledger.check().expect_clean();
//! # }
//! ```
//!
//! # Parsers and encoders
//!
//! [`conformance!`] grades any parser by the standard's vectors under their cuts, [`encoding!`] any encoder by hostile
//! text. Each is a value that prints a table, or a test. Known failures are listed, and have to match exactly.
//!
//! ```
//! use sse_testkit::{encoding, encoding::Fields};
//!
//! fn encode(fields: &Fields<'_>) -> Option<String> {
//!     Some(format!("data: {}\n\n", fields.data?)) // forgets line breaks
//! }
//!
//! assert!(encoding!(encode).to_string().contains(r#"the name is "admin", but none was sent"#));
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
//! | `proptest` | no | the module `strategy`: events, streams, cuts and schedules for [proptest](https://docs.rs/proptest) |
//! | `script-host` | no | the binary `sse-script`: scripted servers for tests in a browser, or in another language |

mod client;
mod request;

mod call;

mod body;
mod transport;

mod response;
mod stream;

pub mod browser;
pub mod fleet;

pub mod faults;
pub mod script;

pub mod ledger;
pub mod recording;

mod matcher;
mod seen;

pub mod conformance;
pub mod encoding;
mod vectors;

mod escape;
pub mod random;
mod report;
mod table;
mod time;
mod timeline;
mod wait;

#[cfg(feature = "proptest")]
pub mod strategy;

// What nearly every test uses; the rest is reached through its module.
pub use body::{Body, BodyAborted, BodyDropped, BodySender, event_stream};
pub use browser::{BrowserClient, BrowserStream};
pub use call::NoAnswer;
pub use client::TestClient;
pub use conformance::{Outcome, conformance};
pub use encoding::encoding;
pub use faults::{FaultProxy, Faults};
pub use fleet::Fleet;
pub use ledger::Ledger;
pub use matcher::{EventMatcher, any_event, data, event, message};
pub use recording::Recording;
pub use request::RequestBuilder;
pub use response::Response;
pub use seen::{End, Event, Seen};
pub use stream::TestStream;
