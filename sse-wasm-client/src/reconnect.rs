//! When to connect and disconnect: a connection's state machine, without a browser.
//!
//! ```text
//!                   first event
//!  ┌─▶ Connecting ────────────────▶ Open
//!  │    │     ▲                      │
//!  │    │     ├──────────────────────┤ lost: the browser reconnects by itself
//!  │    │     └──────────────────────┤ silent: disconnect, connect
//!  │    │ refused, no response,      │ ended, failed
//!  │    ▼ no event in time           ▼
//!  └── Waiting ◀─────────────────────┘
//!  time has come, or online
//!  and no Retry-After
//!
//!   any but Closed ── hidden for long enough, stored ──▶ Paused ── visible, restored ──▶ Connecting
//!   any ── close, a final refusal, the end of all topics ──▶ Closed
//! ```
//!
//! Where tabs share a connection, it has such a state machine in the tab that holds it. Each tab has another one, in
//! which `AcrossTabs` stands for all of the above but `Paused` and `Closed` and takes over the state of the former.
//!
//! Source: [processing model](https://html.spec.whatwg.org/multipage/server-sent-events.html#sse-processing-model).
//!
//! This is not sse-core's `Session`, although it follows its `Policy`: a session reads the stream, which the browser
//! does here, and forgets failures at a response's head, which proves nothing if it comes from a proxy.
//!
//! `now` is the time since an origin of the caller's choice, and never goes back. `entropy` is 64 uniformly random
//! bits, new for each call.

mod ending;
mod page;
mod phase;
mod settings;
#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use sse_core::EventId;

use crate::{CloseReason, State};

pub use settings::Reconnection;
pub(crate) use settings::{Settings, Watchdog};

use phase::{OpenStream, Phase};

pub(crate) struct Reconnect {
    settings: Settings,
    phase: Phase,
    /// Failed attempts in a row. A stream that did not last counts as one.
    failures: u32,
    /// Refusals in a row.
    refusals: u32,
    /// Streams in a row that opened and then were silent for too long.
    silent_streams: u32,
    /// The server's `retry`, where it can be seen.
    reconnection_time: Option<Duration>,
    /// The ID that the present connection was made with, which it keeps until the server sets one.
    start: EventId,
    /// Where the next connection resumes.
    last_event_id: String,
    /// The end of the time for which a `Retry-After` asked. Neither the network nor the page shortens it.
    not_before: Duration,
    online: bool,
    /// A stream has begun, on this connection or an earlier one.
    has_begun: bool,
    /// The page is in the back/forward cache.
    stored: bool,
    hidden_since: Option<Duration>,
    /// What has arrived is not being read, for want of room, so silence means nothing.
    held: bool,
    /// The actions that [`poll_action`](Self::poll_action) has yet to return, in this order.
    disconnect: bool,
    connect: bool,
}

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Make a connection that resumes after this ID.
    Connect(EventId),
    /// Drop the connection, if it still is one.
    Disconnect,
}

impl Reconnect {
    /// A connection that is to be made at once, and resumes after `start`.
    pub(crate) fn new(settings: Settings, start: EventId, now: Duration) -> Self {
        let mut reconnect = Self {
            settings,
            phase: Phase::Paused,
            failures: 0,
            refusals: 0,
            silent_streams: 0,
            reconnection_time: None,
            last_event_id: start.as_str().to_owned(),
            start,
            not_before: Duration::ZERO,
            online: true,
            has_begun: false,
            stored: false,
            hidden_since: None,
            held: false,
            disconnect: false,
            connect: false,
        };
        reconnect.connect(now);
        reconnect
    }

    /// A stream's response has begun. `heartbeat` is the interval that its head announces, where it can be seen.
    pub(crate) fn handle_head(&mut self, heartbeat: Option<Duration>, now: Duration) {
        if let Phase::Connecting { .. } = self.phase {
            // A hub sends an event at once, so the first one has a deadline whether heartbeats will follow or not.
            // An answer that may not be asked for again may take its time.
            let silence = self.settings.watchdog.map(|watchdog| watchdog.announced(heartbeat));
            let silence = silence.filter(|silence| silence.has_heartbeats || self.may_repeat());
            let deadline = silence.map(|silence| now.saturating_add(silence.limit));
            self.has_begun = true;
            self.phase = Phase::Connecting { deadline, silence, by_browser: false };
        }
    }

    /// Bytes arrived which need not be an event.
    pub(crate) fn handle_heard(&mut self, now: Duration) {
        match &mut self.phase {
            Phase::Connecting { deadline, silence: Some(silence), .. } => {
                *deadline = Some(now.saturating_add(silence.limit));
            }
            Phase::Open(open) => {
                self.silent_streams = 0;
                open.handle_heard(now);
            }
            _ => {}
        }
    }

