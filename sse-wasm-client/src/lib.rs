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
//!     Ok(()) // it is closed for good: `chat.state()` says why
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
//! queue of 1,024 deliveries, unless told otherwise. When it is full the oldest makes room, and `dropped()` counts it;
//! over fetch the client reads no further instead, until there is room. `on_event()` has a function called for each
//! event in place of the queue; `into_broadcast()` gives several readers a queue each, and the first what waits already.
//!
//! What concerns the stream and not its subject comes through `signals()`: each [`State`] (`states()` has these
//! alone), and what the hub says of its own accord. A [`Gap`] means that events may have been lost, a [`Drain`] that the
//! hub is about to end the stream. Signals and deliveries are read apart, so they are not in order with each other: what
//! comes from the event [`Gap::first`] on is after the gap.
//!
//! The stream counts as open only after the first event: an answer that begins is not yet one that lives. A hub sends
//! that event at once (`sse-cursor`, which also says where a resume would begin).
//!
//! # Staying connected
//!
//! | what happens | what the client does |
//! |---|---|
//! | the connection is lost, and the browser's `EventSource` reconnects | nothing: [`State::Connecting`] until the first event |
//! | the browser gave up, which it does after any answer but a 200 of `text/event-stream` | waits, and makes a new one with the last event ID in the query: [`State::Waiting`] |
//! | over fetch: the stream ends or breaks, or the server can't be reached | waits, and asks again with `Last-Event-ID` |
//! | over fetch: a [`Refusal`] | the same, if [it may pass](Refusal::may_pass) or the application says so; else [`State::Closed`] |
//! | a stream whose heartbeats are known is silent for their interval and 5 s | makes it anew at once |
//! | no head within 30 s, no event within 20 s of it | waits, and tries again; where the browser tries by itself, after 10 min 30 s |
//! | `offline` | goes on trying every 30 s, since a browser knows nothing of servers on the same machine |
//! | `online` | ends the wait, also the browser's own, but not one that a `Retry-After` asked for |
//! | the page is hidden, and `pause_when_hidden()` was said | disconnects after that time, and goes on where it was when the page is visible: [`State::Paused`] |
//! | the page goes into the back/forward cache, and comes back | the same at once |
//!
//! The wait is the server's `retry`, where the client can see it (over fetch), or else between 3 s and 6 s. It grows
//! with each failure up to 30 s, at random, and starts small again once a stream has lasted 5 s from its first event.
//! Over fetch a `Retry-After` is heeded too; where tabs share a connection, by the tab that holds it.
//!
//! To resume after a reload, keep the [`Delivery::id`] of what has been dealt with and give it to `last_event_id()` of
//! the builder.
//!
//! # EventSource or fetch
//!
//! By default the browser's own `EventSource` is used: it costs no code, needs no preflight, and the browser's network
//! tools know it. `fetch()` on the builder is for what it can't do: headers (`Authorization`), a `POST` with a body,
//! what is to be done with cookies, the status and the server's words when it refuses, comments as signs of life, and a
//! stream that waits for a slow program. The code for it is linked only where it is used.
//!
//! The watchdog needs heartbeats that it can see. Hubs send events, unless the URL says `heartbeat=comment`, which is
//! for others than browsers. Tell the builder of a hub whose interval is not 15 s, unless you use fetch, which reads it.
//!
//! The browser's `EventSource` tells only of events that are listened for. A hub sends heartbeats only while it has nothing
//! else to send, so a stream that is full of other names looks silent, and is made anew: after 20 s, then 40 s, 80 s,
//! up to 10 min; and it resumes after the last event that was heard. So ask the hub for the topics that you want, and
//! have one enum for the events of a topic; or use fetch, which hears all.
//!
//! # One connection for all tabs
//!
//! Over HTTP/1.1 a browser opens six connections to one origin, in all its tabs together. With `across_tabs()` on the builder,
//! all tabs that want the same (URL, event names, what the builder was told of transport and waits) have one between
//! them. One tab holds it and hands on events, states and signals; when it is closed, crashes, freezes or is stored,
//! another goes on where it was. Each tab has every event once and in order, or a [`Gap`]. That rests on the browser's
//! locks (Web Locks) and `BroadcastChannel`; where either is missing, as on a page that is neither HTTPS nor on
//! `localhost`, each tab has a connection of its own. The code for it is linked only where `across_tabs()` is used.
//!
//! - A tab begins with what comes from the time it joins, or after its own `last_event_id()`, whatever the others have
//!   had. One that joins while the connection is being made begins within a second of the hub's first event, and with
//!   what is left then of the hub's repeating for the others. A server that is no hub does not say what it repeats, so of
//!   that such a tab gets all.
//! - With a `since` in the URL each tab has that much of the past: it asks the hub by a short connection of its own where
//!   that begins, and joins there. A `last_event_id` in the URL makes it another URL, so say it to the builder.
//! - A new tab that is to lead first asks where the others are, which takes 150 ms. A leader that freezes unannounced is
//!   missed after four silent beats of 3 s.
//! - The last 512 events, at most 512 KiB, are kept for tabs that missed some; what is older is fetched from the hub
//!   anew. A server that gives no IDs can't be asked: what it sends while another tab takes over is lost.
//! - Over fetch a slow program does not hold up the stream, since it would do so for all tabs: its queue drops the
//!   oldest, and counts it.
//! - With `pause_when_hidden()` a hidden tab leaves, and the visible ones carry on.
//! - Every page of the origin can read the channel, as it could ask for the stream itself. What the server says depends
//!   on the user (cookies, or the token that `headers_from` gives, which nobody can compare), so let tabs close, or the
//!   URL differ, when another user signs in.
//!
//! # Lifetime
//!
//! An `EventSource` is one connection with one owner, so it is not `Clone`. Dropping it closes the connection and
//! removes every listener and timer; a request is aborted. A handle for several owners is made by `into_broadcast()`.
//!
//! # What this crate does not do
//!
//! - It knows no status codes over `EventSource`, since a page is not told them: there it tries a 401 or a 404 again,
//!   unless `give_up_after()` was said.
//! - It remembers nothing over a reload: where the last event ID is kept is the application's choice.
//! - Tabs of different origins share nothing, and neither do profiles or private windows: the browser keeps them apart.
//!
//! `EventSource` and its `Builder` exist on `wasm32` only. Everything else builds and is tested anywhere.

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

