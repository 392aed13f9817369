//! The phases of a connection.

use std::time::Duration;

use crate::{CloseReason, State};

/// The longest silence that a stream which was silent before is given.
const MOST_PATIENCE: Duration = Duration::from_secs(600);

#[derive(Debug, Clone, Copy)]
pub(super) enum Phase {
    /// `head` is there once the answer has begun. `by_browser`: it reconnects by itself, we don't know when.
    Connecting {
        deadline: Option<Duration>,
        head: Option<Head>,
        by_browser: bool,
    },
    Open(Open),
    Waiting {
        attempt: u32,
        until: Duration,
    },
    /// Tabs share the connection, and so it stands. To connect is to take part, to disconnect to leave.
    AcrossTabs(State),
    Paused,
    Closed(CloseReason),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    /// How long the server may be silent.
    pub(super) silence: Duration,
    /// Whether that holds after the first event too, since it sends heartbeats.
    pub(super) promised: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    /// When its first event came.
    pub(super) since: Duration,
    /// How long the server may be silent, if this one sends heartbeats.
    pub(super) silence: Option<Duration>,
    /// Whether one of its events was one that only hubs send.
    pub(super) of_hub: bool,
    /// How often in a row such streams were silent for too long before. A hub sends heartbeats only when it writes
    /// nothing else, and the browser does not tell of events that nobody listens for: so a stream that is silent each
    /// time is more likely to be full of these. Each time it gets twice the time.
    pub(super) mute: u32,
    /// When it has been silent for that long.
    pub(super) deadline: Option<Duration>,
    /// The page was asleep at the deadline, so it could not hear anything, and it was put off. Once only: the timers of
    /// a hidden page are always late.
    pub(super) excused: bool,
}

impl Open {
    pub(super) fn hear(&mut self, now: Duration) {
        let patience = |silence: Duration| {
            silence.saturating_mul(1_u32.checked_shl(self.mute).unwrap_or(u32::MAX)).min(silence.max(MOST_PATIENCE))
        };
        self.deadline = self.silence.map(|silence| now.saturating_add(patience(silence)));
        self.excused = false;
    }
}
