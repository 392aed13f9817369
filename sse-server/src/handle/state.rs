//! What the hub's lock guards.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use super::{Drain, Keyed, Published, Rejected, Waiting, Wake};
use crate::{
    driver::shard::Inbox,
    hub::{Draft, GroupId, Millis},
    keys::{Fingerprint, Key, Keys, Seen},
    store::memory::Memory,
};

#[derive(Debug)]
pub(super) struct State {
    pub(super) hub: crate::hub::Hub,
    pub(super) store: Memory,
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
    /// What the last publish matched; kept to reuse its memory.
    pub(super) matched: Vec<GroupId>,
}

impl State {
    pub(super) fn publish(
        &mut self,
        events: Vec<Keyed>,
        now: Millis,
        wake: &mut Wake,
    ) -> Result<Vec<Published>, Rejected> {
        self.check_keys(&events, now)?;
        let mut published = Vec::with_capacity(events.len());
        for Keyed { draft, key } in events {
            let seen = key.as_ref().map_or(Seen::New, |(key, content)| self.keys.look_up(key, *content, now));
            if let Seen::Before(seqs) = seen {
                published.extend(seqs.iter().map(|seq| self.published(*seq, true)));
                continue;
            }
            let seq = self.append(&draft, now, wake);
            if let Some((key, content)) = key {
                self.keys.remember(key, content, [seq].into(), now);
            }
            published.push(self.published(seq, false));
        }
        Ok(published)
    }

    pub(super) fn publish_request(
        &mut self,
        drafts: &[Draft],
        key: Key,
        content: Fingerprint,
        now: Millis,
        wake: &mut Wake,
    ) -> Result<Vec<Published>, Rejected> {
        match self.keys.look_up(&key, content, now) {
            Seen::Conflict => Err(Rejected::Conflict(None)),
            Seen::Before(seqs) => Ok(seqs.iter().map(|seq| self.published(*seq, true)).collect()),
            Seen::New => {
                let seqs: Arc<[u64]> = drafts.iter().map(|draft| self.append(draft, now, wake)).collect();
                self.keys.remember(key, content, seqs.clone(), now);
                Ok(seqs.iter().map(|seq| self.published(*seq, false)).collect())
            }
        }
    }

    /// Has a shard told of the group's next event.
    pub(super) fn arm(&mut self, group: GroupId, shard: usize) {
        if self.armed.len() <= group.index() {
            self.armed.resize(group.index() + 1, 0);
        }
        self.armed[group.index()] |= 1 << shard;
    }

    const fn published(&self, seq: u64, duplicate: bool) -> Published {
        Published { position: self.hub.log().at(seq), duplicate }
    }

    fn append(&mut self, draft: &Draft, now: Millis, wake: &mut Wake) -> u64 {
        let (seq, time) = self.store.append(now);
        self.hub.publish(seq, time, draft, &mut self.matched);
        for group in self.matched.drain(..) {
            wake.tasks.extend(self.waiting.remove(&group));
            let mut shards = self.armed.get_mut(group.index()).map(std::mem::take).unwrap_or_default();
            while shards != 0 {
                wake.shards.push((shards.trailing_zeros() as usize, group));
                shards &= shards - 1;
            }
        }
        seq
    }

    /// Refuses all if one key was used for other content, here or before.
    fn check_keys(&mut self, events: &[Keyed], now: Millis) -> Result<(), Rejected> {
        let mut here: HashMap<&Key, Fingerprint> = HashMap::new();
        for (i, event) in events.iter().enumerate() {
            let Some((key, content)) = &event.key else { continue };
            let seen = self.keys.look_up(key, *content, now);
            let twice = here.insert(key, *content).is_some_and(|earlier| earlier != *content);
            if twice || seen == Seen::Conflict {
                return Err(Rejected::Conflict(Some(i)));
            }
        }
        Ok(())
    }
}
