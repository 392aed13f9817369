//! Typed server-sent events in the browser, for Rust compiled to wasm.
//!
//! An externally tagged serde enum says which events there are: the variant's name is the event's name, its content
//! the data. `EventSource<T>` listens for every one of them and is a [`Stream`](futures_util::Stream) of [`Delivery`].
//!
//! ```
//! use serde::Deserialize;
//! use sse_wasm_client::typed::Schema;
//!
//! #[derive(Debug, Deserialize)]
//! #[serde(rename_all = "snake_case")]
//! enum Chat {
//!     Joined { user: String },
//!     Said(String),
//!     Closed,
//! }
//!
//! // What `EventSource::<Chat>` listens for.
//! assert_eq!(Schema::<Chat>::new().unwrap().names(), ["joined", "said", "closed"]);
//!
//! # #[cfg(target_arch = "wasm32")]
//! async fn follow() -> Result<(), sse_wasm_client::ConnectError> {
//!     use futures_util::StreamExt;
//!     use sse_wasm_client::EventSource;
//!
//!     let mut chat = EventSource::<Chat>::builder("/events?topic=chat").connect()?;
//!     while let Some(delivery) = chat.next().await {
//!         match delivery {
//!             Ok(delivery) => show(delivery.value),
//!             Err(undecoded) => warn(undecoded), // and the stream goes on
//!         }
//!     }
//!     Ok(()) // the browser gave up: `chat.state()` says why
//! }
//! # fn show(_: Chat) {}
//! # fn warn(_: impl std::error::Error) {}
//! ```
//!
//! Without an enum, `EventSource::untyped(url).listen("tick").connect()` delivers a [`Message`] for each event named
//! `message` or `tick`.
//!
//! # What comes when
//!
//! The browser hands over events when it likes, and the program takes them when it likes. Between the two stands a
//! queue of 1,024 deliveries, unless told otherwise. When it is full the oldest makes room, and `dropped()` counts it.
//!
//! What concerns the stream and not its subject comes through `signals()`: each [`State`], and what the hub says of
//! its own accord. A [`Gap`] means that events may have been lost, a [`Drain`] that the hub is about to end the stream.
//!
//! The stream counts as open only after the first event: an answer that begins is not yet one that lives. A hub sends
//! that event at once (`sse-cursor`, which also says where a resume would begin).
//!
//! # Reconnecting
//!
//! While the browser reconnects by itself nothing is done here: it sends the last event ID along, and a hub goes on
//! from there without loss. To resume after a reload, keep the [`Delivery::id`] of what has been dealt with and give
//! it to `last_event_id()` of the builder.
//!
//! # Lifetime
//!
//! An `EventSource` is one connection with one owner, so it is not `Clone`. Dropping it closes the connection and
//! removes every listener.
//!
//! # What this crate does not do
//!
//! - It opens no second connection once the browser has given up (any answer but a 200 of `text/event-stream`): the
//!   state is then [`State::Closed`], and the stream ends.
//! - It finds no dead connection that the network keeps quiet about.
//! - It sends no headers and no body, and knows no status codes, since the browser's `EventSource` does not. Tabs share
//!   no connection either: over HTTP/1.1 a browser opens six to one origin.
//!
//! `EventSource` and its `Builder` exist on `wasm32` only. Everything else builds and is tested anywhere.

#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "what uses the inner parts is built for the browser only")
)]

#[cfg(target_arch = "wasm32")]
mod builder;
#[cfg(target_arch = "wasm32")]
mod shared;
#[cfg(target_arch = "wasm32")]
mod source;

#[cfg(target_arch = "wasm32")]
mod clock;
#[cfg(target_arch = "wasm32")]
mod driver;
#[cfg(target_arch = "wasm32")]
mod page;
#[cfg(target_arch = "wasm32")]
mod transport;

mod inbox;
mod life;
mod outlet;

mod fan;
mod queue;
mod reader;
mod signal;
#[allow(dead_code, reason = "nothing joins yet")]
mod tabs;

mod answer;
mod delivery;
mod error;
mod refusal;
mod state;
mod url;

#[cfg(target_arch = "wasm32")]
pub use builder::Builder;
pub use delivery::{Delivery, Message};
pub use error::{ConnectError, DecodeError};
pub use fan::{Callback, Events};
pub use refusal::{Problem, Refusal};
#[cfg(target_arch = "wasm32")]
pub use shared::Shared;
pub use signal::{Drain, DrainReason, Gap, GapReason, Signal, Signals, States};
#[cfg(target_arch = "wasm32")]
pub use source::{EventSource, Listening};
pub use sse_core::{EventId, EventName, FieldError, Limit, Limits, Text, typed};
pub use state::{CloseReason, State};
#[cfg(target_arch = "wasm32")]
pub use transport::{ByEventSource, ByFetch, Credentials, Transport};
