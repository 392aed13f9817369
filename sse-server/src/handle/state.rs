//! What the hub's lock guards.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use prometheus_client::metrics::gauge::Gauge;

use super::{Drain, Waiting, Wake};
use crate::{config::MAX_SHARDS, driver::shard::Inbox, hub::GroupId, keys::Keys, metrics::Metrics, store::Entry};

// each shard has a bit of `State::armed`
const _: () = assert!(MAX_SHARDS <= u64::BITS as usize);

#[derive(Debug)]
pub(super) struct State {
    pub(super) hub: crate::hub::Hub,
    pub(super) keys: Keys,
    /// Who waits for an event of its group.
    pub(super) waiting: HashMap<GroupId, Waiting>,
    /// By group, the shards that have members waiting for an event of it: a bit each. It may be set for none.
    pub(super) armed: Vec<u64>,
    /// The shards' inboxes.
    pub(super) shards: Arc<[Inbox]>,
    pub(super) next_id: u64,
    pub(super) by_address: HashMap<IpAddr, usize>,
    pub(super) drain: Option<Drain>,
    /// What the last event matched; kept to reuse its memory.
    pub(super) matched: Vec<GroupId>,
}

impl State {
    /// Has a shard told of the group's next event.
    pub(super) fn arm(&mut self, group: GroupId, shard: usize) {
        if self.armed.len() <= group.index() {
            self.armed.resize(group.index() + 1, 0);
        }
        self.armed[group.index()] |= 1 << shard;
    }

    pub(super) fn note_log(&self, metrics: &Metrics) {
        let (events, bytes, topics) = self.hub.log().size();
        let set = |gauge: &Gauge, value: usize| {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        set(&metrics.log_events, events);
        set(&metrics.log_bytes, bytes);
        set(&metrics.topics, topics);
        set(&metrics.keys, self.keys.len());
    }

    /// An event of the store's comes into the window.
    pub(super) fn take_in(&mut self, entry: &Entry, wake: &mut Wake) {
        self.hub.publish(entry.seq, entry.time, &entry.draft, &mut self.matched);
        for group in self.matched.drain(..) {
            if !self.waiting.is_empty() {
                wake.tasks.extend(self.waiting.remove(&group));
            }
            let mut shards = self.armed.get_mut(group.index()).map(std::mem::take).unwrap_or_default();
            while shards != 0 {
                wake.shards.push((shards.trailing_zeros() as usize, group));
                shards &= shards - 1;
            }
        }
    }
}
