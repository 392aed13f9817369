//! One connection for all tabs of a browser that want the same stream.
//!
//! One tab leads: it holds an exclusive lock of the browser and the stream, and sends events and states to the others
//! through a channel. The others follow, each queueing for the lock. None of this knows the browser: time, the lock,
//! the channel and the connection are inputs and [`Output`]s of a [`Tab`].
//!
//! ```text
//!                     lock granted
//!   ┌─▶ Follower ─────────────────────────▶ Leader: Call, then Begin, Events, Beats
//!   │    │   ▲                                │  │
//!   │    │   └────────────────────────────────┘  │
//!   │    │     lock stolen, a later term heard   │
//!   │    ├───────────────────────────────────────┤ frozen
//!   │    │                                       ▼
//!   │    │ no lock or channel here              Away ──┐
//!   │    ▼                                             │ resumed
//!   │   Alone: a connection of its own                 │
//!   └──────────────────────────────────────────────────┘
//! ```
//!
//! # Terms and numbers
//!
//! A leader's time with one stream is a **term**. Within it events are numbered from 1. A tab that has one number and
//! gets the next has missed nothing; one that gets a later number knows that it has. It tells its position (`Here`),
//! and the leader repeats what it still has (`Replay`): at most the last 512 events and 512 KiB. When there has been no
//! event for a few seconds, the leader tells its number (`Beat`), so that the loss of the last event shows too.
//!
//! Terms are ordered, and what a leader of an earlier term sends is ignored. A leader that hears of a later term gives
//! up lock and stream and follows. So two leaders at once, which stealing the lock makes possible, do no harm: all tabs
//! follow the later one, and the earlier one ends as soon as it hears anything.
//!
//! # A new leader
//!
//! Followers may be ahead of a new leader or behind it. It calls, waits 150 ms for each to tell its position, and
//! begins its term with a stream from the lowest one. Each tab, the leader included, then skips what it has had, up to
//! its own position. A tab that was not heard in time and lies below the start notices that by the start's ID, and
//! tells its position. If the leader's replay buffer does not reach back to it, the leader begins another term there,
//! in the same way. So whatever a hub can still serve is served once, over one connection, and a gap that the hub
//! announces reaches exactly the tabs that lie before it.
//!
//! A tab that has had nothing and resumes nothing begins where the leader is. With a `since` in its URL, it first finds
//! that position by a connection of its own, and joins there. While the leader's connection is being made such a tab
//! has to wait, since the first events may be old; it asks again every second. A hub tells its position first. Another
//! server does not, and nobody knows whether its first events are old, so a tab that has joined by then gets them.
//!
//! # IDs
//!
//! A hub's IDs, known by their form, compare within an epoch. Those of an earlier epoch lie behind. That an epoch which
//! a tab does not know is a later one shows by the gap that the hub sends first. Without a gap that epoch is the
//! present one: then the leader, which does not know it, was behind, and begins another term at its own position.
//!
//! IDs of another server do not compare. They are recognized by equality, among the last 1,024 that a tab has had, or
//! that the leader named when it joined. A tab whose ID is not in the leader's replay buffer then gets a
//! [`Gap`](crate::Gap) and what the leader has. Events that others resume for may reach it late after that, but once:
//! once since it joined, if it resumed after an ID and so can recognize nothing before. If the leader's buffer has lost
//! them too, earlier events may reach such a tab late without a gap. Where the server sends no IDs nothing can be
//! resumed, here as anywhere: what it sends during a change of leaders is lost without notice. Where positions are
//! compared, events that share an ID with the one before them count as one.
//!
//! # The end
//!
//! When all topics have ended the hub says so by its last event, which goes round as any other: who gets it has had
//! everything, and leaves. So does the leader, whose connection is closed. A tab that had missed something gets the lock
//! then, and the rest of the stream by a connection of its own; so does one that joins after the end.
//!
//! # A leader that sleeps
//!
//! A frozen page keeps its lock. A tab that does not hear its leader for a beat asks, and after four beats without a
//! word it steals the lock. Beats are counted when the tab's timer fires, not by the clock, so that a tab that was
//! frozen itself does not mistake its own sleep for the leader's. If the browser announces a freeze, the leader gives
//! up the lock beforehand.
//!
//! The timers of a hidden page may fire only once a minute, but what others send reaches it at once. So a leader checks
//! its deadlines, and those of its connection, whenever it hears anything: a dead connection is found as soon as a
//! visible tab asks.

