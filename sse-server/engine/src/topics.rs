//! The table of topics.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    ops::Bound,
};

use slab::Slab;

use crate::{
    Kind, Matcher, Selection, Selectors, Stock, StoredTopic, Topic,
    by_size::BySize,
    topic_state::{Losses, TopicLoss, TopicState},
};

/// The most stale losses before they are removed, apart from one for each topic.
const SPARE_LOSSES: usize = 1024;

/// The ID of a topic in the table, valid while the topic is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TopicId(usize);

/// The known topics, at most `limit`. A topic without events may be forgotten; then only the floor remembers its losses.
#[derive(Debug)]
pub(crate) struct Topics {
    limit: usize,
    states: Slab<TopicState>,
    ids: HashMap<Topic, TopicId>,
    names: BTreeMap<Topic, TopicId>,
    /// The topics without events, ordered by their last lost event.
    empty: BTreeSet<(u64, TopicId)>,
    /// The losses by generation. Those that are no longer the last one of their topic are stale.
    losses: VecDeque<(u64, TopicId)>,
    by_events: BySize<TopicId>,
    by_bytes: BySize<TopicId>,
    /// The latest losses of any forgotten topic.
    floor: Losses,
}

/// Information on a topic, for operators.
#[derive(Debug, Clone)]
pub struct TopicInfo {
    /// The topic.
    pub topic: Topic,
    /// The number of retained events, of those for everyone whose canonical topic it is.
    pub events: usize,
    /// Their total size in bytes.
    pub bytes: usize,
    /// The sequence number of the first retained event.
    pub first: Option<u64>,
    /// The sequence number of the last retained event.
    pub last: Option<u64>,
    /// The number of subscribers that select the topic.
    pub subscribers: usize,
    /// The event with which the topic ended, or after which it did.
    pub ended: Option<u64>,
}

