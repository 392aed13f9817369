//! The IDs of the events that a tab has had.

use std::{cmp::Ordering, collections::VecDeque};

use sse_core::{EventId, hub::Position};

/// How many IDs that do not compare are remembered: twice what a [`ReplayBuffer`](super::replay_buffer::ReplayBuffer)
/// holds, so that what a leader replays is recognized. Those of one epoch count as one.
const IDS: usize = 1024;

/// Where an ID lies, relative to the last one that a tab has had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// It has been had, and others since.
    Behind,
    /// It is the last one.
    Last,
    /// It is yet to come.
    Beyond,
    /// It is of another epoch than any seen ID, or does not compare and is not remembered.
    Unknown,
}

/// The IDs that a tab has had, the last one last.
///
/// IDs of a hub compare within an epoch, so the last of each epoch stands for all before it. Other IDs are remembered
/// one by one, and recognized if they are among the last 1,024.
#[derive(Debug)]
pub(super) struct SeenIds {
    /// At most `IDS`, none of them empty. Of neighbours that compare only the later is here.
    ids: VecDeque<EventId>,
}

impl SeenIds {
    /// A seen that begins after this ID. The empty one stands for no ID at all.
    pub(super) fn new(start: EventId) -> Self {
        let mut seen = Self { ids: VecDeque::new() };
        seen.push(start);
        seen
    }

    /// The last ID; empty if there was none.
    pub(super) fn last(&self) -> EventId {
        self.ids.back().cloned().unwrap_or_default()
    }

    /// The IDs up to `id`, which is included; none if it is not here.
    pub(super) fn through(&self, id: &EventId) -> Vec<EventId> {
        let count = self.find(id).map_or(0, |at| at + 1);
        self.ids.iter().take(count).cloned().collect()
    }

    /// Adds IDs that lie before those that are here.
    pub(super) fn recall(&mut self, before: Vec<EventId>) {
        let own = std::mem::take(&mut self.ids);
        for id in before {
            if !own.contains(&id) {
                self.push(id);
            }
        }
        for id in own {
            self.push(id);
        }
    }

    /// Adds the ID of an event that the program gets.
    pub(super) fn push(&mut self, id: EventId) {
        if id.text().is_empty() {
            return; // the event has none, and the position is as before
        }
        if self.ids.back().is_some_and(|last| order(&id, last).is_some_and(Ordering::is_ge)) {
            self.ids.pop_back();
        }
        if self.ids.len() == IDS {
            self.ids.pop_front();
        }
        self.ids.push_back(id);
    }

    /// Where `id` lies. If it is empty, and so is this, nothing tells them apart: it is the last.
    pub(super) fn relation(&self, id: &EventId) -> Relation {
        let Some(last) = self.ids.back() else {
            return if id.text().is_empty() { Relation::Last } else { Relation::Unknown };
        };
        match order(id, last) {
            Some(Ordering::Less) => Relation::Behind,
            Some(Ordering::Equal) => Relation::Last,
            Some(Ordering::Greater) => Relation::Beyond,
            None if self.find(id).is_some() => Relation::Behind,
            None => Relation::Unknown,
        }
    }

    /// Returns true if `one` is known to lie before `other`. An ID that is not here lies nowhere.
    pub(super) fn is_before(&self, one: &EventId, other: &EventId) -> bool {
        match order(one, other) {
            Some(order) => order.is_lt(),
            None => matches!((self.find(one), self.find(other)), (Some(one), Some(other)) if one < other),
        }
    }

    /// The entry that stands for this ID.
    fn find(&self, id: &EventId) -> Option<usize> {
        self.ids.iter().rposition(|had| order(id, had).is_some())
    }
}

/// How two IDs compare: any two that are equal, and positions of a hub within one epoch.
pub(super) fn order(one: &EventId, other: &EventId) -> Option<Ordering> {
    let (one, other) = (one.as_str(), other.as_str());
    if one == other {
        return Some(Ordering::Equal);
    }
    Position::parse(one)?.partial_cmp(&Position::parse(other)?)
}

/// The ID of a hub that `short` abbreviates, as `b-12` does `bbbbbbbbbbbb-00000000012`; any other as it is.
#[cfg(test)]
pub(super) fn long(short: &str) -> EventId {
    let id = match short.split_once('-') {
        Some((epoch, number)) if epoch.len() == 1 => format!("{}-{number:0>11}", epoch.repeat(12)),
        _ => short.to_owned(),
    };
    EventId::new(id).unwrap()
}

