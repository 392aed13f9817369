//! What is known of the order of the log.

use std::collections::{HashMap, HashSet};

use super::facts::{Facts, LogTime};
use crate::ledger::{findings::Finding, ids::Ids};

/// The known order of events: by ids that compare, or because one was in the log before the publish of the other began.
#[derive(Debug)]
pub(super) struct Order {
    /// The start and the ends of each event.
    spans: Vec<(LogTime, Vec<LogTime>)>,
    ranks: Vec<Option<Rank>>,
}

/// The rank of an event among those whose ids compare with its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rank {
    pub(super) group: usize,
    pub(super) index: usize,
}

impl Order {
    pub(super) fn of(facts: &Facts<'_>, ids: Ids) -> Self {
        let mut keys: Vec<_> =
            (0..).zip(&facts.events).filter_map(|(event, known)| Some((key(known.id, ids)?, event))).collect();
        keys.sort_unstable();
        let mut ranks = vec![None; facts.events.len()];
        let mut group = 0;
        for (index, pair) in keys.iter().enumerate() {
            if index > 0 && keys[index - 1].0.group != pair.0.group {
                group += 1;
            }
            ranks[pair.1] = Some(Rank { group, index });
        }
        let spans = facts.events.iter().map(|event| (event.start, event.ends.clone())).collect();
        Self { spans, ranks }
    }

    pub(super) fn rank(&self, event: usize) -> Option<Rank> {
        self.ranks[event]
    }

    pub(super) fn start(&self, event: usize) -> LogTime {
        self.spans[event].0
    }

    pub(super) fn ends(&self, event: usize) -> &[LogTime] {
        &self.spans[event].1
    }

    pub(super) fn surely_before(&self, one: usize, other: usize) -> bool {
        if let (Some(one), Some(other)) = (self.rank(one), self.rank(other))
            && one.group == other.group
        {
            return one.index < other.index;
        }
        self.was_there(one, other)
    }

    /// Returns true if `one` was in the log when `other` was begun, whatever their ids say.
    fn was_there(&self, one: usize, other: usize) -> bool {
        self.ends(one).iter().any(|end| end.is_before(self.start(other)))
    }

    /// Returns true if `event` was in the log at `time`. If the times don't compare, it is enough that it was ever in
    /// the log.
    pub(super) fn ended_before(&self, event: usize, time: LogTime) -> bool {
        self.ends(event).iter().any(|end| end.source != time.source || end.at < time.at)
    }

    /// Returns true if `event` was begun after `time`.
    pub(super) fn began_before(&self, time: Option<LogTime>, event: usize) -> bool {
        time.is_some_and(|time| time.is_before(self.start(event)))
    }

    /// Finds events with a lower id than one that was in the log before them.
    pub(super) fn lower_ids(&self, facts: &Facts<'_>) -> Vec<Finding> {
        let mut ranked: Vec<(usize, usize, usize)> = (0..)
            .zip(&self.ranks)
            .filter_map(|(event, rank)| rank.map(|rank| (rank.group, rank.index, event)))
            .collect();
        ranked.sort_unstable();
        let mut all = Vec::new();
        // of the events with lower ids: the one that began last for each source
        let mut latest: HashMap<(usize, usize), usize> = HashMap::new();
        for (group, _, event) in ranked {
            let lower = self.ends(event).iter().filter_map(|end| latest.get(&(group, end.source)).copied());
            if let Some(lower) = lower.into_iter().find(|lower| self.was_there(event, *lower)) {
                let (one, after) = (&facts.events[lower], &facts.events[event]);
                all.push(Finding::LowerId {
                    data: one.data.into(),
                    id: one.id.into(),
                    after: after.data.into(),
                    after_id: after.id.into(),
                });
            }
            let last = latest.entry((group, self.start(event).source)).or_insert(event);
            if self.start(*last) < self.start(event) {
                *last = event;
            }
        }
        all
    }

    /// An index of what one reader saw, to place the events that it did not see.
    pub(super) fn sightings(&self, first: &HashMap<usize, usize>) -> Sightings {
        let (mut ends, mut starts) = (Keyed::new(), Keyed::new());
        let mut ranks = Keyed::new();
        for (event, at) in first {
            for end in self.ends(*event) {
                ends.entry(end.source).or_default().push((end.at, *at, *event));
            }
            let start = self.start(*event);
            starts.entry(start.source).or_default().push((start.at, *at, *event));
            if let Some(rank) = self.rank(*event) {
                ranks.entry(rank.group).or_default().push((rank.index, *at, *event));
            }
        }
        Sightings {
            ends: each(ends, running_last),
            starts: each(starts, running_first),
            below: each(ranks.clone(), running_last),
            above: each(ranks, running_first),
        }
    }
}

/// For each group or source: keys, each with a position and an event.
type Keyed = HashMap<usize, Vec<(usize, usize, usize)>>;