impl TopicInfo {
    pub(crate) const fn unpublished(topic: Topic, subscribers: usize) -> Self {
        Self { topic, events: 0, bytes: 0, first: None, last: None, subscribers, ended: None }
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
            losses: VecDeque::new(),
            by_events: BySize::default(),
            by_bytes: BySize::default(),
            floor: Losses::default(),
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

    /// The first of the topic's own events in the window.
    pub(crate) fn first_in_window(&self, id: TopicId) -> Option<u64> {
        let seqs = &self.state(id).seqs;
        let private = seqs.of(Kind { private: true, ..Kind::PLAIN }).front();
        seqs.of(Kind::PLAIN).front().into_iter().chain(private).min().copied()
    }

    /// The first of the topic's events in the window, of any kind.
    pub(crate) fn first_of_any(&self, id: TopicId) -> Option<u64> {
        self.state(id).seqs.seen(true).filter_map(VecDeque::front).min().copied()
    }

    /// The losses after `generation` in order, each with its topic if it is the topic's last one.
    pub(crate) fn losses_since(&self, generation: u64) -> impl Iterator<Item = (u64, Option<&TopicState>)> {
        let from = self.losses.partition_point(|(known, _)| *known <= generation);
        self.losses.range(from..).map(|(generation, id)| {
            let state = self.states.get(id.0).filter(|state| state.losses.has(*generation));
            (*generation, state)
        })
    }

    /// The latest losses of any forgotten topic.
    pub(crate) const fn floor(&self) -> &Losses {
        &self.floor
    }

    /// Returns true if there are more topics than allowed.
    pub(crate) fn is_too_large(&self) -> bool {
        self.states.len() > self.limit
    }

    /// The ID of `topic`, added if needed. An event of it has to be noted before [others are
    /// forgotten](Self::forget_surplus).
    pub(crate) fn intern(&mut self, topic: &Topic) -> TopicId {
        self.id(topic).unwrap_or_else(|| self.insert(topic))
    }

    fn insert(&mut self, topic: &Topic) -> TopicId {
        // The topic may have been forgotten: then everything through the floor may be lost.
        let state = TopicState::new(topic.clone(), self.floor.clone());
        let id = TopicId(self.states.insert(state));
        self.ids.insert(topic.clone(), id);
        self.names.insert(topic.clone(), id);
        id
    }

    /// Forgets topics without events while there are more than allowed, the one whose last event is the oldest first.
    pub(crate) fn forget_surplus(&mut self) {
        while self.is_too_large() {
            let Some((_, id)) = self.empty.pop_first() else { return };
            let state = self.states.remove(id.0);
            debug_assert!(state.seqs.is_empty(), "it has events in the window");
            self.ids.remove(&state.topic);
            self.names.remove(&state.topic);
            self.floor.raise(&state.losses);
        }
    }

    /// The topic whose events go when there is no room for another topic, `new`.
    pub(crate) fn smallest_but(&self, new: Option<TopicId>) -> Option<TopicId> {
        self.by_events.first_but(new)
    }

    /// The topic whose event goes when there is no room for more: that of the oldest event, `oldest`, unless this has less
    /// than its part of all `bytes`, a quarter of what is an average one. Then it is one of the largest topics.
    pub(crate) fn to_trim(&self, oldest: TopicId, bytes: usize) -> TopicId {
        let own = self.state(oldest).retained.bytes();
        let is_quiet = own.saturating_mul(4 * self.states.len()) < bytes;
        self.by_bytes.largest().filter(|_| is_quiet).unwrap_or(oldest)
    }

    /// Records a loss of a forgotten topic.
    pub(crate) fn raise_floor(&mut self, private: bool, loss: TopicLoss) {
        let mut losses = Losses::default();
        losses.set_own(private, loss);
        self.floor.raise(&losses);
    }

    /// Records a new event.
    pub(crate) fn note(&mut self, id: TopicId, kind: Kind, seq: u64, cost: usize) {
        let state = &mut self.states[id.0];
        if state.retained.is_empty() {
            self.empty.remove(&key(state, id));
        }
        let before = state.retained.sizes();
        state.retained.of_mut(kind).add(seq, cost);
        state.seqs.of_mut(kind).push_back(seq);
        let after = state.retained.sizes();
        self.resize(id, before, after);
    }

    fn resize(&mut self, id: TopicId, before: (usize, usize), after: (usize, usize)) {
        self.by_events.change(id, before.0, after.0);
        self.by_bytes.change(id, before.1, after.1);
    }

    /// Records that a retained event entered the window.
    pub(crate) fn note_again(&mut self, id: TopicId, kind: Kind, seq: u64) {
        self.states[id.0].seqs.of_mut(kind).push_back(seq);
    }

    /// Records that an event left the window while the store retains it, or trims it.
    pub(crate) fn note_evicted(&mut self, id: TopicId, kind: Kind, seq: u64) {
        self.states[id.0].seqs.remove(kind, seq);
    }

    /// Records that an event was trimmed, one of the topic's first.
    pub(crate) fn note_trimmed(&mut self, id: TopicId, kind: Kind, cost: usize, loss: TopicLoss) {
        let state = &mut self.states[id.0];
        let seq = loss.through;
        state.seqs.remove(kind, seq);
        if kind.canonical {
            state.own_trimmed = state.own_trimmed.max(seq);
        }
        let mut left = state.retained;
        let retained = left.of_mut(kind);
        retained.remove(cost);
        let seqs = state.seqs.of(kind);
        retained.first = seqs.front().copied().unwrap_or(0);
        retained.last = seqs.back().copied().unwrap_or(0);
        self.set_loss(id, kind, loss);
        self.set_retained(id, left);
    }

    /// Records that the topic's own events through `seq` are trimmed.
    pub(crate) fn note_own_trimmed(&mut self, id: TopicId, seq: u64) {
        let state = &mut self.states[id.0];
        state.own_trimmed = state.own_trimmed.max(seq);
    }

    /// Records what is retained of a topic.
    pub(crate) fn set_retained(&mut self, id: TopicId, left: Stock) {
        let state = &mut self.states[id.0];
        let before = std::mem::replace(&mut state.retained, left);
        if left.is_empty() {
            self.empty.insert(key(state, id));
        } else if before.is_empty() {
            self.empty.remove(&key(state, id));
        }
        self.resize(id, before.sizes(), left.sizes());
    }

    /// Records the last loss of an event of this kind.
    pub(crate) fn set_loss(&mut self, id: TopicId, kind: Kind, loss: TopicLoss) {
        let state = &mut self.states[id.0];
        let was_empty = state.retained.is_empty() && self.empty.remove(&key(state, id));
        // what a store says of several events together need not be in order
        if kind.canonical && loss.through >= state.losses.own(kind.private).through {
            state.losses.set_own(kind.private, loss);
        } else {
            state.losses.add_other(kind.private, loss);
        }
        if was_empty {
            self.empty.insert(key(state, id));
        }
        // one that is known already is restored
        if self.losses.back().is_none_or(|(last, _)| *last < loss.generation) {
            self.losses.push_back((loss.generation, id));
        }
        // each topic has ten at most that are not stale
        if self.losses.len() > 16 * self.states.len() + SPARE_LOSSES {
            let states = &self.states;
            self.losses.retain(|(generation, id)| states.get(id.0).is_some_and(|state| state.losses.has(*generation)));
        }
    }

    /// The topic ends with the event `seq`, or after it; with 0 it goes on after all.
    pub(crate) fn set_ended(&mut self, id: TopicId, seq: u64) {
        self.states[id.0].ended = seq;
    }

    /// Forgets what is retained, before it is restored.
    pub(crate) fn begin_again(&mut self, undone: u64) {
        let ids: Vec<_> = self.states.iter().map(|(id, _)| TopicId(id)).collect();
        for id in ids {
            for kind in Kind::ALL {
                if !self.states[id.0].seqs.of(kind).is_empty() {
                    self.states[id.0].seqs.of_mut(kind).retain(|seq| *seq > undone);
                }
            }
            self.set_retained(id, Stock::default());
        }
    }

    /// Restores a topic from a store that is being opened.
    pub(crate) fn restore(&mut self, stored: &StoredTopic, losses: &Losses) {
        // Others look empty that are not restored yet: none is forgotten before all are.
        let id = self.id(&stored.topic).unwrap_or_else(|| self.insert(&stored.topic));
        for private in [false, true] {
            self.set_loss(id, Kind { canonical: true, private }, losses.own(private));
        }
        self.set_retained(id, stored.retained);
        self.set_ended(id, stored.ended);
        self.states[id.0].own_trimmed = 0; // nothing is announced
    }

    /// The latest losses of any forgotten topic, by a store that is being opened.
    pub(crate) fn set_floor(&mut self, floor: Losses) {
        self.floor = floor;
    }

    /// What everyone may know of a topic.
    pub(crate) fn info(&self, topic: &Topic, subscribers: usize) -> Option<TopicInfo> {
        let state = Some(self.state(self.id(topic)?)).filter(|state| state.is_public())?;
        let retained = state.retained.of(Kind::PLAIN);
        Some(TopicInfo {
            topic: topic.clone(),
            events: retained.events,
            bytes: retained.bytes,
            first: Some(retained.first).filter(|seq| *seq > 0),
            last: Some(retained.last).filter(|seq| *seq > 0),
            subscribers,
            ended: Some(state.ended).filter(|seq| *seq > 0),
        })
    }

    /// Calls `each` with the topics that `selectors` select, from where `selection` has come to, until it returns false or no
    /// `looks` are left. Returns true if it was called with all.
    pub(crate) fn select(
        &self,
        selectors: &Selectors,
        selection: &mut Selection,
        looks: &mut usize,
        mut each: impl FnMut(&TopicState) -> bool,
    ) -> bool {
        let Some(mut names) = selectors.topics_only() else {
            return Matcher::new(selectors).select(&self.names, selection, looks, |_, id| each(self.state(*id)));
        };
        // they are as many as one stream may have
        let unfinished = names.find(|name| {
            *looks = looks.saturating_sub(1);
            !selection.is_past(name.as_str()) && self.id(name).is_some_and(|id| !each(self.state(id)))
        });
        if let Some(name) = unfinished {
            selection.pass(name.as_str());
        }
        unfinished.is_none()
    }

    /// The names of topics after `after`, in order, each with whether everyone may know of it.
    pub(crate) fn names_after(&self, after: Option<&str>) -> impl Iterator<Item = (&Topic, bool)> {
        self.names.range::<str, _>(names_after(after)).map(|(name, id)| (name, self.state(*id).is_public()))
    }
}

/// The place of a topic among those without events.
fn key(state: &TopicState, id: TopicId) -> (u64, TopicId) {
    (state.lost_through(), id)
}

/// The range of names after `after`.
pub(crate) fn names_after(after: Option<&str>) -> (Bound<&str>, Bound<&str>) {
    (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}
