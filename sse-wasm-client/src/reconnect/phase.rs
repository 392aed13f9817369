//! The phases of a connection.

use std::time::Duration;

use super::settings::{SilenceLimit, Watchdog};
use crate::{CloseReason, State};

/// The longest silence that is allowed to a stream when the ones before it were silent too.
const MAX_SILENCE: Duration = Duration::from_secs(600);

#[derive(Debug, Clone, Copy)]
pub(super) enum Phase {
    /// `silence` is known once the response has begun. `by_browser` tells that the browser connects, at a time of its
    /// own.
    Connecting {
        deadline: Option<Duration>,
        silence: Option<SilenceLimit>,
        by_browser: bool,
    },
    Open(OpenStream),
    Waiting {
        attempt: u32,
        until: Duration,
    },
    /// Tabs share the connection, and this is its state. Connecting means joining them, and disconnecting leaving them.
    AcrossTabs(State),
    Paused,
    Closed(CloseReason),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct OpenStream {
    /// When its first event arrived.
    since: Duration,
    /// How long the server may be silent, if it sends heartbeats.
    silence_limit: Option<Duration>,
    /// One of its events was one that only hubs send.
    of_hub: bool,
    /// How many streams in a row before this one were silent for too long. A hub sends heartbeats only while it has
    /// nothing else to send, and the browser doesn't tell of events that nobody listens for. So a stream that is silent
    /// each time is more likely to be full of such events, and each time it is allowed twice the silence.
    silent_before: u32,
    /// When the silence will have been too long.
    deadline: Option<Duration>,
    /// The page was asleep at the deadline and could hear nothing, so the deadline was postponed. Once only, since the
    /// timers of a hidden page are always late.
    postponed: bool,
}

impl OpenStream {
    /// A stream whose first event arrives `now`.
    pub(super) fn new(silence_limit: Option<Duration>, of_hub: bool, silent_before: u32, now: Duration) -> Self {
        let mut open = Self { since: now, silence_limit, of_hub, silent_before, deadline: None, postponed: false };
        open.restart_silence(now);
        open
    }

    /// Another event arrived. That a hub sends it, as `of_hub` tells, shows that there will be heartbeats.
    pub(super) fn handle_event(&mut self, of_hub: bool, watchdog: Option<Watchdog>, now: Duration) {
        if of_hub && self.silence_limit.is_none() {
            self.silence_limit = watchdog.map(Watchdog::silence_limit);
        }
        self.of_hub |= of_hub;
        // A hub whose other events are not heard seems silent. Its own events prove that it would be heard.
        if of_hub || !self.of_hub {
            self.silent_before = 0;
        }
        self.restart_silence(now);
    }

    /// Bytes arrived which need not be an event.
    pub(super) fn handle_heard(&mut self, now: Duration) {
        self.silent_before = 0;
        self.restart_silence(now);
    }

    /// Returns true if the silence has been too long. If the deadline is long past, the page was asleep, and what has
    /// arrived meanwhile may still be on its way to here: then the deadline is postponed once.
    pub(super) fn is_silent(&mut self, watchdog: Option<Watchdog>, now: Duration) -> bool {
        let Some(deadline) = self.deadline.filter(|deadline| now >= *deadline) else { return false };
        let margin = watchdog.map_or(Duration::ZERO, |watchdog| watchdog.margin);
        if self.postponed || now < deadline.saturating_add(margin) {
            return true;
        }
        self.deadline = Some(now.saturating_add(margin));
        self.postponed = true;
        false
    }

    /// When [`is_silent`](Self::is_silent) may return true, if it ever does.
    pub(super) const fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    pub(super) const fn silent_before(&self) -> u32 {
        self.silent_before
    }

    /// How long ago its first event arrived.
    pub(super) const fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.since)
    }

    fn restart_silence(&mut self, now: Duration) {
        let doubled = |limit: Duration| {
            let factor = 1_u32.checked_shl(self.silent_before).unwrap_or(u32::MAX);
            limit.saturating_mul(factor).min(limit.max(MAX_SILENCE))
        };
        self.deadline = self.silence_limit.map(|limit| now.saturating_add(doubled(limit)));
        self.postponed = false;
    }
}
