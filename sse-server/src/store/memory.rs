//! A log in memory, which lives as long as the process.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use sse_engine::{Epoch, Millis, Retained, Topic, Trim};

use super::{AfterUnlock, Batch, Entry, Follower, Page, Query, Store, StoreError, StoreSnapshot, Task};
use crate::base::lock::{Guard, Lock};

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
    last_seq: u64,
    last_time: Millis,
    entries: VecDeque<Entry>,
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

    fn append_now(&self, batch: Batch) -> Result<Vec<u64>, StoreError> {
        let mut state = self.state()?;
        if state.closed {
            return Err(StoreError::Closed);
        }
        state.last_time = state.last_time.max(batch.now);
        let (first, time) = (state.last_seq + 1, state.last_time);
        let entries: Vec<_> =
            batch.drafts.into_iter().zip(first..).map(|(draft, seq)| Entry { seq, time, draft }).collect();
        state.last_seq += entries.len() as u64;
        let last_seq = state.last_seq;
        let mut after_unlock: Vec<AfterUnlock> = Vec::new();
        for follower in &state.followers {
            after_unlock.push(follower.appended(&entries, last_seq));
        }
        let seqs = (first..=last_seq).collect();
        if self.retains > 0 {
            state.entries.extend(entries);
            after_unlock.extend(state.trim_oldest(self.retains));
        }
        drop(state);
        after_unlock.into_iter().for_each(AfterUnlock::wake);
        Ok(seqs)
    }

    /// A page of the retained events that match.
    fn page(&self, query: &Query) -> Result<Page, StoreError> {
        let state = self.state()?;
        let until = query.until.min(state.last_seq);
        let mut page = Page { through: until, ..Page::default() };
        let mut bytes = 0;
        let after = state.entries.partition_point(|entry| entry.seq <= query.after);
        for entry in state.entries.range(after..).take_while(|entry| entry.seq <= until) {
            if !query.selectors.matches(&entry.draft.topic) {
                continue;
            }
            bytes += entry.draft.weight();
            if page.entries.len() == query.events || (bytes > query.bytes && !page.entries.is_empty()) {
                page.through = page.entries.last().map_or(query.after, |last| last.seq);
                break;
            }
            page.entries.push(entry.clone());
        }
        Ok(page)
    }
}

impl MemoryLog {
    /// Trims the oldest events until at most `retains` are left.
    fn trim_oldest(&mut self, retains: usize) -> Vec<AfterUnlock> {
        let surplus = self.entries.len().saturating_sub(retains);
        let mut last: HashMap<Topic, u64> = HashMap::new();
        for entry in self.entries.iter().take(surplus) {
            last.insert(entry.draft.topic.clone(), entry.seq);
        }
        last.into_iter().flat_map(|(topic, through)| self.trim(&topic, through)).collect()
    }

    fn trim(&mut self, topic: &Topic, through: u64) -> Vec<AfterUnlock> {
        let goes = |entry: &Entry| entry.draft.topic == *topic && entry.seq <= through;
        let Some(last) = self.entries.iter().rfind(|entry| goes(entry)) else { return Vec::new() };
        let (through, time) = (last.seq, last.time);
        let mut left = Retained::default();
        let stays = self.entries.iter().filter(|entry| entry.draft.topic == *topic && entry.seq > through);
        stays.for_each(|entry| left.add(entry.seq, entry.draft.weight()));
        let trims = [Trim { topic: topic.clone(), through, time, lossy: true, left }];
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
            keys: Vec::new(),
        }
    }

    fn append(&self, batch: Batch) -> Task<'_, Vec<u64>> {
        Box::pin(async move { self.append_now(batch) })
    }

    fn read(&self, query: Query) -> Task<'_, Page> {
        Box::pin(async move { self.page(&query) })
    }

    fn seek(&self, time: Millis) -> Task<'_, u64> {
        Box::pin(async move {
            let state = self.state()?;
            let at = state.entries.partition_point(|entry| entry.time < time);
            Ok(state.entries.get(at).map_or(state.last_seq, |entry| entry.seq - 1))
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
        let last_seq = state.last_seq;
        let after_unlock = follower.appended(&state.entries.make_contiguous()[from..], last_seq);
        state.followers.push(follower);
        drop(state);
        after_unlock.wake();
        Ok(())
    }

    fn trim(&self, topic: &Topic, through: u64) -> Task<'_, ()> {
        let topic = topic.clone();
        Box::pin(async move {
            let after_unlock = self.state()?.trim(&topic, through);
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