#[cfg(target_arch = "wasm32")]
mod across;
#[cfg(target_arch = "wasm32")]
mod connector;
#[cfg(target_arch = "wasm32")]
mod position_probe;
#[cfg(target_arch = "wasm32")]
mod web;

mod follower;
mod leader;
mod position_throttle;
mod replay_buffer;
mod tab_state;

mod aside;
mod notice;
mod output;
mod seen_ids;
mod shared_name;

#[cfg(all(test, not(target_arch = "wasm32")))]
mod simulation;
#[cfg(test)]
mod tests;

use std::time::Duration;

use sse_core::EventId;

use self::{
    aside::Aside,
    follower::Follower,
    leader::Leader,
    notice::{Notice, Says},
    output::Output,
    tab_state::TabState,
};
use crate::{Delivery, Message, State};

#[cfg(target_arch = "wasm32")]
pub use self::across::AcrossTabs;

/// One tab of those that share a stream.
///
/// Inputs are `handle_*`. After each of them call [`poll_output`](Self::poll_output) until it returns `None`. `now` is
/// the time since an origin of the caller's choice, and never goes back.
#[derive(Debug)]
pub(crate) struct Tab {
    state: TabState,
    role: Role,
}

#[derive(Debug)]
enum Role {
    Follower(Follower),
    Leader(Leader),
    Alone,
    Away,
    Over,
}

impl Tab {
    /// Joins. `tab` has to differ from the number of every other tab, and has 53 bits at most, which JSON in JavaScript holds
    /// exactly: random ones will do. `last_event_id` is that
    /// of the last event that was processed; empty to begin with what comes from now on.
    pub(crate) fn new(tab: u64, last_event_id: EventId, now: Duration) -> Self {
        let mut tab = Self { state: TabState::new(tab, last_event_id), role: Role::Away };
        tab.follow(now);
        tab
    }

    /// The latest request for the lock was granted.
    pub(crate) fn handle_granted(&mut self, now: Duration) {
        match &self.role {
            Role::Follower(follower) => {
                let was = follower.in_step(&self.state).map(|number| (self.state.term, number));
                self.role = Role::Leader(Leader::new(&mut self.state, was, now));
            }
            Role::Leader(_) => {}
            Role::Alone | Role::Away | Role::Over => self.state.output(Output::Release),
        }
    }

    /// The lock was stolen from this tab.
    pub(crate) fn handle_stolen(&mut self, now: Duration) {
        if matches!(self.role, Role::Leader(_)) {
            self.close_stream();
            self.follow(now);
        }
    }

    /// There is no lock or no channel. A leader's connection goes on, for this tab only.
    pub(crate) fn handle_unavailable(&mut self) {
        match &self.role {
            Role::Follower(_) => {
                self.close_stream();
                self.state.output(Output::Connect { last_event_id: self.state.seen.last() });
            }
            Role::Leader(leader) if !leader.has_stream() => {
                self.close_stream();
                self.state.output(Output::Connect { last_event_id: self.state.seen.last() });
            }
            Role::Leader(_) => self.state.output(Output::Release),
            Role::Alone | Role::Away | Role::Over => return,
        }
        self.role = Role::Alone;
    }

    /// Another tab has sent a notice.
    pub(crate) fn handle_notice(&mut self, notice: Notice, now: Duration) {
        if matches!(self.role, Role::Alone | Role::Away | Role::Over) {
            return;
        }
        self.handle_time(now);
        self.state.has_company = true;
        let Notice { from, term, says } = notice;
        let known = self.state.term;
        let mut was = None;
        if term > known {
            if matches!(&self.role, Role::Leader(leader) if leader.has_stream()) {
                self.close_stream();
                self.state.output(Output::Release);
                self.follow(now);
            } else if let Role::Follower(follower) = &mut self.role {
                was = follower.lose_step().map(|number| (known, number));
            }
            self.state.term = term;
        }
        if matches!(&self.role, Role::Leader(leader) if leader.has_stream()) {
            self.state.output(Output::CheckDeadlines); // timers may be throttled, notices are not
        }
        let is_late = term < known && says.is_leaders();
        match &mut self.role {
            Role::Follower(follower) if is_late => follower.ask(&mut self.state, now), // which tells it the term
            Role::Leader(leader) if is_late => leader.beat(&mut self.state, now),
            Role::Follower(follower) => {
                follower.handle(&mut self.state, says, was, now);
                self.end_if_closed();
            }
            Role::Leader(leader) => {
                leader.handle(&mut self.state, from, says, term == known, now);
                self.end_if_closed();
            }
            Role::Alone | Role::Away | Role::Over => {}
        }
    }

