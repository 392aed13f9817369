//! A connection's life without a browser: when to connect and to disconnect, and what the application is told.
//!
//! ```text
//!                   first event
//!  ┌─▶ Connecting ────────────────▶ Open
//!  │    │     ▲                      │
//!  │    │     ├──────────────────────┤ lost: the browser reconnects, hands off
//!  │    │     └──────────────────────┤ silent: Disconnect, Connect
//!  │    │ refused, no answer,        │ ended, broken
//!  │    ▼ no event in time           ▼
//!  └── Waiting ◀─────────────────────┘
//! time has come, online
//! and not asked to wait
//!
//!   any but Closed ── hidden for too long, stored ──▶ Paused ── visible, back ──▶ Connecting
//!   any ── close, a final refusal ──▶ Closed
//! ```
//!
//! Where tabs share a connection it has such a life in the tab that holds it. Each tab has another one then, in which
//! `Shared` stands for all of the above but `Paused` and `Closed`, and adopts what is told of the former.
//!
//! Source: [processing model](https://html.spec.whatwg.org/multipage/server-sent-events.html#sse-processing-model).
//!
//! It is not sse-core's `Session`, but lives by its `Policy`: a session reads the stream, which the browser does here,
//! and forgets failures by an answer's head, which says nothing yet if it comes from a proxy.
//!
//! `now` is the time since an origin of the caller's and never goes back. Entropy is 64 uniformly random bits, new for
//! each call.

mod phase;
mod settings;
#[cfg(test)]
mod tests;

use std::{fmt, rc::Rc, time::Duration};

use sse_core::EventId;

use crate::{CloseReason, Refusal, State};

pub(crate) use settings::{Settings, Watchdog};

use phase::{Head, Open, Phase};

pub(crate) struct Reconnect {
    settings: Settings,
    phase: Phase,
    /// Tries in a row that came to nothing, or to a stream that did not last.
    failures: u32,
    /// Refusals in a row.
    refusals: u32,
    /// Streams in a row that were silent for too long, though they had begun well.
    mute: u32,
    /// What the server asks for, if we could see it.
    reconnection_time: Option<Duration>,
    /// What the present connection was made with, and goes on from as long as the server gives no ID.
    start: EventId,
    /// Where the next one goes on.
    last_event_id: String,
    /// Until then the server wants to be left alone, whatever the network and the page make of it.
    not_before: Duration,
    online: bool,
    /// The page is in the browser's store, to go back to.
    stored: bool,
    hidden_since: Option<Duration>,
    /// What has arrived is not being read, for want of room: meanwhile silence means nothing.
    held: bool,
    /// What [`poll_action`](Self::poll_action) is to give, in this order.
    disconnect: bool,
    connect: bool,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Make a connection that goes on after this ID.
    Connect(EventId),
    /// Let go of the connection, whether it is still one or not.
    Disconnect,
}

impl Reconnect {
    /// A connection that is about to be made for the first time.
    pub(crate) fn new(settings: Settings, start: EventId, now: Duration) -> Self {
        let mut reconnect = Self {
            settings,
            phase: Phase::Paused,
            failures: 0,
            refusals: 0,
            mute: 0,
            reconnection_time: None,
            last_event_id: start.as_str().to_owned(),
            start,
            not_before: Duration::ZERO,
            online: true,
            stored: false,
            hidden_since: None,
            held: false,
            disconnect: false,
            connect: false,
        };
        reconnect.connect(now);
        reconnect
    }

    /// The answer has begun, and is a stream. `heartbeat` is the interval that its head tells, if one could see it.
    pub(crate) fn handle_head(&mut self, heartbeat: Option<Duration>, now: Duration) {
        if let Phase::Connecting { .. } = self.phase {
            // A hub sends an event at once, so silence is a bad sign here whether there will be heartbeats or not.
            let head = self.settings.watchdog.map(|dog| Head {
                silence: heartbeat.unwrap_or(dog.heartbeat).saturating_add(dog.margin),
                promised: dog.promised || heartbeat.is_some(),
            });
            let deadline = head.map(|head| now.saturating_add(head.silence));
            self.phase = Phase::Connecting { deadline, head, by_browser: false };
        }
    }

    /// Something arrived that is not an event, or not yet.
    pub(crate) fn handle_heard(&mut self, now: Duration) {
        match &mut self.phase {
            Phase::Connecting { deadline, head: Some(head), .. } => *deadline = Some(now.saturating_add(head.silence)),
            Phase::Open(open) => {
                self.mute = 0;
                open.mute = 0;
                open.hear(now);
            }
            _ => {}
        }
    }

