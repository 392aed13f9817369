//! Topics in order of their size, to say whose events go: of too many topics one of the smallest, so that new topics push out
//! each other and no history; of too many events those of one of the largest, so that a loud topic pushes out its own.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
};

/// Topics with events by their size. Sizes are told apart by powers of two, so that most events change nothing here; among
/// topics of one size, the one that has been of that size for longest comes first.
#[derive(Debug)]
pub struct BySize<T> {
    /// The power of two, when it was reached, the topic.
    order: BTreeSet<(u32, u64, T)>,
    places: HashMap<T, (u32, u64)>,
    turn: u64,
}

impl<T> Default for BySize<T> {
    fn default() -> Self {
        Self { order: BTreeSet::new(), places: HashMap::new(), turn: 0 }
    }
}

impl<T: Copy + Eq + Hash + Ord> BySize<T> {
    /// Notes that `topic` has the size `size` now: of events or bytes, 0 for none.
    pub fn note(&mut self, topic: T, size: usize) {
        let size = usize::BITS - size.leading_zeros();
        let known = self.places.get(&topic).copied();
        if known.map_or(0, |(size, _)| size) == size {
            return;
        }
        if let Some((size, turn)) = known {
            self.order.remove(&(size, turn, topic));
        }
        if size == 0 {
            self.places.remove(&topic);
            return;
        }
        self.turn += 1;
        self.order.insert((size, self.turn, topic));
        self.places.insert(topic, (size, self.turn));
    }

    /// Notes that `topic`, which had the size `before`, has the size `after` now. Most changes are none here.
    pub fn change(&mut self, topic: T, before: usize, after: usize) {
        if before.leading_zeros() != after.leading_zeros() {
            self.note(topic, after);
        }
    }

    /// One of the largest topics.
    pub fn largest(&self) -> Option<T> {
        self.order.iter().next_back().map(|(_, _, topic)| *topic)
    }

    /// One of the smallest topics, other than `kept`.
    pub fn first_but(&self, kept: Option<T>) -> Option<T> {
        self.order.iter().map(|(_, _, topic)| *topic).find(|topic| Some(*topic) != kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_goes_first_and_of_these_the_oldest() {
        let mut topics = BySize::default();
        for (topic, events) in [('a', 1), ('b', 1000), ('c', 1), ('d', 3), ('b', 1001), ('c', 2), ('e', 1)] {
            topics.note(topic, events);
        }
        let mut order = Vec::new();
        while let Some(topic) = topics.first_but(None) {
            order.push(topic);
            topics.note(topic, 0);
        }
        assert_eq!(order, ['a', 'e', 'd', 'c', 'b']);
        topics.note('a', 1);
        assert_eq!((topics.first_but(None), topics.first_but(Some('a'))), (Some('a'), None));
    }
}
