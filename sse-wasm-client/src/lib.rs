//! Typed server-sent events in the browser, for Rust compiled to wasm.
//!
//! An externally tagged serde enum describes the events: a variant's name is the event's name, its content the data.
//! `EventSource<T>` listens for all of them, and is a [`Stream`](futures_util::Stream) of [`Delivery`].
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
//!     Ok(()) // closed for good: `chat.state()` says why, and `has_ended()` if everything has come
//! }
//! # fn show(_: Chat) {}
//! # fn warn(_: impl std::error::Error) {}
//! ```
//!
//! Without an enum, `EventSource::untyped(url).listen("tick").connect()` delivers a [`Message`] for each event named
//! `message` or `tick`.
//!
//! # Events, signals and queues
//!
//! Events arrive when the browser delivers them, and wait in a queue until the program takes them. The queue holds
//! 1,024 deliveries by default. When it is full the oldest is dropped, and counted by `dropped()`; over fetch the
//! client stops reading instead, until there is room. `on_event()` calls a function for each event, without a queue.
//! `into_broadcast()` gives each of several readers a queue of its own.
//!
//! What concerns the stream itself is told by `signals()`: each [`State`] (`states()` has these alone), and what the
//! hub says about the stream. A [`Gap`] means that events may be missing, a [`Drain`] that the hub is about to end the
//! stream, an [`End`] that all its topics have ended. Signals are not in order with deliveries: the event with the ID [`Gap::first`] and all that follow it came
//! after the gap.
//!
//! A stream counts as open with its first event, not with the head of its response, which a proxy may send for a dead
//! server. A hub sends an event at once: `sse-cursor`, which tells its position. A stream that opens with `sse-drain`
//! was refused, by a hub that is full, and is not open either.
//!
//! # Staying connected
//!
//! | what happens | what the client does |
//! |---|---|
//! | the connection is lost, and the browser's `EventSource` reconnects | nothing: [`State::Connecting`] until the first event |
//! | the browser gives up, which it does after any response but a 200 of `text/event-stream` | waits, then makes a new `EventSource` with the last event ID in the query: [`State::Waiting`] |
//! | over fetch: the stream ends or fails, or the server can't be reached | waits, then asks again with `Last-Event-ID` |
//! | all topics have ended (`sse-end`), or over fetch: a 204 | [`State::Closed`] with [`CloseReason::Ended`]; it never connects again |
//! | over fetch: a [`Refusal`] | the same if [it may pass](Refusal::may_pass) or the application says so, otherwise [`State::Closed`] |
//! | a stream with known heartbeats is silent for their interval and 5 s more | connects again at once |
//! | no head within 30 s, or no event within 20 s of it | waits, then tries again; where the browser reconnects by itself, after 10 min 30 s |
//! | `offline` | goes on trying every 30 s, since servers on the same machine may still be there |
//! | `online` | ends the wait, the browser's own too, unless a `Retry-After` asked for it |
//! | the page is hidden, with `pause_when_hidden()` | disconnects after that time, and resumes when the page is visible: [`State::Paused`] |
//! | the page enters the back/forward cache, and leaves it | disconnects at once, and resumes |
//!
//! The wait is the server's `retry`, which is visible over fetch only, or else between 3 s and 6 s. It grows at random
//! with each failure, up to 30 s, and starts small again after a stream that lasted 5 s from its first event. Over
//! fetch a `Retry-After` is respected; where tabs share a connection, by the tab that holds it.
//!
//! To resume after a reload, store the [`Delivery::id`] of what has been processed, and pass it to the builder's
//! `last_event_id()`.
//!
//! # EventSource or fetch
//!
//! The default is the browser's own `EventSource`: it costs no code, needs no preflight, and the browser's network
//! tools know it. `fetch()` on the builder is for what it can't do: headers (`Authorization`), a `POST` with a body,
//! control of cookies, the status and the body of a refusal, comments as signs of life, and a stream that waits for a
//! slow program. Its code is linked only where it is used.
//!
//! The watchdog needs heartbeats that it can see. Hubs send them as events, unless the URL says `heartbeat=comment`,
//! which is for other clients than browsers. Over `EventSource`, tell the builder the interval of a hub's heartbeats if
//! it is not 15 s; over fetch the client reads it from the head.
//!
//! The browser's `EventSource` reports only events that are listened for, and a hub sends heartbeats only while it has
//! nothing else to send. So a stream that is full of other events looks silent. It is made anew after 20 s, the next
//! after 40 s, then 80 s, up to 10 min, and each resumes after the last event that was reported. So ask the hub for the
//! topics that you want, and have one enum for the events of a topic; or use fetch, which reads everything.
//!
//! # One connection for all tabs
//!
//! Over HTTP/1.1 a browser opens six connections to one origin, for all its tabs together. With `across_tabs()` on the
//! builder, all tabs that want the same stream (URL, event names, and the builder's settings of transport and waits)
//! have one connection between them. One tab holds it and forwards events, states and signals; when that tab is closed,
//! crashes, or is frozen or stored, another takes over. Each tab has every event once and in order, or a [`Gap`]. This
//! needs Web Locks and `BroadcastChannel`; without them, as on a page that is neither HTTPS nor on `localhost`, each
//! tab has its own connection. The code is linked only where `across_tabs()` is used.
//!
//! - A tab begins with the events that come from the time it joins, or after its own `last_event_id()`, whatever the
//!   others have had. One that joins while the connection is being made begins within a second of the hub's first
//!   event, with what the hub still repeats for the others from then on. Another server does not tell what it repeats,
//!   so such a tab gets all of that.
//! - With a `since` in the URL each tab gets that much of the past: it asks the hub where that begins, by a short
//!   connection of its own, and joins at that position. A `last_event_id` in the URL would make it another URL, so pass
//!   it to the builder.
//! - A tab that is about to hold the connection first asks the others for their positions, which takes 150 ms. A tab
//!   that froze with the connection is replaced after four silent beats of 3 s.
//! - The last 512 events, at most 512 KiB, are kept for tabs that missed some; older ones are requested from the hub
//!   again. A server without IDs can't be asked: what it sends while another tab takes over is lost.
//! - Over fetch a slow program does not hold up the stream, which would hold up all tabs: its queue drops the oldest
//!   event and counts it.
//! - With `pause_when_hidden()` a hidden tab leaves, and the visible ones carry on.
//! - Every page of the origin can read the channel, as it could request the stream itself. The server's responses may
//!   depend on the user: by cookies, or by a token of `headers_from`, which can't be compared. So when another user
//!   signs in, let tabs close or the URL differ.
//!
//! # Lifetime
//!
//! An `EventSource` is one connection with one owner, so it is not `Clone`. Dropping it closes the connection, aborts a
//! request, and removes all listeners and timers. `into_broadcast()` makes a handle for several owners.
//!
//! # What this crate does not do
//!
//! - Over `EventSource` it knows no status codes, since a page is not told them: it tries again after a 401 or a 404,
//!   unless `give_up_after()` is set. So too after the 204 of a hub, which a client gets that comes back after the end
//!   with the ID of that end: where it may, use fetch, or forget the ID at the end.
//! - It stores nothing across a reload: where to keep the last event ID is the application's choice.
//! - Tabs of different origins share nothing, and neither do profiles or private windows: the browser separates them.
//!
//! `EventSource` and its `Builder` exist on `wasm32` only. Everything else builds and is tested on any target.