#[cfg(target_arch = "wasm32")]
mod clock;
#[cfg(target_arch = "wasm32")]
mod driver;
#[cfg(target_arch = "wasm32")]
mod page;
#[cfg(target_arch = "wasm32")]
mod transport;

mod dispatcher;
mod reconnect;
mod sink;

mod decoder;
mod queue;
mod readers;
mod signal;
mod tabs;

mod delivery;
mod error;
mod refusal;
mod response;
mod state;
mod url;
mod weak;

#[cfg(target_arch = "wasm32")]
pub use broadcast::Broadcast;
#[cfg(target_arch = "wasm32")]
pub use builder::Builder;
pub use delivery::{Delivery, Message};
pub use error::{ConnectError, DecodeError};
pub use readers::{Callback, Events};
pub use refusal::Refusal;
pub use signal::{Signal, Signals, States};
#[cfg(target_arch = "wasm32")]
pub use source::{EventSource, Listening};
pub use sse_core::{
    EventId, EventName, FieldError, Limit, Limits, Text,
    hub::{Drain, DrainReason, Gap, GapReason, Problem},
    typed,
};
pub use state::{CloseReason, State};
#[cfg(target_arch = "wasm32")]
pub use tabs::AcrossTabs;
#[cfg(target_arch = "wasm32")]
pub use transport::{ByEventSource, ByFetch, Credentials, Transport};
