//! A client's life without IO: when to connect, what an answer means, when to try again.
//!
//! ```text
//!                 head: 200, text/event-stream            end, error
//!  ┌──────────▶ Connecting ──────────────────▶ Open ───────────────────┐
//!  │                │  │                         │                     │
//!  │ time has come  │  └─ error, a status ───────│────────────────┐    │
//!  │                │     that may be retried    │ close,         ▼    ▼
//!  └────────────────│────────────────────────────│─ finish ───── Waiting
//!                   └─ any other answer ──▶ Closed ◀── close ───────┘
//! ```
//!
//! Source: [processing model](https://html.spec.whatwg.org/multipage/server-sent-events.html#sse-processing-model).
//!
//! The session has no clock and no source of randomness. `now` is the time since an origin that the caller chooses once
//! for the session's whole life, and never goes back: `Instant::elapsed` will do. `entropy` is 64 uniformly random
//! bits, new for each call. They spread waits and keep no secret, so any generator will do.
//!
//! What it leaves to the caller:
//!
//! - the request: a `GET` with `Accept: text/event-stream`, `Cache-Control: no-cache` and, if there is one,
//!   `Last-Event-ID` with the [last event ID](Session::last_event_id) as UTF-8 bytes. An ID may hold control characters
//!   that some HTTP libraries refuse in a header;
//! - redirects, which are followed before the head is handed in;
//! - silence. A connection on which nothing arrives stays open for ever: give the transport a read timeout, and call
//!   [`handle_end`](Session::handle_end) when it expires;
//! - what events mean. Where one says that nothing will follow it, as a hub's `sse-end` does, call
//!   [`finish`](Session::finish), or the session connects again.
//!
//! A complete client over reqwest is in the project's `examples/follow`. In outline:
//!
//! ```
//! use core::time::Duration;
//! use sse_core::{Item, session::{Closed, Head, Session}};
//!
//! # struct Answer { head: Head<'static>, chunks: &'static [&'static str] }
//! # let mut answers = [
//! #     (200, "", &["id: 41\ndata: x\n\n", "data: unfinished"] as &[_]),
//! #     (204, "41", &[]),
//! # ].into_iter();
//! # let mut request = |last_event_id: &str| {
//! #     let (status, expect, chunks) = answers.next().unwrap();
//! #     assert_eq!(last_event_id, expect);
//! #     Answer { head: Head { status, content_type: Some("text/event-stream"), retry_after: None }, chunks }
//! # };
//! # let entropy = || 4;
//! # let mut now = Duration::ZERO;
//! let mut session = Session::default();
//! let why = loop {
//!     if session.is_connecting() {
//!         let answer = request(session.last_event_id());
//!         session.handle_head(&answer.head, now, entropy());
//!         if session.is_open() { // else its body is of no use
//!             for chunk in answer.chunks {
//!                 session.handle_bytes(chunk.as_bytes(), now, |item| {
//!                     if let Item::Event(event) = item {
//!                         assert_eq!(event.data(), "x");
//!                     }
//!                 });
//!             }
//!         }
//!         session.handle_end(now, entropy()); // changes nothing if the head has decided already
//!     }
//!     if let Some(until) = session.next_time() {
//!         now = until; // sleep
//!         session.handle_time(now);
//!     }
//!     if let Some(why) = session.closed() {
//!         break why;
//!     }
//! };
//! assert_eq!(why, Closed::NoContent);
//! ```

mod policy;

use core::{fmt, time::Duration};

use crate::{FieldError, Item, Limits, Parser};

pub use policy::Policy;

