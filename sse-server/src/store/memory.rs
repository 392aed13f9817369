//! A log in memory, which lives as long as the process.

mod ends;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use sse_engine::{Epoch, Millis, Retained, Selectors, Topic, Trim};

use super::{
    AfterUnlock, Appended, Batch, Entry, Follower, Page, PageBuilder, Query, Store, StoreError, StoreSnapshot, Task,
};
use crate::base::lock::{Guard, Lock};
use ends::Ends;

/// A log in memory: a new one is a new epoch.
#[derive(Debug)]
pub(crate) struct Memory {
    epoch: Epoch,
    /// How many events are retained. A hub needs only its own window, so for a hub this is 0 and nothing is kept twice.
    retains: usize,
    state: Lock<MemoryLog>,
}

#[derive(Debug, Default)]
struct MemoryLog {
    head: u64,
    time: Millis,
    entries: VecDeque<Entry>,
    ends: Ends,
    followers: Vec<Arc<dyn Follower>>,
    closed: bool,
}

impl Memory {
    /// A new, empty log, named at random, so that no ID is ever used twice.
    pub(crate) fn new(retains: usize) -> std::io::Result<Self> {
        Ok(Self { epoch: Epoch::new(getrandom::u64()?), retains, state: Lock::default() })
    }

    fn state(&self) -> Result<Guard<'_, MemoryLog>, StoreError> {
        self.state.lock().map_err(|_| StoreError::Gone)
    }

    fn append_now(&self, batch: Batch) -> Result<Appended, StoreError> {
        let mut after_unlock = Vec::new();
        let appended = self.state()?.append(batch, self.retains, &mut after_unlock)?;
        after_unlock.into_iter().for_each(AfterUnlock::wake);
        Ok(appended)
    }

    /// A page of the retained events that match.
    fn page(&self, query: &Query) -> Result<Page, StoreError> {
        let state = self.state()?;
        let through = query.through.min(state.head);
        let after = state.entries.partition_point(|entry| entry.seq <= query.after);
        let entries = state.entries.range(after..).take_while(|entry| entry.seq <= through);
        let matching = entries.filter(|entry| query.selectors.accept(entry.draft.topics(), entry.draft.private));
        Ok(PageBuilder::new(query, through).fill(matching.cloned()))
    }
}

impl MemoryLog {
    fn append(
        &mut self,
        batch: Batch,
        retains: usize,
        after_unlock: &mut Vec<AfterUnlock>,
    ) -> Result<Appended, StoreError> {
        if self.closed {
            return Err(StoreError::Closed);
        }
        batch.check_ends(|topic| self.ends.of(topic, &self.followers))?;
        self.time = self.time.max(batch.now);
        let (first, time) = (self.head + 1, self.time);
        let entries: Vec<_> =
            batch.drafts.into_iter().zip(first..).map(|(draft, seq)| Entry { seq, time, draft }).collect();
        self.head += entries.len() as u64;
        let seqs = (first..=self.head).collect();
        for follower in &self.followers {
            after_unlock.push(follower.appended(&entries, self.head));
        }
        for entry in entries.iter().filter(|entry| entry.draft.end) {
            self.ends.note(&entry.draft.topic, entry.seq, &self.followers);
        }
        if retains > 0 {
            self.entries.extend(entries);
            after_unlock.extend(self.trim_oldest(retains));
        }
        let ended = batch.end.map(|topic| self.end(&topic, after_unlock));
        Ok(Appended { seqs, ended })
    }

    /// Ends `topic` after its last event, and returns where.
    fn end(&mut self, topic: &Topic, after_unlock: &mut Vec<AfterUnlock>) -> u64 {
        self.head = self.head.max(1); // what ends at 0 has not ended
        let last = self.entries.iter().rfind(|entry| entry.draft.topics().any(|one| one == topic));
        let mut at = last.map_or(self.head, |entry| entry.seq);
        for follower in &self.followers {
            let (ended, wake) = follower.ended(topic, at);
            at = ended;
            after_unlock.push(wake);
        }
        self.ends.note(topic, at, &self.followers);
        at
    }

    /// Trims the oldest events until at most `retains` are left.
    fn trim_oldest(&mut self, retains: usize) -> Vec<AfterUnlock> {
        let surplus = self.entries.len().saturating_sub(retains);
        match self.entries.get(surplus).map(|first| first.seq).filter(|_| surplus > 0) {
            Some(first) => self.trim(|entry| entry.seq < first),
            None => Vec::new(),
        }
    }