    /// An event of the server; `of_hub` if it is one that only hubs send. `id` is the last event ID as of this event.
    /// `false` says that it comes too late, and is to be passed over.
    pub(crate) fn handle_event(&mut self, id: &str, of_hub: bool, now: Duration) -> bool {
        match &mut self.phase {
            Phase::Connecting { head, .. } => {
                let told = head.filter(|head| head.promised || of_hub).map(|head| head.silence);
                let watchdog = self.settings.watchdog.filter(|dog| dog.promised || of_hub);
                let silence = told.or(watchdog.map(Watchdog::silence));
                let mut open = Open { since: now, silence, of_hub, mute: self.mute, deadline: None, excused: false };
                open.hear(now);
                self.phase = Phase::Open(open);
                self.refusals = 0;
                self.online = true; // whatever the browser makes of the network
            }
            Phase::Open(open) => {
                if of_hub && open.silence.is_none() {
                    open.silence = self.settings.watchdog.map(Watchdog::silence);
                }
                open.of_hub |= of_hub;
                // A hub is silent when others are served by it, too; its own events show that it would be heard.
                if of_hub || !open.of_hub {
                    self.mute = 0;
                    open.mute = 0;
                }
                open.hear(now);
            }
            // How it stands is told apart from the events. They may be late ones, repeated while it waits.
            Phase::AcrossTabs(_) => {}
            _ => return false,
        }
        self.remember(id);
        true
    }

    /// The server gave an ID without an event.
    pub(crate) fn handle_id(&mut self, id: &str) {
        if let Phase::Connecting { .. } | Phase::Open(_) = self.phase {
            self.remember(id);
        }
    }

    /// The server asks for this reconnection time.
    pub(crate) const fn handle_retry(&mut self, time: Duration) {
        self.reconnection_time = Some(time);
    }

    /// What has arrived can't be read now, for want of room, or can again.
    pub(crate) fn handle_hold(&mut self, held: bool, now: Duration) {
        self.held = held;
        self.handle_heard(now);
    }

    /// The connection is lost, and the browser makes another.
    pub(crate) fn handle_lost(&mut self, now: Duration) {
        if self.is_connected() {
            self.settle(now);
            // It does not say when; but its try may hang, and then nothing would ever come of it.
            let longest = |dog: Watchdog| self.settings.policy.max_asked.saturating_add(dog.head);
            let deadline = self.settings.watchdog.map(|dog| now.saturating_add(longest(dog)));
            self.phase = Phase::Connecting { deadline, head: None, by_browser: true };
        }
    }

    /// The connection has ended, or broke, or could not be made, and nobody makes another.
    pub(crate) fn handle_end(&mut self, now: Duration, entropy: u64) {
        if self.is_connected() {
            self.wait(None, now, entropy);
        }
    }

    /// What decides whether a refusal may pass. It is the application's, and may come back here: not to be called while
    /// this is borrowed.
    pub(crate) fn retries(&self) -> Rc<dyn Fn(&Refusal) -> bool> {
        Rc::clone(&self.settings.retries)
    }

    /// The server answered with something else than a stream, or so the browser makes us believe.
    pub(crate) fn handle_refusal(&mut self, refusal: &Refusal, may_pass: bool, now: Duration, entropy: u64) {
        if !self.is_connected() {
            return;
        }
        self.refusals = self.refusals.saturating_add(1);
        let final_reason = if may_pass {
            self.settings.give_up_after.filter(|most| self.refusals >= *most).map(|_| CloseReason::GaveUp)
        } else {
            Some(match refusal.status {
                Some(204) => CloseReason::NoContent,
                Some(200) => CloseReason::NotAnEventStream,
                Some(status) => CloseReason::Status(status),
                None => CloseReason::GaveUp,
            })
        };
        match final_reason {
            Some(why) => self.finish(why),
            None => self.wait(refusal.retry_after, now, entropy),
        }
    }