#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "what uses the inner parts is built for the browser only")
)]

#[cfg(target_arch = "wasm32")]
mod broadcast;
#[cfg(target_arch = "wasm32")]
mod builder;
#[cfg(target_arch = "wasm32")]
mod source;

mod tabs;

#[cfg(target_arch = "wasm32")]
mod transport;

#[cfg(target_arch = "wasm32")]
mod driver;
#[cfg(target_arch = "wasm32")]
mod page;

mod dispatcher;
mod readers;
mod reconnect;
mod sink;

mod decoder;
mod signal;

mod delivery;
mod error;
mod refusal;
mod state;

#[cfg(target_arch = "wasm32")]
mod clock;
mod queue;
mod response;
mod transport_options;
mod url;
mod weak;

#[cfg(target_arch = "wasm32")]
pub use broadcast::Broadcast;
#[cfg(target_arch = "wasm32")]
pub use builder::Builder;
pub use delivery::{Delivery, Message};
pub use error::{ConnectError, DecodeError};
pub use readers::{Callback, Events};
pub use reconnect::Reconnection;
pub use refusal::Refusal;
pub use signal::{Signal, Signals, States};
#[cfg(target_arch = "wasm32")]
pub use source::{EventSource, Listening};
pub use sse_core::{
    EventId, EventName, FieldError, Limit, Limits, Text,
    hub::{Drain, DrainReason, End, Gap, GapReason, Problem},
    typed,
};
pub use state::{CloseReason, State};
#[cfg(target_arch = "wasm32")]
pub use tabs::AcrossTabs;
#[cfg(target_arch = "wasm32")]
pub use transport::{ByEventSource, ByFetch, Credentials, Transport};
