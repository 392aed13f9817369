//! A client's life without IO: when to connect, what an answer means, when to try again.
//!
//! ```text
//!                 head: 200, text/event-stream            end, error
//!  ┌──────────▶ Connecting ──────────────────▶ Open ───────────────────┐
//!  │                │  │                         │                     │
//!  │ time has come  │  └─ error, a status ───────│────────────────┐    │
//!  │                │     that may be retried    │ close          ▼    ▼
//!  └────────────────│────────────────────────────│────────────── Waiting
//!                   └─ any other answer ──▶ Closed ◀── close ───────┘
//! ```
//!
//! Source: [processing model](https://html.spec.whatwg.org/multipage/server-sent-events.html#sse-processing-model).
//! The session knows no clock and no randomness: `now` is the time since any origin of the caller's, and entropy is 64
//! random bits.
//!
//! ```
//! use core::time::Duration;
//! use sse_core::session::{Head, Session, State};
//!
//! let mut session = Session::default();
//! let mut now = Duration::ZERO;
//! assert!(session.is_connecting()); // send the request, with session.last_event_id()
//! session.handle_head(&Head { status: 200, content_type: Some("text/event-stream"), retry_after: None }, now, 7);
//! session.handle_bytes(b"id: 41\ndata: x\n\n", now, |_item| {});
//!
//! session.handle_end(now, 7); // the connection broke
//! let State::Waiting { until, .. } = session.state() else { panic!() };
//! now = until;
//! assert!(session.handle_time(now)); // connect again
//! assert_eq!(session.last_event_id(), "41");
//! ```

mod policy;

use core::time::Duration;

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
    /// Until it is time to connect again.
    Waiting {
        /// When that is.
        until: Duration,
        /// How many tries in a row had come to nothing before the one that failed last; 0 after a stable connection.
        failures: u32,
    },
    /// For good.
    Closed(Closed),
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closed {
    /// The server answered 204: it wants no more of this client.
    NoContent,
    /// Another status than 200.
    Status(u16),
    /// A body that is not `text/event-stream`.
    ContentType,
    /// [`Session::close`] was called.
    ByCaller,
}

/// The head of an answer, after redirects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// The status code.
    pub status: u16,
    /// The value of `Content-Type`, if there is one.
    pub content_type: Option<&'a str>,
    /// The time that `Retry-After` names, if it does.
    pub retry_after: Option<Duration>,
}

/// A client's connections, one after the other, with what it remembers between them.
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

    /// The answer has begun. Anything but a 200 that is an event stream closes the session, as the standard has it,
    /// unless the policy says to retry that status.
    pub fn handle_head(&mut self, head: &Head<'_>, now: Duration, entropy: u64) {
        if self.state != State::Connecting {
            return;
        }
        match head.status {
            200 if is_event_stream(head.content_type) => {
                self.parser.reconnect();
                self.state = State::Open { since: now };
            }
            200 => self.state = State::Closed(Closed::ContentType),
            status if self.policy.retries(status) => self.wait(now, entropy, head.retry_after),
            204 => self.state = State::Closed(Closed::NoContent),
            status => self.state = State::Closed(Closed::Status(status)),
        }
    }

    /// Bytes of the body; `each` is called for what became whole. Nothing is read unless the stream is open.
    pub fn handle_bytes<F: FnMut(Item<'_>)>(&mut self, bytes: &[u8], now: Duration, each: F) {
        if let State::Open { since } = self.state {
            self.parser.feed(bytes, each);
            if self.policy.is_stable(now.saturating_sub(since)) {
                self.failures = 0;
            }
        }
    }

    /// The body has ended, or the connection broke, or could not be made.
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

    /// Time has passed. `true` says that it is time to connect: send a request.
    pub fn handle_time(&mut self, now: Duration) -> bool {
        match self.state {
            State::Waiting { until, .. } if now >= until => {
                self.state = State::Connecting;
                true
            }
            _ => false,
        }
    }

    /// Connects at once instead of waiting on, as when the network is back. `true` says that a request is to be sent.
    pub const fn hurry(&mut self) -> bool {
        let waiting = matches!(self.state, State::Waiting { .. });
        if waiting {
            self.state = State::Connecting;
        }
        waiting
    }

    /// Ends the session for good.
    pub const fn close(&mut self) {
        if !matches!(self.state, State::Closed(_)) {
            self.state = State::Closed(Closed::ByCaller);
        }
    }

    /// What the session is doing.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whether a request is to be sent or on its way.
    #[must_use]
    pub const fn is_connecting(&self) -> bool {
        matches!(self.state, State::Connecting)
    }

    /// When [`handle_time`](Self::handle_time) is to be called next, if ever.
    #[must_use]
    pub const fn next_time(&self) -> Option<Duration> {
        match self.state {
            State::Waiting { until, .. } => Some(until),
            _ => None,
        }
    }

    /// The last event ID to send with the next request, as `Last-Event-ID`; empty: send none.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.parser.last_event_id()
    }

    /// Begins with a last event ID from elsewhere, such as one kept over a restart.
    ///
    /// # Errors
    ///
    /// [`FieldError`] if it holds CR, LF or NUL: no stream can have sent it.
    pub fn set_last_event_id(&mut self, id: &str) -> Result<(), FieldError> {
        self.parser.set_last_event_id(id)
    }

    /// The reconnection time: the server's, or the policy's until it gives one.
    #[must_use]
    pub fn reconnection_time(&self) -> Duration {
        self.parser.retry().unwrap_or(self.policy.reconnection_time)
    }

    fn wait(&mut self, now: Duration, entropy: u64, at_least: Option<Duration>) {
        let wait = self.policy.wait(self.reconnection_time(), self.failures, entropy);
        let wait = at_least.map_or(wait, |least| wait.max(least.min(self.policy.max_retry_after)));
        self.state = State::Waiting { until: now.saturating_add(wait), failures: self.failures };
        self.failures = self.failures.saturating_add(1);
    }
}

/// `text/event-stream`, whatever its parameters: the standard ignores them, and decodes as UTF-8.
fn is_event_stream(content_type: Option<&str>) -> bool {
    let essence = content_type.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("text/event-stream"))
}