    /// Trims the events that go, and tells the followers first, for each of their topics.
    fn trim(&mut self, goes: impl Fn(&Entry) -> bool) -> Vec<AfterUnlock> {
        let mut trims: BTreeMap<Topic, Trim> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| goes(entry)) {
            for (topic, kind, _) in entry.kinds() {
                let none = || Trim::plain(topic.clone(), (0, 0), false, Retained::default());
                let trim = trims.entry(topic.clone()).or_insert_with(none);
                trim.through = entry.seq;
                if kind.canonical {
                    trim.own_through = entry.seq;
                }
                *(if kind.private { &mut trim.lost_private } else { &mut trim.lost }) = (entry.seq, entry.time);
            }
        }
        if trims.is_empty() {
            return Vec::new();
        }
        for entry in self.entries.iter().filter(|entry| !goes(entry)) {
            for (topic, kind, bytes) in entry.kinds() {
                if let Some(trim) = trims.get_mut(topic) {
                    trim.left.of_mut(kind).add(entry.seq, bytes);
                }
            }
        }
        let trims: Vec<_> = trims.into_values().collect();
        let after_unlock = self.followers.iter().map(|follower| follower.trimming(&trims)).collect();
        self.entries.retain(|entry| !goes(entry));
        after_unlock
    }
}

impl Store for Memory {
    fn snapshot(&self) -> StoreSnapshot {
        StoreSnapshot {
            epoch: self.epoch,
            head: 0,
            time: 0,
            holes: Vec::new(),
            topics: Vec::new(),
            floor: (0, 0),
            private_floor: (0, 0),
            keys: Vec::new(),
        }
    }

    fn append(&self, batch: Batch) -> Task<'_, Appended> {
        Box::pin(async move { self.append_now(batch) })
    }

    fn read(&self, query: Query) -> Task<'_, Page> {
        Box::pin(async move { self.page(&query) })
    }

    fn read_at(&self, seqs: Vec<u64>, selectors: Selectors) -> Task<'_, Vec<Entry>> {
        Box::pin(async move {
            let state = self.state()?;
            let entry = |seq| state.entries.binary_search_by_key(&seq, |entry| entry.seq).map(|at| &state.entries[at]);
            let entries = seqs.into_iter().filter_map(|seq| entry(seq).ok());
            Ok(entries.filter(|entry| entry.may_be_read_by(&selectors)).cloned().collect())
        })
    }

    fn aliased(&self, alias: String, selectors: Selectors) -> Task<'_, Option<Entry>> {
        Box::pin(async move {
            let state = self.state()?;
            let has_it = |entry: &&Entry| entry.draft.alias.as_ref().is_some_and(|own| own.as_str() == alias);
            Ok(state.entries.iter().filter(has_it).find(|entry| entry.may_be_read_by(&selectors)).cloned())
        })
    }

    fn before(&self, time: Millis) -> Task<'_, u64> {
        Box::pin(async move {
            let state = self.state()?;
            let at = state.entries.partition_point(|entry| entry.time < time);
            Ok(state.entries.get(at).map_or(state.head, |entry| entry.seq - 1))
        })
    }

    fn tail(&self, events: usize, bytes: usize) -> Result<u64, StoreError> {
        let state = self.state()?;
        let mut sum = 0;
        let beyond = state.entries.iter().rev().enumerate().find(|(count, entry)| {
            sum += entry.draft.weight();
            *count == events || sum > bytes
        });
        Ok(beyond.map_or(0, |(_, entry)| entry.seq))
    }

    fn follow(&self, after: u64, follower: Arc<dyn Follower>) -> Result<(), StoreError> {
        let mut state = self.state()?;
        let from = state.entries.partition_point(|entry| entry.seq <= after);
        let head = state.head;
        let after_unlock = follower.appended(&state.entries.make_contiguous()[from..], head);
        state.followers.push(follower);
        drop(state);
        after_unlock.wake();
        Ok(())
    }

    fn trim(&self, topic: &Topic, through: u64, reopen: bool) -> Task<'_, ()> {
        let topic = topic.clone();
        Box::pin(async move {
            let mut state = self.state()?;
            let after_unlock = state.trim(|entry| entry.draft.topic == topic && entry.seq <= through);
            if reopen {
                state.ends.forget(&topic);
                state.followers.iter().for_each(|follower| follower.topic_reopened(&topic));
            }
            drop(state);
            after_unlock.into_iter().for_each(AfterUnlock::wake);
            Ok(())
        })
    }

    fn health(&self) -> Result<(), StoreError> {
        if self.state()?.closed { Err(StoreError::Closed) } else { Ok(()) }
    }

    fn close(&self, _: Duration) -> Result<(), StoreError> {
        self.state()?.closed = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::suite;

    suite::suite!(on(Memory::new(1_000_000).unwrap(), ()));

    #[test]
    fn epochs_differ() {
        assert_ne!(Memory::new(0).unwrap().epoch, Memory::new(0).unwrap().epoch);
    }
}
