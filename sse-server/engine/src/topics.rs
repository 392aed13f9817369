//! The table of topics.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    ops::Bound,
};

use slab::Slab;

use crate::{Millis, Retained, Topic, by_size::BySize};

/// The most stale trims before they are removed, apart from one for each topic.
const SPARE_TRIMS: usize = 1024;

/// The ID of a topic in the table, valid while the topic is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TopicId(usize);

/// The last trim of a topic.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Trimmed {
    /// The last trimmed event; 0 if there is none.
    pub(crate) through: u64,
    /// Its publish time.
    pub(crate) time: Millis,
    /// The number of the trim.
    pub(crate) generation: u64,
}

impl Trimmed {
    /// Returns true if an event after `seq` was trimmed later than `generation`.
    pub(crate) const fn affects(&self, seq: u64, generation: u64) -> bool {
        self.through > seq && self.generation > generation
    }
}

#[derive(Debug)]
pub(crate) struct TopicState {
    pub(crate) topic: Topic,
    /// The events in the window, in order.
    pub(crate) seqs: VecDeque<u64>,
    /// All retained events. With a store behind the window there may be more than those in it.
    pub(crate) retained: Retained,
    pub(crate) trimmed: Trimmed,
}

impl TopicState {
    /// Returns true if an event after `seq` may be in the store but not in the window.
    pub(crate) fn is_stored(&self, seq: u64) -> bool {
        self.retained.events > self.seqs.len() && self.retained.last > seq
    }
}

/// The known topics, at most `limit`. A topic without events may be forgotten; then only the floor remembers its trims.
#[derive(Debug)]
pub(crate) struct Topics {
    limit: usize,
    states: Slab<TopicState>,
    ids: HashMap<Topic, TopicId>,
    names: BTreeMap<Topic, TopicId>,
    /// The topics without events, ordered by their last trimmed event.
    empty: BTreeSet<(u64, TopicId)>,
    /// The trims by generation. Those that are no longer the last one of their topic are stale.
    trims: VecDeque<(u64, TopicId)>,
    by_events: BySize<TopicId>,
    by_bytes: BySize<TopicId>,
    /// The latest trim of any forgotten topic.
    floor: Trimmed,
}

/// Information on a topic, for operators.
#[derive(Debug, Clone)]
pub struct TopicInfo {
    /// The topic.
    pub topic: Topic,
    /// The number of retained events.
    pub events: usize,
    /// Their total size in bytes.
    pub bytes: usize,
    /// The sequence number of the first retained event.
    pub first: Option<u64>,
    /// The sequence number of the last retained event.
    pub last: Option<u64>,
    /// The number of subscribers that select the topic.
    pub subscribers: usize,
}

impl TopicInfo {
    pub(crate) const fn unpublished(topic: Topic, subscribers: usize) -> Self {
        Self { topic, events: 0, bytes: 0, first: None, last: None, subscribers }
    }
}

