//! A subscriber of the hub.

use std::{net::IpAddr, task::Waker};

use sse_engine::{Cursor, Failed, GroupId, Step, StorePage};

use super::{
    Hub,
    core::{State, SubscriberId},
};
use crate::metrics::EndReason;

/// A subscriber, counted by the hub until this is dropped.
#[derive(Debug)]
pub(crate) struct Subscriber {
    hub: Hub,
    id: SubscriberId,
    group: GroupId,
    address: Option<IpAddr>,
    ended: EndReason,
}

impl Subscriber {
    /// Counts a new member of `group`. `state` is the locked state.
    pub(super) fn enter(hub: &Hub, state: &mut State, group: GroupId, address: Option<IpAddr>) -> Self {
        let id = hub.0.core.enter(state, address);
        Self { hub: hub.clone(), id, group, address, ended: EndReason::client }
    }

    pub(crate) const fn group(&self) -> GroupId {
        self.group
    }

    pub(crate) const fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Sets the reason for the end of the stream, if it is not that the client left.
    pub(crate) const fn ends(&mut self, reason: EndReason) {
        self.ended = reason;
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.hub.metrics().ended(self.ended);
        self.hub.0.core.leave(self.id, self.group, self.address);
    }
}

/// Whom to wake when there is an event for a group whose members have caught up.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wakes<'a> {
    /// The task of the subscriber.
    Task(&'a Subscriber, &'a Waker),
    /// The shard with this number.
    Shard(usize),
}

impl Hub {
    /// The next step of `cursor`, with at most `room` bytes of events. If it has caught up, `wakes` is woken at the
    /// next event.
    pub(crate) fn next(&self, cursor: &mut Cursor, room: usize, wakes: Wakes<'_>) -> Result<Step, Failed> {
        let now = self.clock().now();
        let mut state = self.0.core.state()?;
        let step = state.engine.next(cursor, room, now);
        if step == Step::CaughtUp {
            match wakes {
                Wakes::Task(subscriber, waker) => state.wait(subscriber.group, subscriber.id, waker),
                Wakes::Shard(shard) => state.arm(cursor.group(), shard),
            }
        }
        Ok(step)
    }

    /// Continues with the page read for the last [`Step::NeedStore`].
    pub(crate) fn take(&self, cursor: &mut Cursor, page: StorePage) -> Result<Step, Failed> {
        let now = self.clock().now();
        Ok(self.0.core.state()?.engine.take(cursor, page, now))
    }
}