fn each(keyed: Keyed, steps: fn(Vec<(usize, usize, usize)>) -> Extremes) -> HashMap<usize, Extremes> {
    let sorted = |mut of: Vec<_>| {
        of.sort_unstable();
        of
    };
    keyed.into_iter().map(|(key, of)| (key, steps(sorted(of)))).collect()
}

/// Keys in ascending order. Each has the last position of a key that is not higher, or the first of one that is not
/// lower, and the event there.
type Extremes = Vec<(usize, (usize, usize))>;

#[derive(Debug)]
pub(super) struct Sightings {
    ends: HashMap<usize, Extremes>,
    starts: HashMap<usize, Extremes>,
    below: HashMap<usize, Extremes>,
    above: HashMap<usize, Extremes>,
}

impl Sightings {
    /// The position and event of the last sighting that is certainly before `event`.
    pub(super) fn last_before(&self, event: usize, order: &Order) -> Option<(usize, usize)> {
        let lower = |steps: &Extremes, key: usize| {
            let count = steps.partition_point(|step| step.0 < key);
            count.checked_sub(1).map(|at| steps[at].1)
        };
        let by_id = order.rank(event).and_then(|rank| lower(self.below.get(&rank.group)?, rank.index));
        let start = order.start(event);
        let by_time = self.ends.get(&start.source).and_then(|ends| lower(ends, start.at));
        // an event whose id says otherwise is not before it, whatever the times say
        by_id.max(by_time.filter(|(_, other)| order.surely_before(*other, event)))
    }

    /// The position and event of the first sighting that is certainly after `event`.
    pub(super) fn first_after(&self, event: usize, order: &Order) -> Option<(usize, usize)> {
        let higher =
            |steps: &Extremes, key: usize| steps.get(steps.partition_point(|step| step.0 <= key)).map(|step| step.1);
        let by_id = order.rank(event).and_then(|rank| higher(self.above.get(&rank.group)?, rank.index));
        let by_time = order.ends(event).iter().filter_map(|end| higher(self.starts.get(&end.source)?, end.at));
        let by_time = by_time.filter(|(_, other)| order.surely_before(event, *other)).min();
        match (by_id, by_time) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }
}

fn running_last(sorted: Vec<(usize, usize, usize)>) -> Extremes {
    let mut last = (0, 0);
    sorted
        .into_iter()
        .map(|(key, at, event)| {
            last = last.max((at, event));
            (key, last)
        })
        .collect()
}

fn running_first(sorted: Vec<(usize, usize, usize)>) -> Extremes {
    let mut first = (usize::MAX, 0);
    let mut steps: Extremes = sorted
        .into_iter()
        .rev()
        .map(|(key, at, event)| {
            first = first.min((at, event));
            (key, first)
        })
        .collect();
    steps.reverse();
    steps
}

/// The sort key of an id that can be compared within its group.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    /// The part before the last `-`, and the length of the whole id.
    group: (&'a str, usize),
    number: u128,
    text: &'a str,
}

fn key(id: &str, ids: Ids) -> Option<Key<'_>> {
    match ids {
        Ids::Numeric => Some(Key { number: id.parse().ok()?, ..Key::default() }),
        Ids::Bytewise if id.is_empty() => None,
        Ids::Bytewise => {
            let (epoch, text) = id.rsplit_once('-').unwrap_or(("", id));
            Some(Key { group: (epoch, id.len()), text, ..Key::default() })
        }
        Ids::Opaque | Ids::Shared => None,
    }
}

/// Finds a cycle in the order in which readers saw events.
pub(super) fn disagreement(facts: &Facts<'_>) -> Option<Finding> {
    let mut edges: HashSet<(usize, usize)> = HashSet::new();
    for seen in facts.readers.values() {
        let mut known = HashSet::new();
        let events: Vec<_> = seen.events().map(|(_, event)| event).filter(|event| known.insert(*event)).collect();
        edges.extend(events.windows(2).map(|pair| (pair[0], pair[1])));
    }
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); facts.events.len()];
    let mut waits = vec![0_usize; facts.events.len()];
    for (one, other) in &edges {
        after[*one].push(*other);
        waits[*other] += 1;
    }
    // an event that waits for nothing can come next; what is left is in a cycle or waits for one
    let mut free: Vec<usize> = (0..waits.len()).filter(|event| waits[*event] == 0).collect();
    while let Some(event) = free.pop() {
        for next in &after[event] {
            waits[*next] -= 1;
            if waits[*next] == 0 {
                free.push(*next);
            }
        }
    }
    let before: HashMap<usize, usize> = edges
        .into_iter()
        .filter(|(one, other)| waits[*one] > 0 && waits[*other] > 0)
        .map(|(one, other)| (other, one))
        .collect();
    let mut walk = vec![(0..waits.len()).find(|event| waits[*event] > 0)?];
    let circle = loop {
        let previous = before[walk.last()?];
        if let Some(begin) = walk.iter().position(|event| *event == previous) {
            break walk.split_off(begin);
        }
        walk.push(previous);
    };
    let events = circle.into_iter().rev().map(|event| facts.events[event].data.to_owned()).collect();
    Some(Finding::Disagreement { events })
}
