//! The state behind the hub's lock: the engine, and those who wait for its events.

use std::{collections::HashMap, net::IpAddr, task::Waker};

use sse_engine::{Engine, GroupId, OutOfOrder};

use super::waiters::ReadyGroup;
use crate::{base::network::network, store::Entry};

/// The looks of the engine's work that are done under one taking of the lock.
const SLICE: usize = 4096;

/// The state behind the hub's lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) engine: Engine,
    /// The tasks that wait for an event of their groups.
    waiting: HashMap<GroupId, Tasks>,
    /// For each group, a bit for every shard with members that wait for an event. A bit may be set without such a
    /// member.
    armed: Vec<u64>,
    next_id: u64,
    /// What the streams of each client hold; see [`network`].
    shares: HashMap<IpAddr, Share>,
    /// The client whose stream brought a group, as long as the group has members.
    owners: HashMap<GroupId, IpAddr>,
    /// The groups with events that were shown and whose members are to be woken.
    matched: Vec<GroupId>,
    /// A thread of its own does what is left of the work.
    pub(super) has_worker: bool,
}

/// What the streams of one client hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) streams: usize,
    /// The groups that they brought.
    pub(super) groups: usize,
}

type Tasks = HashMap<SubscriberId, Waker>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SubscriberId(u64);

/// Wake-ups that are due once the lock is released.
#[derive(Debug, Default)]
pub(super) struct Wake {
    tasks: Vec<Tasks>,
    pub(super) ready: Vec<ReadyGroup>,
}

impl Wake {
    pub(super) const fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.ready.is_empty()
    }
}

impl Drop for Wake {
    /// The tasks are no longer registered, so they are woken whatever happens: a panic under the lock must not leave them
    /// asleep.
    fn drop(&mut self) {
        self.tasks.drain(..).flat_map(HashMap::into_values).for_each(Waker::wake);
    }
}

impl State {
    pub(super) fn new(engine: Engine) -> Self {
        Self {
            engine,
            waiting: HashMap::new(),
            armed: Vec::new(),
            next_id: 0,
            shares: HashMap::new(),
            owners: HashMap::new(),
            matched: Vec::new(),
            has_worker: false,
        }
    }

    /// Counts a new stream in `group`, which it brought if `is_new`.
    pub(super) fn add_stream(&mut self, group: GroupId, is_new: bool, address: Option<IpAddr>) -> SubscriberId {
        if let Some(client) = address.map(network) {
            let share = self.shares.entry(client).or_default();
            share.streams += 1;
            if is_new {
                share.groups += 1;
                self.owners.insert(group, client);
            }
        }
        self.next_id += 1;
        SubscriberId(self.next_id)
    }

    /// All tasks that wait for an event: they are woken when the result is dropped.
    pub(super) fn stop_waiting(&mut self) -> Wake {
        Wake { tasks: std::mem::take(&mut self.waiting).into_values().collect(), ready: Vec::new() }
    }

    /// Registers a task to be woken at the next event of its group.
    pub(super) fn wait(&mut self, group: GroupId, id: SubscriberId, waker: &Waker) {
        self.waiting
            .entry(group)
            .or_default()
            .entry(id)
            .and_modify(|known| known.clone_from(waker))
            .or_insert_with(|| waker.clone());
    }

    /// Registers a shard to be woken at the group's next event.
    pub(super) fn arm(&mut self, group: GroupId, shard: usize) {
        if self.armed.len() <= group.index() {
            self.armed.resize(group.index() + 1, 0);
        }
        self.armed[group.index()] |= 1 << shard;
    }

    /// What the streams of the client with `address` hold.
    pub(super) fn share(&self, address: IpAddr) -> Share {
        self.shares.get(&network(address)).copied().unwrap_or_default()
    }

    pub(super) fn append(&mut self, entry: &Entry) -> Result<(), OutOfOrder> {
        self.engine.append(entry.seq, entry.time, &entry.draft)
    }

    /// Does a slice of the engine's work, and adds those to wake to `wake`. Returns true if nothing is left.
    pub(super) fn work(&mut self, wake: &mut Wake) -> bool {
        let over = self.engine.work(SLICE, &mut self.matched);
        let from = self.matched.len().saturating_sub(SLICE);
        for group in self.matched.drain(from..) {
            if !self.waiting.is_empty() {
                wake.tasks.extend(self.waiting.remove(&group));
            }
            let mut shards = self.armed.get_mut(group.index()).map(std::mem::take).unwrap_or_default();
            while shards != 0 {
                wake.ready.push(ReadyGroup { shard: shards.trailing_zeros() as usize, group });
                shards &= shards - 1;
            }
        }
        over && self.matched.is_empty()
    }

    /// Uncounts a stream that has ended.
    pub(super) fn remove_stream(&mut self, id: SubscriberId, group: GroupId, address: Option<IpAddr>) {
        let is_last = self.engine.unsubscribe(group);
        if let Some(tasks) = self.waiting.get_mut(&group) {
            tasks.remove(&id);
            if tasks.is_empty() {
                self.waiting.remove(&group);
            }
        }
        if let Some(client) = address.map(network) {
            self.give_back(client, |share| share.streams -= 1);
        }
        if is_last && let Some(owner) = self.owners.remove(&group) {
            self.give_back(owner, |share| share.groups -= 1);
        }
    }

    fn give_back(&mut self, client: IpAddr, take: impl FnOnce(&mut Share)) {
        if let Some(share) = self.shares.get_mut(&client) {
            take(share);
            if *share == Share::default() {
                self.shares.remove(&client);
            }
        }
    }
}
