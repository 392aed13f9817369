//! A subscriber's side of the hub.

use std::{net::IpAddr, task::Context};

use super::{Hub, SubscriberId};
use crate::{
    hub::{Cursor, Found, GroupId, Place, Position, Step},
    metrics::Ended,
};

/// A subscriber that the hub counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Subscriber {
    hub: Hub,
    id: SubscriberId,
    cursor: Cursor,
    address: Option<IpAddr>,
    ended: Ended,
}

impl Subscriber {
    pub(super) const fn new(hub: Hub, id: SubscriberId, cursor: Cursor, address: Option<IpAddr>) -> Self {
        Self { hub, id, cursor, address, ended: Ended::client }
    }

    /// What comes next; where that is nothing yet, the task is woken when there is, or when a shutdown begins.
    pub(crate) fn poll_next(&mut self, room: usize, cx: &Context<'_>) -> Step {
        let now = self.hub.now();
        let mut state = self.hub.state();
        let step = self.cursor.next(&mut state.hub, room, now);
        if step == Step::Wait {
            let waiting = state.waiting.entry(self.cursor.group()).or_default();
            waiting
                .entry(self.id)
                .and_modify(|waker| waker.clone_from(cx.waker()))
                .or_insert_with(|| cx.waker().clone());
        }
        drop(state);
        self.count(&step);
        step
    }

    fn count(&self, step: &Step) {
        let metrics = self.hub.metrics();
        match step {
            Step::Write { write, events } => {
                metrics.deliveries.inc_by(*events as u64);
                metrics.bytes.inc_by(write.len() as u64);
            }
            Step::Gap(gap) => metrics.gap(gap.reason),
            Step::Wait | Step::Again | Step::Lagged | Step::Read(_) => {}
        }
    }

    /// The same for a shard, which is told of the group's next event where there is nothing yet. What it counts is the
    /// shard's to count.
    pub(crate) fn next(&mut self, room: usize, shard: usize) -> Step {
        let now = self.hub.now();
        let mut state = self.hub.state();
        let step = self.cursor.next(&mut state.hub, room, now);
        if step == Step::Wait {
            state.arm(self.cursor.group(), shard);
        }
        step
    }

    /// Goes on with what was read for the last [`Step::Read`].
    pub(crate) fn take(&mut self, found: Found) -> Step {
        let now = self.hub.now();
        self.cursor.take(&mut self.hub.state().hub, found, now)
    }

    /// The same for a body, which leaves the counting to this.
    pub(crate) fn take_counted(&mut self, found: Found) -> Step {
        let step = self.take(found);
        self.count(&step);
        step
    }

    /// The cursor, to be placed.
    pub(super) const fn cursor(&self) -> Cursor {
        self.cursor.again()
    }

    /// Stands where the cursor was placed.
    pub(super) fn placed(mut self, cursor: Cursor) -> Self {
        self.cursor = cursor;
        self
    }

    pub(crate) const fn group(&self) -> GroupId {
        self.cursor.group()
    }

    pub(crate) const fn place(&self) -> Place {
        self.cursor.place()
    }

    /// Goes where another member of the group went from the same place.
    pub(crate) const fn follow(&mut self, place: Place) {
        self.cursor.follow(place);
    }

    /// The position through which the subscriber has been served.
    pub(crate) fn position(&self) -> Position {
        self.hub.position(self.cursor.seq())
    }

    /// Why the stream ends, where it is not that the client left.
    pub(crate) const fn ends(&mut self, reason: Ended) {
        self.ended = reason;
    }

    pub(crate) const fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Whether all that was published up to a position has been handed out.
    pub(crate) const fn has_reached(&self, seq: u64) -> bool {
        self.cursor.seq() >= seq
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.hub.metrics().ended(self.ended);
        let mut state = self.hub.state();
        state.hub.leave(&self.cursor);
        if let Some(waiting) = state.waiting.get_mut(&self.cursor.group()) {
            waiting.remove(&self.id);
            if waiting.is_empty() {
                state.waiting.remove(&self.cursor.group());
            }
        }
        if let Some(address) = self.address
            && let Some(count) = state.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                state.by_address.remove(&address);
            }
        }
        self.hub.note_subscribers(&state);
        if state.hub.subscribers().0 == 0 {
            self.hub.0.empty.notify_waiters();
        }
    }
}
