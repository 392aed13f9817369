//! What subscribers got.

use std::{
    collections::BTreeSet,
    ops::Bound::{Excluded, Included},
};

use super::{
    record::{Durability, End, Item, Life, Session, Start},
    truth::Truth,
};

pub(super) fn check(truth: &Truth<'_>, faults: &mut Vec<String>) {
    let crashes = crashes(truth);
    for (number, life) in truth.record.lives.iter().enumerate() {
        for session in &life.sessions {
            let found = [
                order(session),
                opening(session),
                gap_is_due(truth, &crashes, number, session),
                gap_says_what_follows(life, session),
                exactly(truth, number, session),
                end(life, session),
            ];
            let who = format!("life {number}, {:?} from {:?}", session.selectors, session.start);
            faults.extend(found.into_iter().flatten().map(|fault| format!("{who}: {fault}")));
        }
    }
}

/// Positions never go back, and an event is beyond all that came before it. So nothing is there twice.
fn order(session: &Session) -> Option<String> {
    let mut position = match &session.start {
        Start::After(id) => id,
        Start::Head | Start::Earliest => "",
    };
    for item in &session.items {
        let right = match item {
            Item::Event { id, .. } => id.as_str() > position,
            Item::Cursor { id } | Item::Gap { id, .. } => id.as_str() >= position,
            Item::Other { .. } => false,
        };
        if !right {
            return Some(format!("{item:?} came after {position}"));
        }
        position = item.id();
    }
    None
}

/// First a cursor where the stream begins, or a gap. Later there is no gap.
fn opening(session: &Session) -> Option<String> {
    let (first, rest) = session.items.split_first()?;
    if let Some(gap) = rest.iter().find(|item| matches!(item, Item::Gap { .. })) {
        return Some(format!("{gap:?} in the middle of the stream"));
    }
    match (first, &session.start) {
        (Item::Cursor { id }, Start::After(asked)) if id != asked => Some(format!("it opened at {id}")),
        (Item::Cursor { .. }, _) | (Item::Gap { .. }, Start::After(_)) => None,
        (first, _) => Some(format!("it opened with {first:?}")),
    }
}

/// Which crashes have lost something, for all that clients are told; none where nothing says so.
fn crashes(truth: &Truth<'_>) -> Vec<Option<bool>> {
    let deaths = truth.record.lives.iter().enumerate();
    let known = |(number, life): (usize, &Life)| {
        let quiet = life.death.is_some_and(|death| death.quiet);
        if truth.record.durability == Durability::Always || quiet {
            Some(false)
        } else if truth.lost(number).next().is_some() {
            Some(true)
        } else {
            // Events may be lost of which nobody knew. Then the first to come back is believed, and the others have
            // to be told the same.
            told(truth, number)
        }
    };
    deaths.map(known).collect()
}

/// What the first was told who came back over this crash and no other.
fn told(truth: &Truth<'_>, crash: usize) -> Option<bool> {
    let mut sessions = truth.record.lives.get(crash + 1)?.sessions.iter();
    sessions.find_map(|session| {
        let Start::After(asked) = &session.start else { return None };
        let first = session.items.first()?;
        (truth.first_seen(asked) == crash).then_some(matches!(first, Item::Gap { .. }))
    })
}

/// There is a gap exactly where a crash has lost something since the client got its ID.
fn gap_is_due(truth: &Truth<'_>, crashes: &[Option<bool>], life: usize, session: &Session) -> Option<String> {
    let Start::After(asked) = &session.start else { return None };
    let is = matches!(session.items.first()?, Item::Gap { .. });
    let since = truth.first_seen(asked);
    let crashes = crashes.get(since..life)?;
    let due = crashes.contains(&Some(true));
    match (due, is) {
        (true, false) => Some(format!("no gap, though events after life {since} are lost")),
        (false, true) if !crashes.contains(&None) => Some(format!("a gap, though nothing after life {since} is lost")),
        _ => None,
    }
}

fn gap_says_what_follows(life: &Life, session: &Session) -> Option<String> {
    let Item::Gap { id, reason, requested, first } = session.items.first()? else { return None };
    let Start::After(asked) = &session.start else { return None };
    if reason != "lost" || requested != asked {
        return Some(format!("the gap's reason is {reason}, and what was requested {requested}"));
    }
    let followed = session.events().next().map(|(id, _)| id);
    let right = match (first, followed) {
        (Some(first), _) if first <= id => false,
        (Some(first), Some(followed)) => first == followed,
        (Some(_), None) => true,
        // nothing was there yet: what follows has been published since
        (None, Some(followed)) => followed >= life.marker.as_str(),
        (None, None) => true,
    };
    (!right).then(|| format!("a gap at {id} with {first:?} to come first, then {followed:?}"))
}

/// From where it began to the last that it got, there is each event of the log that matches, and no other.
fn exactly(truth: &Truth<'_>, life: usize, session: &Session) -> Option<String> {
    let from = match &session.start {
        Start::After(id) => id,
        Start::Earliest => "",
        Start::Head => session.items.first()?.id(),
    };
    let got: BTreeSet<&str> = session.events().map(|(id, _)| id).collect();
    let last = *got.last()?;
    if from >= last {
        return None; // out of order, which is told elsewhere
    }
    let log = truth.events.range::<str, _>((Excluded(from), Included(last))).map(|(id, _)| *id);
    let wanted = |id: &&str| truth.topic(id).is_some_and(|topic| session.wants(topic));
    let due: BTreeSet<&str> = log.filter(wanted).filter(|id| truth.is_alive(id, life)).collect();
    if let Some(id) = due.difference(&got).next() {
        return Some(format!("{} was passed over", truth.name(id)));
    }
    let id = got.difference(&due).next()?;
    Some(format!("{} came, which was lost or not asked for", truth.name(id)))
}

/// A stream lasts until the test leaves it or kills the hub.
fn end(life: &Life, session: &Session) -> Option<String> {
    match (session.end, life.death) {
        (End::Closed, _) => Some("the hub ended it".into()),
        (End::Broken { at }, death) if death.is_none_or(|death| at < death.at) => {
            Some("it broke off before the kill".into())
        }
        _ => None,
    }
}
