//! The state of a connection.

use std::{fmt, time::Duration};

/// The state of a connection, as the application sees it.
///
/// ```text
///                    the first event
///     Connecting ──────────────────────▶ Open
///      ▲  │   ▲                           │
///      │  │   └───────────────────────────┤ lost, and the browser reconnects by itself;
///      │  │                               │ or silent for too long
///      │  │ refused, unreachable          │
///  its │  └─────────┐   ┌─────────────────┘ over fetch: ended, broken
/// time │            ▼   ▼
///      └────────── Waiting
///
///   Paused: from any of these while the page is hidden or stored, and back to Connecting
///   Closed: from any of these, for good
/// ```
///
/// It is the standard's [`readyState`][1] with two differences: a connection is `Open` from the first event, not from
/// the head of the response, which a proxy or a full server may send too; and one that the browser gave up is made
/// anew.
///
/// ```
/// use core::time::Duration;
/// use sse_wasm_client::State;
///
/// fn describe(state: State, now: Duration) -> String {
///     match state {
///         State::Open => "live".into(),
///         State::Waiting { until, .. } => format!("again in {} s", until.saturating_sub(now).as_secs()),
///         other => other.to_string(),
///     }
/// }
/// let state = State::Waiting { attempt: 1, until: Duration::from_secs(10) };
/// assert_eq!(describe(state, Duration::from_secs(7)), "again in 3 s");
/// ```
///
/// [1]: https://html.spec.whatwg.org/multipage/server-sent-events.html#dom-eventsource-readystate
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// A connection is being made, by the browser or by this client, or the response has had no event yet.
    Connecting,
    /// Events arrive.
    Open,
    /// The last attempt failed, and the next is not due yet.
    Waiting {
        /// The number of the next attempt since the last stable stream: 1 for the first.
        attempt: u32,
        /// When it is due, by the page's `performance.now()`.
        until: Duration,
    },
    /// There is no connection on purpose: the page is hidden, or in the back/forward cache.
    Paused,
    /// The connection is closed for good.
    Closed {
        /// What ended it.
        why: CloseReason,
    },
}

/// What ended a connection for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// `close()` was called.
    ByApplication,
    /// There were as many refusals in a row as the application allows (`give_up_after`).
    GaveUp,
    /// Everything has come, and nothing more will: the stream has ended and [`Reconnection`](crate::Reconnection) allows
    /// no other, or all topics have ended ([`Signal::End`](crate::Signal::End)). So too
    /// if the server answered 204, which tells the client not to connect again; a hub does that where the client has had
    /// everything already. Over `EventSource`, which does not tell a 204, it is only the former.
    Ended,
    /// The server answered with a status that does not pass by itself. Known over fetch only; the
    /// [`Refusal`](crate::Refusal) that was signalled has the server's explanation.
    Status(u16),
    /// The response was not of the type `text/event-stream`. Known over fetch only.
    NotAnEventStream,
    /// The connection broke or could not be made, and [`Reconnection`](crate::Reconnection) allows no other.
    Failed,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting => f.write_str("connecting"),
            Self::Open => f.write_str("open"),
            Self::Waiting { .. } => f.write_str("waiting"),
            Self::Paused => f.write_str("paused"),
            Self::Closed { why } => write!(f, "closed: {why}"),
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByApplication => f.write_str("by the application"),
            Self::GaveUp => f.write_str("refused too often in a row"),
            Self::Ended => f.write_str("it has ended, and everything has come"),
            Self::Status(status) => write!(f, "the answer's status is {status}"),
            Self::NotAnEventStream => f.write_str("the answer is no event stream"),
            Self::Failed => f.write_str("it broke or could not be made"),
        }
    }
}

impl State {
    /// Returns true if the connection is closed for good because everything has come.
    ///
    /// ```
    /// use sse_wasm_client::{CloseReason, State};
    ///
    /// assert!(State::Closed { why: CloseReason::Ended }.has_ended());
    /// assert!(!State::Closed { why: CloseReason::Status(401) }.has_ended());
    /// ```
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Closed { why: CloseReason::Ended })
    }

    /// Returns true if the connection is closed for good.
    ///
    /// ```
    /// use sse_wasm_client::{CloseReason, State};
    ///
    /// assert!(State::Closed { why: CloseReason::Ended }.is_closed() && !State::Paused.is_closed());
    /// ```
    #[must_use]
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Closed { .. })
    }
}
