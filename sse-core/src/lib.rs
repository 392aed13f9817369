//! Server-Sent Events without IO: an incremental [`Parser`], an encoder that can't be injected ([`Event`]), and typed
//! events.
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
//! The format is that of [WHATWG HTML, 9.2](https://html.spec.whatwg.org/multipage/server-sent-events.html). This crate
//! opens no connection and knows no clock: bring your own bytes.
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `std` | yes | run-time CPU detection in `memchr`; without it the crate is `no_std` with `alloc` |
//! | `serde` | yes | [`typed`] events and [`Event::json`] |
//! | `stream` | no | [`EventStream`], over any stream of bytes |
//! | `codec` | no | [`EventCodec`], for `tokio_util`'s `Framed` |

#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
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

#[cfg(feature = "codec")]
mod codec;
#[cfg(feature = "stream")]
mod stream;

#[cfg(feature = "codec")]
pub use codec::EventCodec;
#[cfg(feature = "stream")]
pub use stream::EventStream;

pub use error::FieldError;
pub use event::{Event, EventBuilder};
pub use field::{EventId, EventName};
pub use item::{EventRef, Item, NotUtf8, Place};
pub use limits::{Limit, Limits};
pub use parser::Parser;
pub use text::Text;