/// What the session is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// A request is to be sent, or is on its way.
    Connecting,
    /// The stream is open.
    Open {
        /// When its head came.
        since: Duration,
    },
    /// It waits before it connects again.
    Waiting {
        /// When to connect again.
        until: Duration,
        /// The number of failures in a row before the most recent one; 0 if a stable stream ended.
        failures: u32,
    },
    /// The session is over for good.
    Closed(Closed),
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closed {
    /// [`Session::finish`] was called: the stream said that nothing more will come.
    Ended,
    /// The server answered 204: it wants no more of this client. A hub has sent it everything then, and all its topics
    /// have ended.
    NoContent,
    /// The status of the answer is neither 200 nor 204.
    Status(u16),
    /// The body of the answer is not `text/event-stream`.
    ContentType,
    /// [`Session::close`] was called.
    ByCaller,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the stream has ended for good"),
            Self::NoContent => f.write_str("the server wants no more of this client (status 204)"),
            Self::Status(status) => write!(f, "the answer's status is {status}"),
            Self::ContentType => f.write_str("the answer is no event stream"),
            Self::ByCaller => f.write_str("closed by the caller"),
        }
    }
}

/// The head of an answer, after redirects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// The status code.
    pub status: u16,
    /// The value of `Content-Type`, if there is one.
    pub content_type: Option<&'a str>,
    /// The wait that `Retry-After` asks for, if the header is there: its seconds, or the time until its date. The
    /// caller parses it.
    pub retry_after: Option<Duration>,
}

impl Head<'_> {
    /// Returns true if the content type is `text/event-stream`. Parameters are ignored, as the standard requires: an
    /// event stream is always decoded as UTF-8.
    ///
    /// ```
    /// use sse_core::session::Head;
    ///
    /// let content_type = Some("Text/Event-Stream; charset=latin1");
    /// assert!(Head { status: 200, content_type, retry_after: None }.is_event_stream());
    /// ```
    #[must_use]
    pub fn is_event_stream(&self) -> bool {
        let essence = self.content_type.and_then(|value| value.split(';').next());
        essence.is_some_and(|essence| {
            essence.trim_matches([' ', '\t', '\r', '\n']).eq_ignore_ascii_case("text/event-stream")
        })
    }
}

/// A client's connections, one after another, and what it remembers between them.
#[derive(Debug, Clone)]
pub struct Session {
    policy: Policy,
    parser: Parser,
    state: State,
    failures: u32,
}

impl Default for Session {
    fn default() -> Self {
        Self::new(Policy::default(), Limits::default())
    }
}

impl Session {
    /// A session that is about to connect for the first time.
    #[must_use]
    pub const fn new(policy: Policy, limits: Limits) -> Self {
        Self { policy, parser: Parser::with_limits(limits), state: State::Connecting, failures: 0 }
    }