    /// An event arrived. `id` is the last event ID as of this event; `of_hub` tells whether only hubs send such events.
    /// Returns false if it arrived too late, when there is no connection any more, and is to be ignored.
    pub(crate) fn handle_event(&mut self, id: &str, of_hub: bool, now: Duration) -> bool {
        match &mut self.phase {
            Phase::Connecting { silence, .. } => {
                let announced = silence.filter(|silence| silence.has_heartbeats || of_hub).map(|silence| silence.limit);
                let watchdog = self.settings.watchdog.filter(|watchdog| watchdog.promised || of_hub);
                let silence_limit = announced.or(watchdog.map(Watchdog::silence_limit));
                self.phase = Phase::Open(OpenStream::new(silence_limit, of_hub, self.silent_streams, now));
                self.refusals = 0;
                self.has_begun = true;
                self.online = true; // whatever the browser says
            }
            Phase::Open(open) => {
                open.handle_event(of_hub, self.settings.watchdog, now);
                self.silent_streams = open.silent_before();
            }
            // The state is told apart from events, which may be repeated ones while the connection is made anew.
            Phase::AcrossTabs(_) => {}
            _ => return false,
        }
        self.remember(id);
        true
    }

    /// The hub announced the end of the stream. A stream that opens with its end serves nothing: it was refused, and
    /// its end, which follows, is one more failure. Otherwise this is any event of the hub's; see
    /// [`handle_event`](Self::handle_event).
    pub(crate) fn handle_drain(&mut self, id: &str, now: Duration) -> bool {
        if let Phase::Connecting { .. } = self.phase {
            self.has_begun = false;
            self.handle_heard(now);
            self.remember(id);
            return true;
        }
        self.handle_event(id, true, now)
    }

    /// The server said that nothing more will come: a hub by `sse-end`, any server by a 204.
    pub(crate) fn handle_last(&mut self) {
        if self.is_connected() {
            self.finish(CloseReason::Ended);
        }
    }

    /// The server set an ID without an event.
    pub(crate) fn handle_id(&mut self, id: &str) {
        if let Phase::Connecting { .. } | Phase::Open(_) = self.phase {
            self.remember(id);
        }
    }

    /// The server set the reconnection time.
    pub(crate) const fn handle_retry(&mut self, time: Duration) {
        self.reconnection_time = Some(time);
    }

    /// With `held` set, what has arrived can't be read for want of room; otherwise it can again.
    pub(crate) fn handle_hold(&mut self, held: bool, now: Duration) {
        self.held = held;
        self.handle_heard(now);
    }

    /// The connection is lost, and the browser makes another.
    pub(crate) fn handle_lost(&mut self, now: Duration) {
        // Of a stream that was open the browser doesn't tell whether it was whole.
        let why = if matches!(self.phase, Phase::Open(_)) { CloseReason::Ended } else { CloseReason::Failed };
        if self.is_connected() && !self.end_for_good(why) {
            self.settle(now);
            // The browser doesn't tell when, and its attempt may hang for ever. So the deadline is after the longest
            // wait.
            let longest = |watchdog: Watchdog| self.settings.policy.max_asked.saturating_add(watchdog.head);
            let deadline = self.settings.watchdog.map(|watchdog| now.saturating_add(longest(watchdog)));
            self.phase = Phase::Connecting { deadline, silence: None, by_browser: true };
        }
    }

    /// The connection that tabs share is in this state.
    pub(crate) fn adopt(&mut self, state: State) {
        match (&mut self.phase, state) {
            (Phase::AcrossTabs(_), State::Closed { why }) => self.finish(why),
            (Phase::AcrossTabs(own), state) => *own = state,
            _ => {}
        }
    }

    /// Time has passed.
    pub(crate) fn handle_time(&mut self, now: Duration, entropy: u64) {
        if self.hidden_until().is_some_and(|until| now >= until) {
            self.pause(now);
        }
        match self.phase {
            Phase::Waiting { until, .. } if now >= until => self.connect(now),
            Phase::Connecting { deadline: Some(deadline), .. } if now >= deadline && !self.held => {
                self.handle_end(CloseReason::Failed, now, entropy);
            }
            _ => {}
        }
        if let Phase::Open(open) = &mut self.phase
            && !self.held
            && open.is_silent(self.settings.watchdog, now)
        {
            self.silent_streams = self.silent_streams.saturating_add(1);
            if !self.end_for_good(CloseReason::Failed) {
                self.disconnect(now);
                self.connect(now);
            }
        }
    }

    /// Closes the connection for good.
    pub(crate) fn close(&mut self) {
        if !matches!(self.phase, Phase::Closed(_)) {
            self.finish(CloseReason::ByApplication);
        }
    }

