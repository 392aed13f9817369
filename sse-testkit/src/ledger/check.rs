//! The checks, as a function of the records.
//!
//! A position counts what one reader saw; a time is the index of a record in the ledger.

mod facts;
mod order;

use std::collections::HashMap;

use super::{
    entry::Entry,
    findings::{Finding, Findings},
    ids::Ids,
};
use facts::{Facts, ReaderFacts, Sighting};
use order::Order;

/// The number of drawn things that a failure shows.
const DRAWN: usize = 20;

pub(super) fn check(records: &[Entry], ids: Ids) -> Findings {
    let mut all = Vec::new();
    let facts = Facts::of(records, ids, &mut all);
    let order = Order::of(&facts, ids);
    all.extend(order.lower_ids(&facts));
    for (name, seen) in &facts.readers {
        let first = first_positions(seen);
        membership(name, seen, &first, &facts, &mut all);
        out_of_order(name, seen, &first, &facts, &order, &mut all);
        lost(name, seen, &first, &facts, &order, &mut all);
    }
    if !all.iter().any(|finding| matches!(finding, Finding::OutOfOrder { .. })) {
        all.extend(order::disagreement(&facts));
    }
    let mut drawn: Vec<String> = Vec::new();
    for record in records {
        if let Entry::Drawn { what } = record
            && !drawn.contains(what)
            && drawn.len() < DRAWN
        {
            drawn.push(what.clone());
        }
    }
    Findings { all, drawn, events: facts.events.len(), readers: facts.readers.len() }
}

/// The position at which the reader first saw each event.
fn first_positions(seen: &ReaderFacts<'_>) -> HashMap<usize, usize> {
    let mut first = HashMap::new();
    for (position, event) in seen.events() {
        first.entry(event).or_insert(position);
    }
    first
}

/// Finds what the reader should not have seen, and what it saw more than once.
fn membership(
    name: &str,
    seen: &ReaderFacts<'_>,
    first: &HashMap<usize, usize>,
    facts: &Facts<'_>,
    all: &mut Vec<Finding>,
) {
    let mut times: HashMap<usize, usize> = HashMap::new();
    for (position, event) in seen.events() {
        *times.entry(event).or_default() += 1;
        if first[&event] != position {
            continue;
        }
        let known = &facts.events[event];
        let (reader, data) = (name.to_owned(), known.data.to_owned());
        if known.is_refused() {
            all.push(Finding::Refused { reader, data });
        } else if !seen.wants(known.topic) {
            all.push(Finding::Unwanted { reader, data, topic: known.topic.into() });
        }
    }
    let mut doubled: Vec<_> = times.into_iter().filter(|(_, times)| *times > 1).collect();
    doubled.sort_unstable_by_key(|(event, _)| first[event]);
    all.extend(doubled.into_iter().map(|(event, times)| Finding::Doubled {
        reader: name.into(),
        data: facts.events[event].data.into(),
        times,
    }));
    all.extend(seen.forged.iter().map(|(event, data)| Finding::Forged {
        reader: name.into(),
        name: (*event).into(),
        data: (*data).into(),
    }));
}

/// Finds events that the reader saw after one that certainly follows them.
fn out_of_order(
    reader: &str,
    seen: &ReaderFacts<'_>,
    first: &HashMap<usize, usize>,
    facts: &Facts<'_>,
    order: &Order,
    all: &mut Vec<Finding>,
) {
    // of the events seen so far: the one that began last for each source, and the one with the highest rank for each
    // group
    let mut latest: HashMap<usize, usize> = HashMap::new();
    let mut highest: HashMap<usize, usize> = HashMap::new();
    for (position, event) in seen.events() {
        if first[&event] != position {
            continue; // doubled, which has a finding of its own
        }
        let rank = order.rank(event);
        let above = rank.and_then(|rank| highest.get(&rank.group).copied());
        let later = order.ends(event).iter().filter_map(|end| latest.get(&end.source).copied());
        let after = later.chain(above).find(|before| order.surely_before(event, *before));
        if let Some(after) = after {
            let text = |event: usize| facts.events[event].data.to_owned();
            all.push(Finding::OutOfOrder { reader: reader.into(), data: text(event), after: text(after) });
        }
        let last = latest.entry(order.start(event).source).or_insert(event);
        if order.start(*last) < order.start(event) {
            *last = event;
        }
        if let Some(rank) = rank {
            let high = highest.entry(rank.group).or_insert(event);
            if order.rank(*high).is_some_and(|high| high.index < rank.index) {
                *high = event;
            }
        }
    }
}

/// Finds acknowledged events that the reader wants and certainly should have seen, but did not, unless a gap was
/// announced there.
fn lost(
    reader: &str,
    seen: &ReaderFacts<'_>,
    first: &HashMap<usize, usize>,
    facts: &Facts<'_>,
    order: &Order,
    all: &mut Vec<Finding>,
) {
    let sightings = order.sightings(first);
    let gaps: Vec<usize> =
        (0..).zip(&seen.items).filter(|(_, item)| **item == Sighting::Gap).map(|(at, _)| at).collect();
    let end = seen.items.len();
    let excused =
        |from: usize, to: usize| gaps.get(gaps.partition_point(|gap| *gap < from)).is_some_and(|gap| *gap < to);
    let unseen = (0..facts.events.len()).filter(|event| !first.contains_key(event));
    for event in unseen {
        let known = &facts.events[event];
        if !known.acknowledged || !seen.wants(known.topic) {
            continue;
        }
        let after = sightings.last_before(event, order);
        let before = sightings.first_after(event, order);
        let begun = seen.from_start || order.began_before(seen.since, event);
        let over = seen.complete.is_some_and(|complete| order.ended_before(event, complete));
        if (after.is_none() && !begun) || (before.is_none() && !over) {
            continue; // it may lie before the first or after the last that was seen
        }
        let (from, to) = (after.map_or(0, |(position, _)| position), before.map_or(end, |(position, _)| position));
        if excused(from.min(to), from.max(to)) {
            continue;
        }
        let text = |(_, event): (usize, usize)| facts.events[event].data.to_owned();
        all.push(Finding::Lost {
            reader: reader.into(),
            data: known.data.into(),
            topic: known.topic.into(),
            after: after.map(text),
            before: before.map(text),
        });
    }
}
