//! One connection for all tabs of a browser that want the same stream.
//!
//! One tab leads: it holds an exclusive lock of the browser and the stream, and hands events and state to the others
//! through a channel. The others follow, each waiting for the lock. None of this knows the browser: time, the lock, the
//! channel and the connection are inputs and [`Output`]s of a [`Tab`].
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
//! A leader's time with one stream is a **term**. Within it events are numbered from 1, so a tab that has a number and
//! gets the one after it misses nothing, and one that gets a later one knows what it misses. It says where it is
//! (`Here`), and the leader repeats what it still has: the last 512 events, at most 512 KiB (`Replay`). Every few seconds
//! without an event the leader says how far it is (`Beat`), which also shows the loss of the last one.
//!
//! Terms are ordered, and what a leader of an older one says is not heeded. A leader that hears of a later term than its
//! own lets go of lock and stream and follows. So two leaders at a time, which stealing the lock makes possible, do no
//! harm: each tab follows the later, and the earlier ends as soon as it hears anything.
//!
//! # A new leader
//!
//! Followers may be ahead of or behind a new leader. It calls, waits 150 ms for each to say where it is, and begins its
//! term with a stream from the lowest place. Each tab, the leader too, then passes over what it has had, up to its own
//! place. A tab that was not heard in time and lies below the start finds so by the start's ID, and says where it is;
//! if the leader's memory does not reach back to it, the leader begins another term there, on the same terms. So
//! whatever a hub can still give is given once, over one connection, and a gap that the hub announces reaches exactly
//! the tabs that lie before it.
//!
//! A tab that has had nothing and resumes nothing begins where the leader is; one with a `since` in its URL first finds
//! out by a connection of its own where that is, and joins there. While the leader's connection is being
//! made it has to wait, since what comes first may be old; it asks again every second. Only a hub says first where it
//! goes on. Of what another server sends first nobody knows whether it is old, so a tab that has joined by then gets it.
//!
//! # IDs
//!
//! A hub's IDs, known by their form, compare within an epoch. Those of an older epoch are behind. Of an epoch that a tab
//! does not know it finds out by the gap that the hub sends first. If there is none, that epoch is the present one: then
//! the leader, which knows nothing of it, was behind, and begins another term at its own place.
//!
//! A server's IDs that do not compare are known again by equality, among the last 1,024 that a tab has had or that the
//! leader named when it joined. A tab that lies outside of the leader's memory then gets a [`Gap`](crate::Gap) and what
//! the leader has; what others resume for may come to it late after that, but once: that is, once since it joined, for
//! one that resumes after an ID has only that to know again. If the leader has no more either, what lies before may come
//! to such a tab late without a gap, too. Where the server gives no IDs nothing can be resumed, here as anywhere: what it
//! sends during a change of leaders is lost without notice. Events that share an ID with one before them count as one
//! where places are compared.
//!
//! # A leader that sleeps
//!
//! A frozen page keeps its lock. A tab that does not hear its leader for a beat asks, and after four beats without a
//! word it steals the lock. Time counts in looks at the clock, not by the clock: a tab that was frozen itself does not
//! take its own sleep for the leader's. Where the browser announces a freeze the leader lets go beforehand.
//!
//! The timers of a hidden page may fire once a minute, but what others say reaches it at once. So whatever a leader hears
//! has it look at the time, and its connection too: one that is dead is found as soon as a visible tab wonders.

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
mod place_throttle;
mod replay_buffer;
mod tab_state;

mod aside;
mod notice;
mod output;
mod seen_ids;

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
/// Inputs are `handle_*`. After each of them [`poll_output`](Self::poll_output) is to be called until there is nothing
/// more. `now` is the time since an origin of the caller's, and never goes back.
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
    /// Joins. `tab` is to differ from that of every other tab: 64 random bits will do. The ID is the last that was dealt
    /// with, empty to begin with what comes from now on.
    pub(crate) fn new(tab: u64, last_event_id: EventId, now: Duration) -> Self {
        let mut tab = Self { state: TabState::new(tab, last_event_id), role: Role::Away };
        tab.follow(now);
        tab
    }

    /// The lock is this tab's, as asked for last.
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

    /// The lock was this tab's, and was taken from it.
    pub(crate) fn handle_stolen(&mut self, now: Duration) {
        if matches!(self.role, Role::Leader(_)) {
            self.let_go();
            self.follow(now);
        }
    }

    /// There is no lock or no channel to be had. A leader's connection goes on, then for this tab only.
    pub(crate) fn handle_unavailable(&mut self) {
        match &self.role {
            Role::Follower(_) => {
                self.let_go();
                self.state.output(Output::Connect { last_event_id: self.state.seen.last() });
            }
            Role::Leader(leader) if !leader.has_stream() => {
                self.let_go();
                self.state.output(Output::Connect { last_event_id: self.state.seen.last() });
            }
            Role::Leader(_) => self.state.output(Output::Release),
            Role::Alone | Role::Away | Role::Over => return,
        }
        self.role = Role::Alone;
    }

    /// Another tab has said something.
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
                self.let_go();
                self.state.output(Output::Release);
                self.follow(now);
            } else if let Role::Follower(follower) = &mut self.role {
                was = follower.lose_step().map(|number| (known, number));
            }
            self.state.term = term;
        }
        if matches!(&self.role, Role::Leader(leader) if leader.has_stream()) {
            self.state.output(Output::CheckDeadlines); // where timers are throttled, what others say comes in time
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

    /// An event of the connection that this tab was told to open.
    pub(crate) fn handle_event(&mut self, event: Delivery<Message>, now: Duration) {
        match &mut self.role {
            Role::Leader(leader) => {
                leader.handle_event(&mut self.state, event, now);
                leader.handle_time(&mut self.state, now);
            }
            Role::Alone => self.state.take(event),
            Role::Follower(_) | Role::Away | Role::Over => {}
        }
    }

    /// How that connection stands.
    pub(crate) fn handle_state(&mut self, state: State, now: Duration) {
        match &mut self.role {
            Role::Leader(leader) => {
                leader.handle_state(&mut self.state, state, now);
                self.end_if_closed();
            }
            Role::Alone => self.state.enter(state),
            Role::Follower(_) | Role::Away | Role::Over => {}
        }
    }

    /// What it says beside that.
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

    /// The page is about to be frozen, or to rest for another reason: it takes no part until it resumes.
    pub(crate) fn handle_frozen(&mut self) {
        if matches!(self.role, Role::Follower(_) | Role::Leader(_)) {
            self.let_go();
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
        self.let_go();
        if !matches!(self.role, Role::Over) {
            self.state.output(Output::Release);
        }
        self.role = Role::Over;
    }

    /// What is to be done next, if anything.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.state.poll_output()
    }

    /// When [`handle_time`](Self::handle_time) is to be called next, if ever.
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

    /// Closes the stream, if there is one.
    fn let_go(&mut self) {
        let has_stream = match &self.role {
            Role::Leader(leader) => leader.has_stream(),
            Role::Alone => true,
            Role::Follower(_) | Role::Away | Role::Over => false,
        };
        if has_stream {
            self.state.output(Output::Disconnect);
        }
    }

    /// A stream that is closed for good is so for all.
    fn end_if_closed(&mut self) {
        if matches!(self.state.stream_state, State::Closed { .. }) {
            self.close();
        }
    }
}
