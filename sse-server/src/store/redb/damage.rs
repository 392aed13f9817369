//! Places of the log that can't be read, which readers step over.

use std::collections::BTreeMap;

use crate::base::{lock::Slot, seldom::Seldom};

/// The most places remembered. Others are found again by each reader that comes by.
const PLACES: usize = 1000;

/// The places found so far: the readers that come by later need not find out again, and are told without another look at
/// the damaged page.
#[derive(Debug)]
pub(crate) struct Damage {
    /// The first and the last sequence number of each.
    places: Slot<BTreeMap<u64, u64>>,
    /// For warnings, where those who ask are not told anyway.
    warning: Option<Seldom>,
}

impl Default for Damage {
    fn default() -> Self {
        Self { places: Slot::default(), warning: Some(Seldom::a_minute()) }
    }
}

impl Damage {
    /// Without warnings.
    pub(super) fn silent() -> Self {
        Self { places: Slot::default(), warning: None }
    }

    /// The number of places.
    pub(super) fn count(&self) -> usize {
        self.places.with(|places| places.len())
    }

    /// The first place that ends after `seq`.
    pub(super) fn after(&self, seq: u64) -> Option<(u64, u64)> {
        self.places.with(|places| {
            let before = places.range(..=seq).next_back().filter(|(_, last)| **last > seq);
            before.or_else(|| places.range(seq + 1..).next()).map(|(first, last)| (*first, *last))
        })
    }

    /// Notes that what lies from `first` through `last` can't be read.
    pub(super) fn note(&self, first: u64, last: u64, why: &dyn std::fmt::Display) {
        let places = self.places.with(|places| {
            let known = places.get(&first).copied();
            if known.is_some_and(|known| known >= last) || (known.is_none() && places.len() >= PLACES) {
                return None;
            }
            places.insert(first, last);
            Some(places.len())
        });
        if let Some(places) = places
            && self.warning.as_ref().is_some_and(|warning| warning.due().is_some())
        {
            tracing::warn!(%why, first, last, places, "a part of the log is damaged; readers are told that it is lost");
        }
    }

    /// Forgets the places through `seq`, which have been trimmed.
    pub(super) fn forget(&self, seq: u64) {
        self.places.with(|places| {
            places.retain(|_, last| *last > seq);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_by_what_comes_after_a_number() {
        let damage = Damage::default();
        damage.note(10, 19, &"x");
        damage.note(30, 30, &"x");
        for (seq, place) in [(0, Some((10, 19))), (9, Some((10, 19))), (18, Some((10, 19))), (19, Some((30, 30)))] {
            assert_eq!(damage.after(seq), place, "{seq}");
        }
        assert_eq!(damage.after(30), None);
        damage.forget(19);
        assert_eq!((damage.count(), damage.after(0)), (1, Some((30, 30))));
    }

    #[test]
    fn places_are_bounded() {
        let damage = Damage::default();
        (1..=2 * PLACES as u64).for_each(|seq| damage.note(2 * seq, 2 * seq, &"x"));
        assert_eq!(damage.count(), PLACES);
    }
}
