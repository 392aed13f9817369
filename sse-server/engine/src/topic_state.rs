//! What is known of one topic.

use std::collections::VecDeque;

use crate::{Kind, Loss, Millis, Stock, Topic};

/// The last trim of a topic by which a subscriber may have lost an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Trimmed {
    /// The last trimmed event; 0 if there is none.
    pub(crate) through: u64,
    /// Its publish time.
    pub(crate) time: Millis,
    /// The number of the trim.
    pub(crate) generation: u64,
}

impl Trimmed {
    /// A loss by the trim with this number.
    pub(crate) const fn of((through, time): Loss, generation: u64) -> Self {
        Self { through, time, generation }
    }

    /// Returns true if an event after `seq` was trimmed later than `generation`.
    pub(crate) const fn affects(&self, seq: u64, generation: u64) -> bool {
        self.through > seq && self.generation > generation
    }

    /// Keeps the later of both.
    pub(crate) fn raise(&mut self, other: Self) {
        self.through = self.through.max(other.through);
        self.time = self.time.max(other.time);
        self.generation = self.generation.max(other.generation);
    }
}

/// The last trims of a topic by which a subscriber may have lost an event: for everyone, and of private events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Trims {
    /// Those of the topic's own events, which are trimmed in order.
    own: [Trimmed; 2],
    /// Those of events with another canonical topic.
    others: Option<Box<[Scattered; 2]>>,
}

/// Trims that are not in the order of the log: of two the later one counts, unless the earlier one goes further.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Scattered(Vec<Trimmed>);

/// The most trims that are told apart. Of more, a subscriber may be told of a loss that it has been told of.
const SCATTERED: usize = 4;

impl Scattered {
    fn add(&mut self, trimmed: Trimmed) {
        self.0.retain(|earlier| earlier.through > trimmed.through);
        self.0.push(trimmed);
        if self.0.len() > SCATTERED {
            let first = self.0.remove(0);
            self.0[0].through = first.through;
            self.0[0].time = self.0[0].time.max(first.time);
        }
    }
}

impl Trims {
    /// Of a topic of which no more is known.
    pub(crate) const fn new(public: Trimmed, private: Trimmed) -> Self {
        Self { own: [public, private], others: None }
    }

    fn all(&self) -> impl Iterator<Item = (&Trimmed, bool)> {
        let others = self.others.iter().flat_map(|others| others.iter().zip([false, true]));
        let others = others.flat_map(|(scattered, private)| scattered.0.iter().map(move |trimmed| (trimmed, private)));
        self.own.iter().zip([false, true]).chain(others)
    }

    /// Returns true if a subscriber is affected by one of the trims; those of private events only if it sees them.
    pub(crate) fn any(&self, sees_private: bool, is_affected: impl Fn(&Trimmed) -> bool) -> bool {
        self.all().any(|(trimmed, private)| (sees_private || !private) && is_affected(trimmed))
    }

    /// The last of the topic's own events.
    pub(crate) const fn own(&self, private: bool) -> Trimmed {
        self.own[private as usize]
    }

    /// Sets the last of the topic's own events.
    pub(crate) const fn set_own(&mut self, private: bool, trimmed: Trimmed) {
        self.own[private as usize] = trimmed;
    }

    /// Adds the trim of an event with another canonical topic.
    pub(crate) fn add_other(&mut self, private: bool, trimmed: Trimmed) {
        self.others.get_or_insert_default()[usize::from(private)].add(trimmed);
    }

    /// Keeps the later of all of `other`, as of the topic's own events.
    pub(crate) fn raise(&mut self, other: &Self) {
        other.all().for_each(|(trimmed, private)| self.own[usize::from(private)].raise(*trimmed));
    }

    /// The last of the events, perhaps of private ones only.
    fn through(&self, private: Option<bool>) -> u64 {
        let these = self.all().filter(|(_, one)| private.is_none_or(|private| *one == private));
        these.map(|(trimmed, _)| trimmed.through).max().unwrap_or(0)
    }

    pub(crate) fn has(&self, generation: u64) -> bool {
        self.all().any(|(trimmed, _)| trimmed.generation == generation)
    }
}

/// A topic's events in the window, in order, by kind. Most topics have plain ones only.
#[derive(Debug, Default)]
pub(crate) struct Seqs {
    plain: VecDeque<u64>,
    rest: Option<Box<[VecDeque<u64>; 3]>>,
}

static NONE: VecDeque<u64> = VecDeque::new();

impl Seqs {
    pub(crate) fn of(&self, kind: Kind) -> &VecDeque<u64> {
        match kind.index() {
            0 => &self.plain,
            index => self.rest.as_ref().map_or(&NONE, |rest| &rest[index - 1]),
        }
    }

    pub(crate) fn of_mut(&mut self, kind: Kind) -> &mut VecDeque<u64> {
        match kind.index() {
            0 => &mut self.plain,
            index => &mut self.rest.get_or_insert_default()[index - 1],
        }
    }

    /// The lists that a subscriber sees.
    pub(crate) fn seen(&self, sees_private: bool) -> impl Iterator<Item = &VecDeque<u64>> {
        Kind::seen(sees_private).map(|kind| self.of(kind))
    }

    /// Removes an event, mostly the first one.
    pub(crate) fn remove(&mut self, kind: Kind, seq: u64) {
        let list = self.of_mut(kind);
        if list.front() == Some(&seq) {
            list.pop_front();
        } else if let Ok(index) = list.binary_search(&seq) {
            list.remove(index);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.rest.iter().flat_map(|rest| rest.iter()).all(VecDeque::is_empty)
    }
}

#[derive(Debug)]
pub(crate) struct TopicState {
    pub(crate) topic: Topic,
    pub(crate) seqs: Seqs,
    /// All retained events. With a store behind the window there may be more than those in it.
    pub(crate) retained: Stock,
    pub(crate) trimmed: Trims,
    /// The last trimmed event whose canonical topic it is.
    pub(crate) own_trimmed: u64,
    /// The event with which the topic ended, or after which it did; 0 if it goes on.
    pub(crate) ended: u64,
}

impl TopicState {
    pub(crate) fn new(topic: Topic, trimmed: Trims) -> Self {
        let own_trimmed = trimmed.through(None);
        Self { topic, seqs: Seqs::default(), retained: Stock::default(), trimmed, own_trimmed, ended: 0 }
    }

    /// Returns true if an event after `seq` that a subscriber may see may be in the store but not in the window.
    pub(crate) fn is_stored(&self, seq: u64, sees_private: bool) -> bool {
        let kinds = Kind::seen(sees_private);
        kinds
            .map(|kind| (self.retained.of(kind), self.seqs.of(kind)))
            .any(|(retained, seqs)| retained.events > seqs.len() && retained.last > seq)
    }

    /// The last event by whose trim a subscriber may have lost one.
    pub(crate) fn lost_through(&self) -> u64 {
        self.trimmed.through(None)
    }

    /// Returns true if everyone may know of the topic: it has had other events than private ones.
    pub(crate) fn is_public(&self) -> bool {
        let private = |canonical| self.retained.of(Kind { canonical, private: true }).events;
        let public = |canonical| self.retained.of(Kind { canonical, private: false }).events;
        let only_private = private(true) + private(false) > 0 && public(true) + public(false) == 0;
        let was_private =
            self.retained.is_empty() && self.trimmed.through(Some(true)) > self.trimmed.through(Some(false));
        !only_private && !was_private
    }

    /// Returns true if the event `seq`, whose canonical topic it is, was trimmed.
    pub(crate) const fn has_trimmed(&self, seq: u64) -> bool {
        self.own_trimmed >= seq
    }
}