    /// The next thing to do, if any. To be called after each input until it returns `None`.
    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        if std::mem::take(&mut self.disconnect) {
            return Some(Action::Disconnect);
        }
        std::mem::take(&mut self.connect).then(|| Action::Connect(self.start.clone()))
    }

    /// When to call [`handle_time`](Self::handle_time) next, if at all.
    pub(crate) fn next_time(&self) -> Option<Duration> {
        let phase = match &self.phase {
            Phase::Connecting { .. } | Phase::Open(_) if self.held => None,
            Phase::Connecting { deadline, .. } => *deadline,
            Phase::Open(open) => open.deadline(),
            Phase::Waiting { until, .. } => Some(*until),
            Phase::AcrossTabs(_) | Phase::Paused | Phase::Closed(_) => None,
        };
        [phase, self.hidden_until()].into_iter().flatten().min()
    }

    pub(crate) const fn state(&self) -> State {
        match self.phase {
            Phase::Connecting { .. } => State::Connecting,
            Phase::Open(_) => State::Open,
            Phase::Waiting { attempt, until } => State::Waiting { attempt, until },
            Phase::AcrossTabs(state) => state,
            Phase::Paused => State::Paused,
            Phase::Closed(why) => State::Closed { why },
        }
    }

    /// Returns true if there is a connection, or one is being made, so that what it reports counts.
    pub(crate) const fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Connecting { .. } | Phase::Open(_) | Phase::AcrossTabs(_))
    }

    /// The ID that the present connection was made with.
    pub(crate) const fn start(&self) -> &EventId {
        &self.start
    }

    pub(crate) fn last_event_id(&self) -> EventId {
        EventId::new(&*self.last_event_id).unwrap_or_default() // never fails: it was an ID before
    }

    fn remember(&mut self, id: &str) {
        if self.last_event_id != id {
            self.last_event_id.clear();
            self.last_event_id.push_str(id);
        }
    }

    fn connect(&mut self, now: Duration) {
        self.start = self.last_event_id();
        self.connect = true;
        self.held = false;
        self.phase = if self.settings.is_across_tabs {
            Phase::AcrossTabs(State::Connecting)
        } else {
            let watchdog = self.settings.watchdog.filter(|watchdog| watchdog.promised || self.may_repeat());
            let deadline = watchdog.map(|watchdog| now.saturating_add(watchdog.head));
            Phase::Connecting { deadline, silence: None, by_browser: false }
        };
    }

    /// Connects at once, or when the time of a `Retry-After` is over.
    fn connect_soon(&mut self, now: Duration) {
        if now < self.not_before {
            self.phase = Phase::Waiting { attempt: self.failures.max(1), until: self.not_before };
        } else {
            self.connect(now);
        }
    }

    fn disconnect(&mut self, now: Duration) {
        self.settle(now);
        self.disconnect |= self.is_connected() && !self.connect; // one that is yet to be made needs no end
        self.connect = false;
    }

    /// Forgets failures if the stream that ends here was stable.
    fn settle(&mut self, now: Duration) {
        if let Phase::Open(open) = self.phase
            && open.age(now) >= self.settings.policy.stable_after
        {
            self.failures = 0;
        }
    }

    fn wait(&mut self, retry_after: Option<Duration>, now: Duration, entropy: u64) {
        self.disconnect(now);
        let mut wait = self.settings.wait(self.reconnection_time, self.failures, entropy);
        let policy = &self.settings.policy;
        if let Some(asked) = retry_after {
            let asked = asked.min(policy.max_asked);
            self.not_before = now.saturating_add(asked);
            wait = wait.max(asked);
        }
        if self.online {
            self.failures = self.failures.saturating_add(1);
        } else {
            wait = wait.max(policy.max_wait);
        }
        self.phase = Phase::Waiting { attempt: self.failures.max(1), until: now.saturating_add(wait) };
    }

    fn pause(&mut self, now: Duration) {
        let ends = self.is_connected() && self.end_for_good(CloseReason::Failed);
        if !ends && !matches!(self.phase, Phase::Closed(_)) {
            self.disconnect(now);
            self.phase = Phase::Paused;
        }
    }

    fn resume(&mut self, now: Duration) {
        if matches!(self.phase, Phase::Paused) && !self.stored {
            self.connect_soon(now);
        }
    }

    fn finish(&mut self, why: CloseReason) {
        self.disconnect(Duration::ZERO);
        self.phase = Phase::Closed(why);
    }

    /// When a hidden page is to pause.
    fn hidden_until(&self) -> Option<Duration> {
        match self.phase {
            Phase::Paused | Phase::Closed(_) => None,
            _ => Some(self.hidden_since?.saturating_add(self.settings.pause_when_hidden?)),
        }
    }
}

impl fmt::Debug for Reconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnect").field("phase", &self.phase).finish_non_exhaustive()
    }
}