    /// An event arrived on the connection that this tab opened.
    pub(crate) fn handle_event(&mut self, event: Delivery<Message>, now: Duration) {
        match &mut self.role {
            Role::Leader(leader) => {
                leader.handle_event(&mut self.state, event, now);
                leader.handle_time(&mut self.state, now);
            }
            Role::Alone => self.state.take(event),
            Role::Follower(_) | Role::Away | Role::Over => return,
        }
        self.end_if_closed();
    }

    /// That connection is in this state.
    pub(crate) fn handle_state(&mut self, state: State, now: Duration) {
        match &mut self.role {
            Role::Leader(leader) => leader.handle_state(&mut self.state, state, now),
            Role::Alone => self.state.enter(state),
            Role::Follower(_) | Role::Away | Role::Over => return,
        }
        self.end_if_closed();
    }

    /// That connection reports something else.
    pub(crate) fn handle_aside(&mut self, aside: Aside) {
        match &self.role {
            Role::Leader(leader) if leader.has_stream() => {
                self.state.say(Says::Aside(aside.clone()));
                self.state.output(Output::Aside(aside));
            }
            Role::Alone => self.state.output(Output::Aside(aside)),
            Role::Leader(_) | Role::Follower(_) | Role::Away | Role::Over => {}
        }
    }

    /// Time has passed.
    pub(crate) fn handle_time(&mut self, now: Duration) {
        match &mut self.role {
            Role::Follower(follower) => follower.handle_time(&mut self.state, now),
            Role::Leader(leader) => leader.handle_time(&mut self.state, now),
            Role::Alone | Role::Away | Role::Over => {}
        }
    }

    /// The page is about to be frozen, or to pause for another reason. It takes no part until it resumes.
    pub(crate) fn handle_frozen(&mut self) {
        if matches!(self.role, Role::Follower(_) | Role::Leader(_)) {
            self.close_stream();
            self.state.output(Output::Release);
            self.state.enter(State::Paused);
            self.role = Role::Away;
        }
    }

    /// The page runs again.
    pub(crate) fn handle_resumed(&mut self, now: Duration) {
        if matches!(self.role, Role::Away) {
            self.state.enter(State::Connecting);
            self.follow(now);
        }
    }

    /// Leaves for good.
    pub(crate) fn close(&mut self) {
        self.close_stream();
        if !matches!(self.role, Role::Over) {
            self.state.output(Output::Release);
        }
        self.role = Role::Over;
    }

    /// The next thing to do, if any.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.state.poll_output()
    }

    /// When to call [`handle_time`](Self::handle_time) next, if at all.
    pub(crate) fn next_time(&self) -> Option<Duration> {
        match &self.role {
            Role::Follower(follower) => Some(follower.next_time()),
            Role::Leader(leader) => leader.next_time(),
            Role::Alone | Role::Away | Role::Over => None,
        }
    }

    fn follow(&mut self, now: Duration) {
        self.role = Role::Follower(Follower::new(&mut self.state, now));
        self.state.output(Output::Request);
    }

    /// Closes the stream, if this tab has one.
    fn close_stream(&mut self) {
        let has_stream = match &self.role {
            Role::Leader(leader) => leader.has_stream(),
            Role::Alone => true,
            Role::Follower(_) | Role::Away | Role::Over => false,
        };
        if has_stream {
            self.state.output(Output::Disconnect);
        }
    }

    /// If the stream is closed for good, this tab leaves: it is closed for all.
    fn end_if_closed(&mut self) {
        if matches!(self.state.stream_state, State::Closed { .. }) {
            self.close();
        }
    }
}