    /// So the connection stands that this one shares.
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
        match &mut self.phase {
            Phase::Waiting { until, .. } if now >= *until => self.connect(now),
            Phase::Connecting { deadline: Some(deadline), .. } if now >= *deadline && !self.held => {
                self.wait(None, now, entropy);
            }
            Phase::Open(open) if open.deadline.is_some_and(|deadline| now >= deadline) && !self.held => {
                let margin = self.settings.watchdog.map_or(Duration::ZERO, |dog| dog.margin);
                let late = open.deadline.is_some_and(|deadline| now >= deadline.saturating_add(margin));
                if late && !open.excused {
                    // Nobody called in time, so what has arrived meanwhile may be yet to be handed over.
                    open.deadline = Some(now.saturating_add(margin));
                    open.excused = true;
                } else {
                    self.mute = self.mute.saturating_add(1);
                    self.disconnect(now);
                    self.connect(now);
                }
            }
            _ => {}
        }
    }

    /// The network is back.
    pub(crate) fn handle_online(&mut self, now: Duration) {
        self.online = true;
        match self.phase {
            Phase::Waiting { .. } => self.connect_soon(now),
            // The browser's own wait may be long, or its try hang on a network that is gone.
            Phase::Connecting { by_browser: true, .. } => {
                self.disconnect(now);
                self.connect(now);
            }
            _ => {}
        }
    }

    /// The network is gone, as far as the browser knows. It knows nothing of servers on the same machine, and some
    /// browsers in virtual machines never see a network: so one goes on trying, but only as often as one does at worst.
    pub(crate) fn handle_offline(&mut self, now: Duration) {
        self.online = false;
        if let Phase::Waiting { until, .. } = &mut self.phase {
            *until = (*until).max(now.saturating_add(self.settings.policy.max_wait));
        }
    }

    /// The page is not to be seen any more.
    pub(crate) const fn handle_hidden(&mut self, now: Duration) {
        if self.hidden_since.is_none() {
            self.hidden_since = Some(now);
        }
    }

    /// The page is seen again, so it is in no store either.
    pub(crate) fn handle_visible(&mut self, now: Duration) {
        self.hidden_since = None;
        self.stored = false;
        self.resume(now);
    }

    /// The page is left, and may be put in the browser's store as it stands. No connection survives that, and with one
    /// it may not be stored at all.
    pub(crate) fn handle_stored(&mut self, now: Duration) {
        self.stored = true;
        self.pause(now);
    }

    /// The page is shown: taken out of the store, or for the first time.
    pub(crate) fn handle_restored(&mut self, now: Duration) {
        if std::mem::take(&mut self.stored) {
            self.resume(now);
        }
    }

    /// Ends it for good.
    pub(crate) fn close(&mut self) {
        if !matches!(self.phase, Phase::Closed(_)) {
            self.finish(CloseReason::ByApplication);
        }
    }

    /// What is to be done next, until there is nothing.
    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        if std::mem::take(&mut self.disconnect) {
            return Some(Action::Disconnect);
        }
        std::mem::take(&mut self.connect).then(|| Action::Connect(self.start.clone()))
    }

    /// When [`handle_time`](Self::handle_time) is to be called next, if ever.
    pub(crate) fn next_time(&self) -> Option<Duration> {
        let phase = match &self.phase {
            Phase::Connecting { deadline, .. } | Phase::Open(Open { deadline, .. }) => deadline.filter(|_| !self.held),
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

    /// Whether there is a connection, or one is being made: what comes from it counts.
    pub(crate) const fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Connecting { .. } | Phase::Open(_) | Phase::AcrossTabs(_))
    }

    /// What the present connection was made with.
    pub(crate) const fn start(&self) -> &EventId {
        &self.start
    }

    pub(crate) fn last_event_id(&self) -> EventId {
        EventId::new(&*self.last_event_id).unwrap_or_default() // it was one before
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
            let deadline = self.settings.watchdog.map(|dog| now.saturating_add(dog.head));
            Phase::Connecting { deadline, head: None, by_browser: false }
        };
    }

    /// Connects as soon as the server wants it.
    fn connect_soon(&mut self, now: Duration) {
        if now < self.not_before {
            self.phase = Phase::Waiting { attempt: self.failures.max(1), until: self.not_before };
        } else {
            self.connect(now);
        }
    }

    fn disconnect(&mut self, now: Duration) {
        self.settle(now);
        self.disconnect |= self.is_connected() && !self.connect; // else it was not even begun
        self.connect = false;
    }

    /// Leaves it, remembering a stream that lasted.
    fn settle(&mut self, now: Duration) {
        if let Phase::Open(open) = self.phase
            && now.saturating_sub(open.since) >= self.settings.policy.stable_after
        {
            self.failures = 0;
        }
    }

    fn wait(&mut self, at_least: Option<Duration>, now: Duration, entropy: u64) {
        self.disconnect(now);
        let policy = &self.settings.policy;
        let mut wait = match self.reconnection_time {
            Some(asked) => policy.wait(asked.min(policy.max_asked), self.failures, entropy),
            // Nobody has spread the clients, so that is done from the first wait on.
            None => policy.wait(policy.reconnection_time, self.failures.saturating_add(1), entropy),
        };
        if let Some(asked) = at_least {
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
        if !matches!(self.phase, Phase::Closed(_)) {
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

    /// When the page has been hidden for long enough to pause.
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