impl Topics {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            states: Slab::new(),
            ids: HashMap::new(),
            names: BTreeMap::new(),
            empty: BTreeSet::new(),
            trims: VecDeque::new(),
            by_events: BySize::default(),
            by_bytes: BySize::default(),
            floor: Trimmed::default(),
        }
    }

    pub(crate) fn id(&self, topic: &Topic) -> Option<TopicId> {
        self.ids.get(topic).copied()
    }

    pub(crate) fn state(&self, id: TopicId) -> &TopicState {
        &self.states[id.0]
    }

    pub(crate) fn len(&self) -> usize {
        self.states.len()
    }

    /// The topics by name.
    pub(crate) const fn names(&self) -> &BTreeMap<Topic, TopicId> {
        &self.names
    }

    /// The first of the topic's events in the window.
    pub(crate) fn first_in_window(&self, id: TopicId) -> Option<u64> {
        self.state(id).seqs.front().copied()
    }

    /// The trims after `generation` in order, each with its topic if it is the topic's last one.
    pub(crate) fn trimmed_since(&self, generation: u64) -> impl Iterator<Item = (u64, Option<&TopicState>)> {
        let from = self.trims.partition_point(|(known, _)| *known <= generation);
        self.trims.range(from..).map(|(generation, id)| {
            let state = self.states.get(id.0).filter(|state| state.trimmed.generation == *generation);
            (*generation, state)
        })
    }

    /// The latest trim of any forgotten topic.
    pub(crate) const fn floor(&self) -> Trimmed {
        self.floor
    }

    /// Returns true if there is no room for another topic: none is left that has no events and could be forgotten.
    pub(crate) fn is_full_for(&self, topic: &Topic) -> bool {
        self.states.len() >= self.limit && self.empty.is_empty() && !self.ids.contains_key(topic)
    }

    /// The ID of `topic`, added if needed. If the table is full, the empty topic whose last event is the oldest is
    /// forgotten.
    pub(crate) fn enter(&mut self, topic: &Topic) -> TopicId {
        if let Some(id) = self.id(topic) {
            return id;
        }
        self.forget_down_to(self.limit - 1);
        self.insert(topic)
    }

    fn insert(&mut self, topic: &Topic) -> TopicId {
        let state = TopicState {
            topic: topic.clone(),
            seqs: VecDeque::new(),
            retained: Retained::default(),
            // The topic may have been forgotten: then everything through the floor may be lost.
            trimmed: self.floor,
        };
        let id = TopicId(self.states.insert(state));
        self.ids.insert(topic.clone(), id);
        self.names.insert(topic.clone(), id);
        id
    }

    /// Forgets topics without events, the oldest first, while there are more than `most`.
    fn forget_down_to(&mut self, most: usize) {
        while self.states.len() > most {
            let Some((_, id)) = self.empty.pop_first() else { return };
            let state = self.states.remove(id.0);
            debug_assert!(state.seqs.is_empty(), "it has events in the window");
            self.ids.remove(&state.topic);
            self.names.remove(&state.topic);
            self.raise_floor(state.trimmed);
        }
    }

    /// Forgets topics without events while there are more than allowed.
    pub(crate) fn forget_surplus(&mut self) {
        self.forget_down_to(self.limit);
    }

    /// The topic whose events go when there is no room for another topic.
    pub(crate) fn smallest(&self) -> Option<TopicId> {
        self.by_events.first_but(None)
    }

    /// The topic whose event goes when there is no room for more: that of the oldest event, `oldest`, unless this has less
    /// than its part of all `bytes`, a quarter of what is an average one. Then it is one of the largest topics.
    pub(crate) fn to_trim(&self, oldest: TopicId, bytes: usize) -> TopicId {
        let own = self.state(oldest).retained.bytes;
        let is_quiet = own.saturating_mul(4 * self.states.len()) < bytes;
        self.by_bytes.largest().filter(|_| is_quiet).unwrap_or(oldest)
    }

    /// Records a trim of a forgotten topic.
    pub(crate) fn raise_floor(&mut self, trimmed: Trimmed) {
        self.floor.through = self.floor.through.max(trimmed.through);
        self.floor.time = self.floor.time.max(trimmed.time);
        self.floor.generation = self.floor.generation.max(trimmed.generation);
    }

    /// Records a new event.
    pub(crate) fn note(&mut self, id: TopicId, seq: u64, cost: usize) {
        let state = &mut self.states[id.0];
        if state.retained.events == 0 {
            self.empty.remove(&(state.trimmed.through, id));
        }
        let before = state.retained;
        state.retained.add(seq, cost);
        state.seqs.push_back(seq);
        self.by_events.change(id, before.events, state.retained.events);
        self.by_bytes.change(id, before.bytes, state.retained.bytes);
    }

    /// Records that a retained event entered the window.
    pub(crate) fn note_again(&mut self, id: TopicId, seq: u64) {
        self.states[id.0].seqs.push_back(seq);
    }

    /// Records that the topic's first event left the window while the store retains it.
    pub(crate) fn note_evicted(&mut self, id: TopicId) {
        self.states[id.0].seqs.pop_front();
    }

    /// Records that the topic's first retained event was trimmed.
    pub(crate) fn note_trimmed(&mut self, id: TopicId, cost: usize, trimmed: Trimmed) {
        let state = &mut self.states[id.0];
        state.seqs.pop_front();
        let mut left = state.retained;
        left.remove(cost);
        left.first = state.seqs.front().copied().unwrap_or(0);
        self.set_trimmed(id, trimmed);
        self.set_retained(id, left);
    }

    /// Records what is retained of a topic.
    pub(crate) fn set_retained(&mut self, id: TopicId, left: Retained) {
        let state = &mut self.states[id.0];
        let before = std::mem::replace(&mut state.retained, left);
        self.by_events.change(id, before.events, left.events);
        self.by_bytes.change(id, before.bytes, left.bytes);
        let key = (state.trimmed.through, id);
        if left.events == 0 {
            self.empty.insert(key);
        } else {
            self.empty.remove(&key);
        }
    }

    /// Records the last trim of a topic.
    pub(crate) fn set_trimmed(&mut self, id: TopicId, trimmed: Trimmed) {
        let state = &mut self.states[id.0];
        if self.empty.remove(&(state.trimmed.through, id)) {
            self.empty.insert((trimmed.through, id));
        }
        state.trimmed = trimmed;
        // one that is known already is restored
        if self.trims.back().is_none_or(|(last, _)| *last < trimmed.generation) {
            self.trims.push_back((trimmed.generation, id));
        }
        // each topic has one that is not stale
        if self.trims.len() > 2 * self.states.len() + SPARE_TRIMS {
            let states = &self.states;
            self.trims.retain(|(generation, id)| {
                states.get(id.0).is_some_and(|state| state.trimmed.generation == *generation)
            });
        }
    }

    /// Forgets what is retained, before it is restored.
    pub(crate) fn begin_again(&mut self, undone: u64) {
        let ids: Vec<_> = self.states.iter().map(|(id, _)| TopicId(id)).collect();
        for id in ids {
            self.states[id.0].seqs.retain(|seq| *seq > undone);
            self.set_retained(id, Retained::default());
        }
    }

    /// Restores a topic from a store that is being opened.
    pub(crate) fn restore(&mut self, topic: &Topic, retained: Retained, trimmed: Trimmed) {
        // Others look empty that are not restored yet: none is forgotten before all are.
        let id = self.id(topic).unwrap_or_else(|| self.insert(topic));
        self.set_trimmed(id, trimmed);
        self.set_retained(id, retained);
    }

    /// The latest trim of any forgotten topic, by a store that is being opened.
    pub(crate) const fn set_floor(&mut self, floor: Trimmed) {
        self.floor = floor;
    }

    pub(crate) fn info(&self, topic: &Topic, subscribers: usize) -> Option<TopicInfo> {
        let state = self.state(self.id(topic)?);
        Some(TopicInfo {
            topic: topic.clone(),
            events: state.retained.events,
            bytes: state.retained.bytes,
            first: Some(state.retained.first).filter(|seq| *seq > 0),
            last: Some(state.retained.last).filter(|seq| *seq > 0),
            subscribers,
        })
    }

    pub(crate) fn names_after(&self, after: Option<&str>) -> impl Iterator<Item = &Topic> {
        self.names.range::<str, _>(behind(after)).map(|(name, _)| name)
    }
}

/// The range of names behind `after`.
pub(crate) fn behind(after: Option<&str>) -> (Bound<&str>, Bound<&str>) {
    (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}
