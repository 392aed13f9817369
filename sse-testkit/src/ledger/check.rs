//! The checks: a function of the records.
//!
//! Positions are in what a reader saw; times are places in the ledger.

mod book;
mod order;

use std::collections::{HashMap, HashSet};

use super::{Entry, Finding, Findings, Ids};
use book::{Book, Item, Seen};
use order::Order;

/// `timed` says that the places of records tell what was before what.
pub(super) fn check(records: &[Entry], ids: Ids, timed: bool) -> Findings {
    let mut all = Vec::new();
    let book = Book::of(records, ids, &mut all);
    let order = Order::of(&book, ids, timed);
    for (name, seen) in &book.readers {
        let first = first_positions(seen);
        membership(name, seen, &first, &book, &mut all);
        out_of_order(name, seen, &first, &book, &order, &mut all);
        lost(name, seen, &first, &book, &order, &mut all);
    }
    if !all.iter().any(|finding| matches!(finding, Finding::OutOfOrder { .. })) {
        all.extend(order::disagreement(&book));
    }
    Findings { all, events: book.events.len(), readers: book.readers.len() }
}

/// Where a reader saw an event first.
fn first_positions(seen: &Seen<'_>) -> HashMap<usize, usize> {
    let mut first = HashMap::new();
    for (position, event) in seen.events() {
        first.entry(event).or_insert(position);
    }
    first
}

/// What it saw is what it should have seen, once.
fn membership(name: &str, seen: &Seen<'_>, first: &HashMap<usize, usize>, book: &Book<'_>, all: &mut Vec<Finding>) {
    let mut times: HashMap<usize, usize> = HashMap::new();
    for (position, event) in seen.events() {
        *times.entry(event).or_default() += 1;
        if first[&event] != position {
            continue;
        }
        let known = &book.events[event];
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
        data: book.events[event].data.into(),
        times,
    }));
    all.extend(seen.forged.iter().map(|(event, data)| Finding::Forged {
        reader: name.into(),
        name: (*event).into(),
        data: (*data).into(),
    }));
}

/// Each event comes after all that are surely before it.
fn out_of_order(
    reader: &str,
    seen: &Seen<'_>,
    first: &HashMap<usize, usize>,
    book: &Book<'_>,
    order: &Order,
    all: &mut Vec<Finding>,
) {
    // of what was seen so far: the event that began last, and that of each group with the highest rank
    let mut latest: Option<usize> = None;
    let mut highest: HashMap<usize, usize> = HashMap::new();
    for (position, event) in seen.events() {
        if first[&event] != position {
            continue; // doubled, which is told
        }
        let rank = order.rank(event);
        let above = rank.and_then(|rank| highest.get(&rank.group).copied());
        let after = [latest, above].into_iter().flatten().find(|before| order.surely_before(event, *before));
        if let Some(after) = after {
            let text = |event: usize| book.events[event].data.to_owned();
            all.push(Finding::OutOfOrder { reader: reader.into(), data: text(event), after: text(after) });
        }
        if latest.is_none_or(|latest| order.start(latest) < order.start(event)) {
            latest = Some(event);
        }
        if let Some(rank) = rank {
            let high = highest.entry(rank.group).or_insert(event);
            if order.rank(*high).is_some_and(|high| high.place < rank.place) {
                *high = event;
            }
        }
    }
}

/// What was acknowledged, is wanted and lies between two things that were seen was seen too, or a gap was announced.
fn lost(
    reader: &str,
    seen: &Seen<'_>,
    first: &HashMap<usize, usize>,
    book: &Book<'_>,
    order: &Order,
    all: &mut Vec<Finding>,
) {
    let places = order.places(first);
    let gaps: Vec<usize> = (0..).zip(&seen.items).filter(|(_, item)| **item == Item::Gap).map(|(at, _)| at).collect();
    let end = seen.items.len();
    let excused =
        |from: usize, to: usize| gaps.get(gaps.partition_point(|gap| *gap < from)).is_some_and(|gap| *gap < to);
    let unseen = (0..book.events.len()).filter(|event| !first.contains_key(event));
    for event in unseen {
        let known = &book.events[event];
        if !known.acknowledged || !seen.wants(known.topic) {
            continue;
        }
        let after = places.last_before(event, order);
        let before = places.first_after(event, order);
        let begun = seen.from_start || order.began_before(seen.since, event);
        let over = seen.complete.is_some_and(|complete| order.ended_before(event, complete));
        if (after.is_none() && !begun) || (before.is_none() && !over) {
            continue; // it may have come before the first or after the last
        }
        let (from, to) = (after.map_or(0, |(position, _)| position), before.map_or(end, |(position, _)| position));
        if excused(from.min(to), from.max(to)) {
            continue;
        }
        let text = |(_, event): (usize, usize)| book.events[event].data.to_owned();
        all.push(Finding::Lost {
            reader: reader.into(),
            data: known.data.into(),
            topic: known.topic.into(),
            after: after.map(text),
            before: before.map(text),
        });
    }
}

/// Finds what has two ids, and ids of two events.
fn identities<'a>(ids: impl Iterator<Item = (&'a str, usize)>, data: &[&'a str], all: &mut Vec<Finding>) {
    let mut of_event: HashMap<usize, &str> = HashMap::new();
    let mut of_id: HashMap<&str, usize> = HashMap::new();
    let mut told = HashSet::new();
    for (id, event) in ids.filter(|(id, _)| !id.is_empty()) {
        let known = *of_event.entry(event).or_insert(id);
        if known != id && told.insert((event, id)) {
            all.push(Finding::TwoIds { data: data[event].into(), ids: [known.into(), id.into()] });
        }
        let other = *of_id.entry(id).or_insert(event);
        if other != event && told.insert((event, id)) {
            all.push(Finding::SameId { id: id.into(), events: [data[other].into(), data[event].into()] });
        }
    }
}
