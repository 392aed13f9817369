//! A subscriber of the hub.

use std::net::IpAddr;

use sse_engine::GroupId;

use super::{
    Hub,
    state::{State, SubscriberId},
};
use crate::metrics::EndReason;

/// A subscriber, counted by the hub until this is dropped.
#[derive(Debug)]
pub(crate) struct Subscriber {
    hub: Hub,
    pub(super) id: SubscriberId,
    pub(super) group: GroupId,
    address: Option<IpAddr>,
    ended: EndReason,
}

impl Subscriber {
    /// Counts a new member of a group, which may be new with it. `state` is the locked state.
    pub(super) fn enter(hub: &Hub, state: &mut State, group: (GroupId, bool), address: Option<IpAddr>) -> Self {
        let id = hub.0.core.enter(state, group, address);
        Self { hub: hub.clone(), id, group: group.0, address, ended: EndReason::client }
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
