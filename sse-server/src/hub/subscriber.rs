//! A subscriber of the hub.

use std::{
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
};

use sse_engine::GroupId;

use super::{
    Hub,
    granted::GrantedStream,
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
    /// It has a connection of its own.
    holds_connection: bool,
    /// Who holds it and until when, where access is controlled.
    granted: Option<Arc<GrantedStream>>,
}

impl Subscriber {
    /// Counts a new member of a group, which may be new with it. `state` is the locked state.
    pub(super) fn new(hub: &Hub, state: &mut State, group: (GroupId, bool), address: Option<IpAddr>) -> Self {
        let id = hub.0.core.add_stream(state, group, address);
        Self {
            hub: hub.clone(),
            id,
            group: group.0,
            address,
            ended: EndReason::client,
            holds_connection: false,
            granted: None,
        }
    }

    pub(crate) const fn group(&self) -> GroupId {
        self.group
    }

    pub(crate) const fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Counts the connection that carries nothing but this stream.
    pub(crate) fn hold_connection(&mut self) {
        if !std::mem::replace(&mut self.holds_connection, true) {
            self.hub.0.core.held.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Who holds the stream and until when, where access is controlled.
    pub(crate) fn granted(&self) -> Option<&GrantedStream> {
        self.granted.as_deref()
    }

    /// Keeps who holds the stream, which is listed until this is dropped.
    pub(super) fn grant(&mut self, granted: Arc<GrantedStream>) {
        self.granted = Some(granted);
    }

    /// Sets the reason for the end of the stream, if it is not that the client left.
    pub(crate) const fn ends(&mut self, reason: EndReason) {
        self.ended = reason;
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        if self.holds_connection {
            self.hub.0.core.held.fetch_sub(1, Ordering::Relaxed);
        }
        if let (Some(granted), Some(access)) = (&self.granted, self.hub.access()) {
            access.forget(granted.name());
        }
        self.hub.metrics().ended(self.ended);
        self.hub.0.core.remove_stream(self.id, self.group, self.address);
    }
}