/// The inverse of [`long`].
#[cfg(test)]
pub(super) fn short(id: &EventId) -> String {
    let id = id.as_str();
    match id.split_once('-') {
        Some((epoch, number)) if Position::parse(id).is_some() => {
            [&epoch[..1], "-", number.trim_start_matches('0')].concat()
        }
        _ => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{long as id, *};

    fn seen(ids: &[&str]) -> SeenIds {
        let mut seen = SeenIds::new(EventId::default());
        for text in ids {
            seen.push(id(text));
        }
        seen
    }

    #[test]
    fn ids_of_one_epoch_compare_and_no_others() {
        use Ordering::{Equal, Greater, Less};

        for (one, other, expected) in [
            ("a-1", "a-2", Some(Less)),
            ("a-0v", "a-0a", Some(Greater)),
            ("a-9", "a-10", Some(Less)),
            ("a-1", "a-1", Some(Equal)),
            ("a-1", "b-2", None),
            ("41", "42", None),
            ("41", "41", Some(Equal)),
            ("", "a-1", None),
            ("", "", Some(Equal)),
            // Others', that only look like a hub's.
            ("evt-9k2f", "evt-1aab", None),
            ("0123456789ab-0000000001", "0123456789ab-0000000002", None),
            ("0123456789ab-0000000000A", "0123456789ab-0000000000B", None),
            ("0123456789ab-0000000000w", "0123456789ab-0000000000x", None),
            ("0123456789ab-00000-00001", "0123456789ab-00000-00002", None),
        ] {
            assert_eq!(order(&id(one), &id(other)), expected, "{one} {other}");
        }
    }

    #[test]
    fn places_of_a_hubs_ids() {
        let seen = seen(&["a-3", "a-5", "b-1", "b-4"]);
        for (text, place) in [
            ("b-4", Relation::Last),
            ("b-3", Relation::Behind),
            ("b-5", Relation::Beyond),
            ("a-4", Relation::Behind),
            ("a-9", Relation::Behind), // that epoch is over
            ("c-1", Relation::Unknown),
            ("", Relation::Unknown),
        ] {
            assert_eq!(seen.relation(&id(text)), place, "{text}");
        }
        assert_eq!(seen.ids.len(), 2);
    }

    #[test]
    fn places_of_ids_that_do_not_compare() {
        let seen = seen(&["x", "y", "", "z"]);
        for (text, place) in [
            ("z", Relation::Last),
            ("y", Relation::Behind),
            ("x", Relation::Behind),
            ("w", Relation::Unknown),
            ("", Relation::Unknown),
        ] {
            assert_eq!(seen.relation(&id(text)), place, "{text}");
        }
        assert!(seen.is_before(&id("x"), &id("z")));
        assert!(!seen.is_before(&id("z"), &id("x")));
        assert!(!seen.is_before(&id("w"), &id("z")));
    }

    #[test]
    fn without_ids_nothing_is_beyond() {
        assert_eq!(seen(&[]).relation(&id("")), Relation::Last);
        assert_eq!(seen(&[]).relation(&id("a-1")), Relation::Unknown);
        assert_eq!(seen(&[]).last(), EventId::default());
    }

    #[test]
    fn what_lies_before_can_be_learned() {
        let mut late = seen(&["z"]);
        late.recall(seen(&["x", "y", "z", "later"]).through(&id("z")));
        assert_eq!(late.ids, ["x", "y", "z"].map(id));
        late.recall(vec![]);
        assert_eq!((late.relation(&id("x")), late.relation(&id("later"))), (Relation::Behind, Relation::Unknown));

        let mut hubs = seen(&["b-3"]);
        hubs.recall(vec![id("a-9"), id("b-2")]);
        assert_eq!(hubs.ids, ["a-9", "b-3"].map(id));
        assert_eq!(seen(&["x"]).through(&id("y")), []);
    }

    #[test]
    fn it_is_bounded() {
        let mut seen = SeenIds::new(EventId::default());
        for number in 0..3 * IDS {
            seen.push(id(&format!("#{number}")));
        }
        assert_eq!(seen.ids.len(), IDS);
        assert_eq!(seen.relation(&id(&format!("#{}", 2 * IDS))), Relation::Behind);
        assert_eq!(seen.relation(&id(&format!("#{}", 2 * IDS - 1))), Relation::Unknown);
    }
}