    /// The same session, but with a [strict](Parser::strict) parser.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.parser = self.parser.strict();
        self
    }

    /// Handles the head of the answer. [`state`](Self::state) then says what it means: anything but a 200 with an event
    /// stream closes the session, as the standard requires, unless the policy retries that status. If the session is
    /// not open afterwards, drop the body. Does nothing unless the session is [connecting](State::Connecting).
    pub fn handle_head(&mut self, head: &Head<'_>, now: Duration, entropy: u64) {
        if self.state != State::Connecting {
            return;
        }
        match head.status {
            200 if head.is_event_stream() => {
                self.parser.reconnect();
                self.state = State::Open { since: now };
            }
            200 => self.state = State::Closed(Closed::ContentType),
            status if self.policy.retries(status) => self.wait(now, entropy, head.retry_after),
            204 => self.state = State::Closed(Closed::NoContent),
            status => self.state = State::Closed(Closed::Status(status)),
        }
    }

    /// Handles `bytes` of the body, and calls `each` with every item that they complete. The session applies an
    /// [`Item::Retry`] itself; it is passed on for information. Does nothing unless the stream is [open](State::Open).
    ///
    /// All events in `bytes` count as read. A caller that stops in the middle of them has to resume with
    /// [the event's ID](crate::EventRef::id) instead of [`last_event_id`](Self::last_event_id).
    pub fn handle_bytes<F: FnMut(Item<'_>)>(&mut self, bytes: &[u8], now: Duration, each: F) {
        if let State::Open { since } = self.state {
            self.parser.feed(bytes, each);
            if self.policy.is_stable(now.saturating_sub(since)) {
                self.failures = 0;
            }
        }
    }

    /// Handles the end of the body, a broken connection, or one that could not be made: the session waits. Does nothing
    /// if it is already waiting or closed.
    pub fn handle_end(&mut self, now: Duration, entropy: u64) {
        match self.state {
            State::Open { since } => {
                if self.policy.is_stable(now.saturating_sub(since)) {
                    self.failures = 0;
                }
                self.wait(now, entropy, None);
            }
            State::Connecting => self.wait(now, entropy, None),
            State::Waiting { .. } | State::Closed(_) => {}
        }
    }

    /// Handles the passing of time. Returns true if it is time to connect: send a request.
    pub fn handle_time(&mut self, now: Duration) -> bool {
        match self.state {
            State::Waiting { until, .. } if now >= until => {
                self.state = State::Connecting;
                true
            }
            _ => false,
        }
    }

    /// Cuts the wait short, as when the network is back. Returns true if the session was waiting: send a request.
    pub const fn hurry(&mut self) -> bool {
        let waiting = matches!(self.state, State::Waiting { .. });
        if waiting {
            self.state = State::Connecting;
        }
        waiting
    }

    /// Handles the word of the server that nothing more will come: the session is over, and does not connect again.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::{Item, session::{Closed, Head, Session}};
    ///
    /// let mut session = Session::default();
    /// session.handle_head(&Head { status: 200, content_type: Some("text/event-stream"), retry_after: None }, Duration::ZERO, 4);
    /// let mut finished = false;
    /// let bytes = b"data: the rest\n\nevent: sse-end\ndata: {\"topics\":[\"runs/42\"]}\n\n";
    /// session.handle_bytes(bytes, Duration::ZERO, |item| {
    ///     finished |= matches!(item, Item::Event(event) if event.name() == "sse-end");
    /// });
    /// if finished {
    ///     session.finish();
    /// }
    /// session.handle_end(Duration::ZERO, 4); // changes nothing any more
    /// assert_eq!(session.closed(), Some(Closed::Ended));
    /// ```
    pub const fn finish(&mut self) {
        self.close_for(Closed::Ended);
    }

    /// Ends the session for good.
    pub const fn close(&mut self) {
        self.close_for(Closed::ByCaller);
    }

    /// What the session is doing.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Returns true if a request is to be sent or is on its way.
    #[must_use]
    pub const fn is_connecting(&self) -> bool {
        matches!(self.state, State::Connecting)
    }

    /// Returns true if the stream is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Why the session is over, if it is.
    #[must_use]
    pub const fn closed(&self) -> Option<Closed> {
        match self.state {
            State::Closed(why) => Some(why),
            _ => None,
        }
    }

    /// When [`handle_time`](Self::handle_time) is to be called next, if ever.
    #[must_use]
    pub const fn next_time(&self) -> Option<Duration> {
        match self.state {
            State::Waiting { until, .. } => Some(until),
            _ => None,
        }
    }

    /// The last event ID to send with the next request, as `Last-Event-ID`. If it is empty, send none.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.parser.last_event_id()
    }

    /// Sets the last event ID to one from elsewhere, such as one that was kept over a restart.
    ///
    /// # Errors
    ///
    /// [`FieldError`] if it holds CR, LF or NUL: no stream can have sent it.
    pub fn set_last_event_id(&mut self, id: &str) -> Result<(), FieldError> {
        self.parser.set_last_event_id(id)
    }

    /// The reconnection time: the server's, capped at [`Policy::max_asked`], or the policy's until the server sets one.
    #[must_use]
    pub fn reconnection_time(&self) -> Duration {
        self.parser.retry().map_or(self.policy.reconnection_time, |asked| asked.min(self.policy.max_asked))
    }

    /// The number of blocks that were [dropped](Parser::dropped), over all connections.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.parser.dropped()
    }

    const fn close_for(&mut self, why: Closed) {
        if !matches!(self.state, State::Closed(_)) {
            self.state = State::Closed(why);
        }
    }

    fn wait(&mut self, now: Duration, entropy: u64, at_least: Option<Duration>) {
        let wait = self.policy.wait(self.reconnection_time(), self.failures, entropy);
        let wait = at_least.map_or(wait, |least| wait.max(least.min(self.policy.max_asked)));
        self.state = State::Waiting { until: now.saturating_add(wait), failures: self.failures };
        self.failures = self.failures.saturating_add(1);
    }
}
