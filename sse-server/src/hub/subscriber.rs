//! A subscriber's side of the hub.

use std::{net::IpAddr, task::Waker};

use sse_engine::{Cursor, Failed, GroupId, Step, StorePage};

use super::{
    Hub,
    core::{State, SubscriberId},
};
use crate::metrics::Ended;

/// A subscriber that the hub counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Subscriber {
    hub: Hub,
    id: SubscriberId,
    group: GroupId,
    address: Option<IpAddr>,
    ended: Ended,
}

impl Subscriber {
    /// Counts a member of the group in. `state` is the lock's.
    pub(super) fn enter(hub: &Hub, state: &mut State, group: GroupId, address: Option<IpAddr>) -> Self {
        let id = hub.0.core.enter(state, address);
        Self { hub: hub.clone(), id, group, address, ended: Ended::client }
    }

    pub(crate) const fn group(&self) -> GroupId {
        self.group
    }

    pub(crate) const fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Why the stream ends, where it is not that the client left.
    pub(crate) const fn ends(&mut self, reason: Ended) {
        self.ended = reason;
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.hub.metrics().ended(self.ended);
        self.hub.0.core.leave(self.id, self.group, self.address);
    }
}

/// Whom to tell when there is something for a group whose members have all that there is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wakes<'a> {
    /// The task of this subscriber.
    Task(&'a Subscriber, &'a Waker),
    /// The shard with this number.
    Shard(usize),
}

impl Hub {
    /// What comes next for a cursor, with its events as `room` allows; where that is nothing yet, `wakes` is told when
    /// there is.
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

    /// Goes on with what was read for the last [`Step::NeedStore`].
    pub(crate) fn take(&self, cursor: &mut Cursor, page: StorePage) -> Result<Step, Failed> {
        let now = self.clock().now();
        Ok(self.0.core.state()?.engine.take(cursor, page, now))
    }
}
