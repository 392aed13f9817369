//! Server-Sent Events without IO: an incremental [`Parser`], an encoder that can't be injected ([`Event`]), typed
//! events, and a client's [`session`].
//!
//! ```
//! use sse_core::{Event, Item, Parser};
//!
//! let wire = Event::message("hello").to_bytes();
//! Parser::new().feed(&wire, |item| {
//!     if let Item::Event(event) = item {
//!         assert_eq!((event.name(), event.data()), ("message", "hello"));
//!     }
//! });
//! ```
//!
//! # Forms
//!
//! | to read | use | text is |
//! |---|---|---|
//! | chunks as they arrive, at the least cost | [`Parser::feed`] | borrowed, from the chunk if it lies whole in it |
//! | the same, to keep | [`Parser::feed_bytes`] | owned, sharing the chunk where it can |
//! | a `Stream` of chunks | `EventStream` | owned |
//! | an `AsyncRead` | `EventCodec` with `tokio_util`'s `FramedRead` | owned |
//! | a connection, with reconnecting | [`session::Session`] | borrowed |
//!
//! Chunks may end anywhere. What is dropped is reported:
//!
//! ```
//! use sse_core::{Item, Limits, Parser};
//!
//! let mut parser = Parser::with_limits(Limits::new(1 << 20, 8)); // data of at most 8 bytes
//! let mut items = Vec::new();
//! for chunk in ["id: 1\nda", "ta: short\n\nid: 2\ndata: too long for this\n\n"] {
//!     parser.feed(chunk.as_bytes(), |item| {
//!         items.push(match item {
//!             Item::Event(event) => event.data().to_owned(),
//!             other => format!("{other:?}"),
//!         });
//!     });
//! }
//! assert_eq!(items, ["short", "Dropped(Event)"]);
//! assert_eq!(parser.last_event_id(), "2"); // to go on after it
//! parser.reconnect(); // a new connection: what was unfinished is discarded
//! ```
//!
//! Owned, as a stream:
//!
//! ```
//! # #[cfg(feature = "stream")] {
//! use futures_util::{FutureExt, StreamExt, stream};
//! use sse_core::EventStream;
//!
//! let body = stream::iter([Ok::<_, std::io::Error>("data: a\n\ndata: b\n\n")]);
//! let events = EventStream::new(body).map(|event| event.unwrap().data().unwrap().to_string());
//! assert_eq!(events.collect::<Vec<_>>().now_or_never().unwrap(), ["a", "b"]);
//! # }
//! ```
//!
//! From anything that reads:
//!
//! ```
//! # #[cfg(feature = "codec")] {
//! use futures_util::{FutureExt, StreamExt};
//! use sse_core::EventCodec;
//! use tokio_util::codec::FramedRead;
//!
//! let mut events = FramedRead::new(&b"event: add\ndata: 1\n\n"[..], EventCodec::new());
//! let event = events.next().now_or_never().flatten().unwrap().unwrap();
//! assert_eq!(event.name(), "add");
//! # }
//! ```
//!
//! To write events, use [`Event::encode`] into a buffer, [`Event::to_bytes`], or `EventCodec`. Events that are the
//! variants of an enum are in `typed`, the life of a connection is in [`session`], and what a
//! hub and its clients agree on beyond the standard in `hub`.
//!
//! # What is implemented
//!
//! Of [WHATWG HTML, 9.2](https://html.spec.whatwg.org/multipage/server-sent-events.html):
//!
//! - [parsing](https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream): one byte order
//!   mark is stripped; CR, LF and CRLF end a line, a CR at once;
//! - [interpretation](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation):
//!   `event`, `data`, `id`, `retry`; a block without data commits its ID; an unfinished block is discarded; invalid
//!   UTF-8 becomes U+FFFD;
//! - the [processing model](https://html.spec.whatwg.org/multipage/server-sent-events.html#sse-processing-model), in
//!   [`session`]: which answers open a stream, which end it, and when to reconnect.
//!
//! Taken literally, the standard empties the last event ID buffer at the start of each connection, so that a first
//! event without an ID would reset the ID. Like browsers, the parser keeps it until another comes.
//!
//! Memory is bounded by [`Limits`], on by default.
//!
//! # What it does not do
//!
//! It opens no connection, follows no redirect and has no clock: bring your own bytes, time and randomness.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `std` | yes | run-time CPU detection in `memchr`; without it the crate is `no_std` with `alloc` |
//! | `serde` | yes | `typed` events and `Event::json` |
//! | `hub` | no | `hub`, what a hub and its clients say to each other |
//! | `stream` | no | `EventStream`, over any stream of bytes |
//! | `codec` | no | `EventCodec`, for `tokio_util`'s `Framed` |

#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod parser;

mod item;
mod limits;
mod line;
mod scan;
mod utf8;

mod event;

mod encode;
mod error;
mod field;
mod text;

pub mod session;
#[cfg(feature = "serde")]
pub mod typed;

#[cfg(feature = "hub")]
pub mod hub;

#[cfg(feature = "codec")]
mod codec;
#[cfg(any(feature = "codec", feature = "stream"))]
mod queue;
#[cfg(feature = "stream")]
mod stream;

#[cfg(feature = "codec")]
pub use codec::EventCodec;
#[cfg(feature = "stream")]
pub use stream::EventStream;

pub use error::FieldError;
pub use event::{Event, EventBuilder};
pub use field::{EventId, EventName};
pub use item::{BlockPart, EventRef, Item, NotUtf8};
pub use limits::{Limit, Limits};
pub use parser::Parser;
pub use text::Text;
