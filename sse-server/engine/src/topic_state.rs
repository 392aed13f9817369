//! What is known of one topic.

use std::collections::VecDeque;

use crate::{Kind, Loss, Millis, Stock, Topic};

/// The last event of a topic that a subscriber may have lost to a trim.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TopicLoss {
    /// The event; 0 if there is none.
    pub(crate) through: u64,
    /// Its publish time.
    pub(crate) time: Millis,
    /// The number of the loss among all of the log.
    pub(crate) generation: u64,
}

impl TopicLoss {
    /// The loss with this number.
    pub(crate) const fn of((through, time): Loss, generation: u64) -> Self {
        Self { through, time, generation }
    }

    /// Returns true if an event after `seq` was lost later than `generation`.
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

/// The last losses of a topic: for everyone, and of private events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Those of the topic's own events, which are trimmed in order.
    own: [TopicLoss; 2],
    /// Those of events with another canonical topic.
    others: Option<Box<[Scattered; 2]>>,
}

/// Losses that are not in the order of the log: of two the later one counts, unless the earlier one goes further.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Scattered(Vec<TopicLoss>);

/// The most losses that are told apart. Of more, a subscriber may be told of a loss that it has been told of.
const SCATTERED: usize = 4;

impl Scattered {
    fn add(&mut self, loss: TopicLoss) {
        self.0.retain(|earlier| earlier.through > loss.through);
        self.0.push(loss);
        if self.0.len() > SCATTERED {
            let first = self.0.remove(0);
            self.0[0].through = first.through;
            self.0[0].time = self.0[0].time.max(first.time);
        }
    }
}

impl Losses {
    /// Of a topic of which no more is known.
    pub(crate) const fn new(public: TopicLoss, private: TopicLoss) -> Self {
        Self { own: [public, private], others: None }
    }

    fn all(&self) -> impl Iterator<Item = (&TopicLoss, bool)> {
        let others = self.others.iter().flat_map(|others| others.iter().zip([false, true]));
        let others = others.flat_map(|(scattered, private)| scattered.0.iter().map(move |loss| (loss, private)));
        self.own.iter().zip([false, true]).chain(others)
    }

    /// Returns true if a subscriber is affected by one of the losses; those of private events only if it sees them.
    pub(crate) fn any(&self, sees_private: bool, is_affected: impl Fn(&TopicLoss) -> bool) -> bool {
        self.all().any(|(loss, private)| (sees_private || !private) && is_affected(loss))
    }

    /// The last of the topic's own events.
    pub(crate) const fn own(&self, private: bool) -> TopicLoss {
        self.own[private as usize]
    }

    /// Sets the last of the topic's own events.
    pub(crate) const fn set_own(&mut self, private: bool, loss: TopicLoss) {
        self.own[private as usize] = loss;
    }

    /// Adds the loss of an event with another canonical topic.
    pub(crate) fn add_other(&mut self, private: bool, loss: TopicLoss) {
        self.others.get_or_insert_default()[usize::from(private)].add(loss);
    }

    /// Keeps the later of all of `other`, as of the topic's own events.
    pub(crate) fn raise(&mut self, other: &Self) {
        other.all().for_each(|(loss, private)| self.own[usize::from(private)].raise(*loss));
    }

    /// The last of the events, perhaps of private ones only.
    fn through(&self, private: Option<bool>) -> u64 {
        let these = self.all().filter(|(_, one)| private.is_none_or(|private| *one == private));
        these.map(|(loss, _)| loss.through).max().unwrap_or(0)
    }

    pub(crate) fn has(&self, generation: u64) -> bool {
        self.all().any(|(loss, _)| loss.generation == generation)
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
    pub(crate) losses: Losses,
    /// The last trimmed event whose canonical topic it is.
    pub(crate) own_trimmed: u64,
    /// The event with which the topic ended, or after which it did; 0 if it goes on.
    pub(crate) ended: u64,
}

impl TopicState {
    pub(crate) fn new(topic: Topic, losses: Losses) -> Self {
        let own_trimmed = losses.through(None);
        Self { topic, seqs: Seqs::default(), retained: Stock::default(), losses, own_trimmed, ended: 0 }
    }

    /// Returns true if an event after `seq` that a subscriber may see may be in the store but not in the window.
    pub(crate) fn is_stored(&self, seq: u64, sees_private: bool) -> bool {
        let kinds = Kind::seen(sees_private);
        kinds
            .map(|kind| (self.retained.of(kind), self.seqs.of(kind)))
            .any(|(retained, seqs)| retained.events > seqs.len() && retained.last > seq)
    }

    /// The last event that a subscriber may have lost.
    pub(crate) fn lost_through(&self) -> u64 {
        self.losses.through(None)
    }

    /// Returns true if everyone may know of the topic: it has had other events than private ones.
    pub(crate) fn is_public(&self) -> bool {
        let private = |canonical| self.retained.of(Kind { canonical, private: true }).events;
        let public = |canonical| self.retained.of(Kind { canonical, private: false }).events;
        let only_private = private(true) + private(false) > 0 && public(true) + public(false) == 0;
        let was_private =
            self.retained.is_empty() && self.losses.through(Some(true)) > self.losses.through(Some(false));
        !only_private && !was_private
    }

    /// Returns true if the event `seq`, whose canonical topic it is, was trimmed.
    pub(crate) const fn has_trimmed(&self, seq: u64) -> bool {
        self.own_trimmed >= seq
    }
}
