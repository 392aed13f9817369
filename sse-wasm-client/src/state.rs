//! How a connection stands.

/// How a connection stands, as seen from the application.
///
/// ```text
///                  the first event
///   Connecting ───────────────────────▶ Open
///    │    ▲                              │ │
///    │    └──────────────────────────────┘ │
///    │      lost: the browser reconnects   │
///    │                                     │
///    └───────────────┬─────────────────────┘
///                    │ the browser gives up
///                    ▼
///                 Closed
/// ```
///
/// It is the standard's [`readyState`][1] but for one thing: `Open` waits for an event, not just for the head of an
/// answer, since a proxy or a full server may send that much and then nothing.
///
/// [1]: https://html.spec.whatwg.org/multipage/server-sent-events.html#dom-eventsource-readystate
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// The browser is connecting, for the first time or again, or the answer has no event yet.
    Connecting,
    /// Events arrive.
    Open,
    /// Nothing arrives any more. This is final.
    Closed {
        /// What ended it.
        why: CloseReason,
    },
}

/// What ended a connection for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The browser did not accept the answer: its status was not 200, its type not `text/event-stream`, or CORS or the
    /// page's content security policy forbids it. A page is not told which; the browser's network tools show it.
    Refused,
}

impl State {
    /// An event of the server has arrived.
    pub(crate) const fn received(self) -> Self {
        match self {
            Self::Connecting | Self::Open => Self::Open,
            Self::Closed { .. } => self,
        }
    }

    /// The connection is lost, and the browser makes another.
    pub(crate) const fn lost(self) -> Self {
        match self {
            Self::Connecting | Self::Open => Self::Connecting,
            Self::Closed { .. } => self,
        }
    }

    /// The browser has given up.
    pub(crate) const fn refused(self) -> Self {
        match self {
            Self::Connecting | Self::Open => Self::Closed { why: CloseReason::Refused },
            Self::Closed { .. } => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSED: State = State::Closed { why: CloseReason::Refused };

    #[test]
    fn every_transition() {
        use State::{Connecting, Open};

        for (state, received, lost, refused) in
            [(Connecting, Open, Connecting, CLOSED), (Open, Open, Connecting, CLOSED), (CLOSED, CLOSED, CLOSED, CLOSED)]
        {
            assert_eq!((state.received(), state.lost(), state.refused()), (received, lost, refused));
        }
    }
}
