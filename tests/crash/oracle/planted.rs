//! The oracle finds what is planted in a record, and nothing where there is nothing.

use std::time::Duration;

use super::{
    faults,
    record::{Death, Durability, End, Item, Life, Outcome, Publish, Record, Session, Start},
};

const ALL: &[&str] = &["**"];

/// When a life ends, in seconds since its start.
const KILL: u64 = 10;

fn id(number: u64) -> String {
    format!("0123456789ab-{number:011}")
}

fn seconds(life: u64, seconds: u64) -> Duration {
    Duration::from_secs(life * 100 + seconds)
}

fn content(name: &str) -> String {
    format!("{name} padding")
}

fn event(number: u64, name: &str) -> Item {
    Item::Event { id: id(number), content: content(name) }
}

fn cursor(number: u64) -> Item {
    Item::Cursor { id: id(number) }
}

fn gap(at: u64, requested: u64, first: Option<u64>) -> Item {
    Item::Gap { id: id(at), reason: "lost".into(), requested: id(requested), first: first.map(id) }
}

fn stream(selectors: &'static [&'static str], start: Start, items: Vec<Item>) -> Session {
    Session { selectors, start, items, end: End::Cut }
}

fn resumed(after: u64, items: Vec<Item>) -> Session {
    stream(ALL, Start::After(id(after)), items)
}

fn published(name: &str, number: u64, duplicate: bool, at: Duration) -> Publish {
    let topic = if name.starts_with('b') { "b/1" } else { "a" };
    let outcome = Outcome::Acknowledged { id: id(number), duplicate, at };
    Publish { publisher: 0, topic, content: content(name), outcome }
}

fn unanswered(name: &str, at: Duration) -> Publish {
    Publish { publisher: 1, topic: "a", content: content(name), outcome: Outcome::Unknown { at } }
}

fn death(life: u64, quiet: bool) -> Option<Death> {
    Some(Death { at: seconds(life, KILL), window: Duration::from_secs(1), quiet })
}

/// Three lives. The first loses its last two events, the second dies in peace.
fn interval() -> Record {
    let mut broken =
        stream(ALL, Start::Head, vec![cursor(0), event(1, "m0"), event(2, "a2"), event(3, "b3"), event(4, "a4")]);
    broken.end = End::Broken { at: seconds(0, KILL) };
    let first = Life {
        marker: id(1),
        publishes: vec![
            published("m0", 1, false, seconds(0, 1)),
            published("a2", 2, false, seconds(0, 2)),
            published("b3", 3, false, seconds(0, 8)),
            published("a4", 4, false, seconds(0, 9)),
            unanswered("a5", seconds(0, 11)),
        ],
        sessions: vec![
            stream(ALL, Start::Earliest, vec![cursor(0), event(1, "m0")]),
            broken,
            stream(&["b/*"], Start::Head, vec![cursor(0), event(3, "b3"), cursor(4)]),
        ],
        death: death(0, false),
    };
    let second = Life {
        marker: id(101),
        publishes: vec![
            published("m1", 101, false, seconds(1, 1)),
            published("a2", 2, true, seconds(1, 2)),
            published("a4", 102, false, seconds(1, 2)),
            published("a5", 103, false, seconds(1, 2)),
            published("a104", 104, false, seconds(1, 3)),
        ],
        sessions: vec![
            stream(
                ALL,
                Start::Earliest,
                vec![cursor(0), event(1, "m0"), event(2, "a2"), event(3, "b3"), event(101, "m1")],
            ),
            stream(ALL, Start::Head, vec![cursor(100)]),
            resumed(100, vec![cursor(100), event(101, "m1")]),
            resumed(2, vec![gap(2, 2, Some(3)), event(3, "b3"), event(101, "m1")]),
            resumed(
                4,
                vec![gap(100, 4, None), event(101, "m1"), event(102, "a4"), event(103, "a5"), event(104, "a104")],
            ),
            stream(&["b/*"], Start::After(id(1)), vec![gap(2, 1, Some(3)), event(3, "b3")]),
        ],
        death: death(1, true),
    };
    let tail = || vec![event(101, "m1"), event(102, "a4"), event(103, "a5"), event(104, "a104"), event(201, "m2")];
    let third = Life {
        marker: id(201),
        publishes: vec![published("m2", 201, false, seconds(2, 1)), published("a5", 103, true, seconds(2, 2))],
        sessions: vec![
            stream(
                ALL,
                Start::Earliest,
                [vec![cursor(0), event(1, "m0"), event(2, "a2"), event(3, "b3")], tail()].concat(),
            ),
            resumed(104, vec![cursor(104), event(201, "m2")]),
            resumed(3, [vec![gap(100, 3, Some(101))], tail()].concat()),
        ],
        death: None,
    };
    Record { durability: Durability::Interval, lives: vec![first, second, third] }
}

/// Two lives; all that was acknowledged or seen is there, and one event of which nobody knew.
fn always() -> Record {
    let all = || vec![cursor(0), event(1, "m0"), event(2, "a2"), event(3, "b3")];
    let first = Life {
        marker: id(1),
        publishes: vec![
            published("m0", 1, false, seconds(0, 1)),
            published("a2", 2, false, seconds(0, 2)),
            published("b3", 3, false, seconds(0, 10)),
            unanswered("a4", seconds(0, 11)),
        ],
        sessions: vec![stream(ALL, Start::Earliest, vec![cursor(0), event(1, "m0")]), stream(ALL, Start::Head, all())],
        death: death(0, false),
    };
    let second = Life {
        marker: id(101),
        publishes: vec![published("m1", 101, false, seconds(1, 1)), published("a4", 4, true, seconds(1, 2))],
        sessions: vec![
            stream(ALL, Start::Earliest, [all(), vec![event(4, "a4"), event(101, "m1")]].concat()),
            resumed(3, vec![cursor(3), event(4, "a4"), event(101, "m1")]),
            resumed(1, vec![cursor(1), event(2, "a2"), event(3, "b3"), event(4, "a4"), event(101, "m1")]),
        ],
        death: None,
    };
    Record { durability: Durability::Always, lives: vec![first, second] }
}

/// The record with a change, and what the oracle says of it.
#[track_caller]
fn finds(words: &str, mut record: Record, plant: impl FnOnce(&mut Vec<Life>)) {
    plant(&mut record.lives);
    let found = faults(&record);
    assert!(found.iter().any(|fault| fault.contains(words)), "{words:?} is not among {found:#?}");
}

/// Takes an event out of all streams of some lives.
fn forget(lives: &mut [Life], number: u64) {
    for session in lives.iter_mut().flat_map(|life| &mut life.sessions) {
        session.items.retain(|item| !(matches!(item, Item::Event { .. }) && item.id() == id(number)));
    }
}

#[test]
fn nothing_is_found_where_nothing_is() {
    assert_eq!(faults(&interval()), [""; 0]);
    assert_eq!(faults(&always()), [""; 0]);
}

#[test]
fn a_lost_event() {
    finds("is lost, though it was acknowledged", always(), |lives| forget(&mut lives[1..], 3));
    finds("is lost, though it was acknowledged 8s before the kill", interval(), |lives| forget(&mut lives[1..], 2));
    finds("is lost, though nothing was going on", interval(), |lives| forget(&mut lives[2..], 104));
    finds("had outlived an earlier crash", interval(), |lives| forget(&mut lives[2..], 3));
    // within the window, but what came later is there
    finds("is lost, though the later", interval(), |lives| {
        lives[0].death.as_mut().unwrap().window = Duration::from_secs(9);
        forget(&mut lives[1..], 2);
    });
}

#[test]
fn an_event_that_was_shown_before_it_was_kept() {
    finds("is lost, though it was shown", always(), |lives| {
        lives[0].publishes.remove(2);
        lives[0].publishes.push(unanswered("b3", seconds(0, 11)));
        forget(&mut lives[1..], 3);
    });
}

#[test]
fn a_doubled_event() {
    finds("came after", interval(), |lives| lives[1].sessions[4].items.insert(2, event(101, "m1")));
    finds("is twice in the log: ", interval(), |lives| lives[2].sessions[0].items.insert(8, event(105, "a104")));
    finds("was numbered twice", always(), |lives| lives[1].sessions[0].items.insert(4, event(5, "b3")));
    finds("a4 was 01", always(), |lives| lives[1].publishes[1] = published("a4", 102, false, seconds(1, 2)));
}

#[test]
fn a_reordered_event() {
    finds("came after", interval(), |lives| lives[0].sessions[1].items.swap(2, 3));
    finds("was acknowledged before", interval(), |lives| lives[0].publishes.swap(1, 2));
}

#[test]
fn an_event_passed_over() {
    finds("(b3) was passed over", interval(), |lives| drop(lives[0].sessions[1].items.remove(3)));
    finds("(b3) was passed over", interval(), |lives| drop(lives[1].sessions[3].items.remove(1)));
    finds("(a103) was passed over", always(), |lives| {
        lives[1].publishes.push(published("a103", 103, false, seconds(1, 3)));
        lives[1].publishes.push(published("a104", 104, false, seconds(1, 4)));
        lives[1].sessions[1].items.push(event(104, "a104"));
    });
}

#[test]
fn an_event_that_was_lost_or_not_asked_for() {
    let words = "came, which was lost or not asked for";
    finds(words, interval(), |lives| lives[1].sessions[3].items.insert(2, event(4, "a4")));
    finds(words, interval(), |lives| lives[0].sessions[2].items.insert(1, event(2, "a2")));
    finds("was never published", always(), |lives| lives[0].sessions[1].items.push(event(9, "a9")));
}

#[test]
fn a_missing_gap() {
    finds("no gap, though", interval(), |lives| lives[1].sessions[4].items[0] = cursor(4));
    finds("no gap, though", interval(), |lives| lives[1].sessions[3].items[0] = cursor(2));
    finds("no gap, though", interval(), |lives| lives[2].sessions[2].items[0] = cursor(3));
}

#[test]
fn a_false_gap() {
    finds("a gap, though", interval(), |lives| {
        lives[2].sessions[1].items[0] = gap(200, 104, None);
    });
    finds("a gap, though", interval(), |lives| {
        lives[1].sessions[2].items[0] = gap(100, 100, None);
    });
    finds("a gap, though", always(), |lives| lives[1].sessions[1].items[0] = gap(3, 3, Some(4)));
    finds("in the middle of the stream", interval(), |lives| lives[1].sessions[4].items.insert(2, gap(101, 4, None)));
    finds("it opened with Gap", interval(), |lives| lives[1].sessions[0].items[0] = gap(0, 0, Some(1)));
}

#[test]
fn a_gap_for_some_and_not_for_others() {
    // nothing that anyone knew of was lost, so the first is believed
    let unknown = |lives: &mut Vec<Life>| {
        lives[0].sessions[1].items.pop();
        lives[0].sessions[2].items.pop();
        lives[0].publishes[3] = unanswered("a4", seconds(0, 11));
        lives[1].sessions[4] = resumed(3, vec![gap(100, 3, None), event(101, "m1")]);
    };
    let mut record = interval();
    unknown(&mut record.lives);
    assert_eq!(faults(&record), [""; 0]);
    finds("no gap, though", interval(), |lives| {
        unknown(lives);
        lives[1].sessions[4] = resumed(3, vec![cursor(3), event(101, "m1")]);
    });
}

#[test]
fn a_gap_that_says_something_else() {
    for wrong in [gap(3, 2, Some(3)), gap(2, 2, Some(4)), gap(2, 2, None)] {
        finds("a gap at", interval(), |lives| lives[1].sessions[3].items[0] = wrong);
    }
    finds("what was requested", interval(), |lives| lives[1].sessions[3].items[0] = gap(2, 3, Some(3)));
    let trimmed = Item::Gap { id: id(2), reason: "trimmed".into(), requested: id(2), first: Some(id(3)) };
    finds("reason is trimmed", interval(), |lives| lives[1].sessions[3].items[0] = trimmed);
}

#[test]
fn an_id_given_again() {
    finds("was given to a4, and to m1", interval(), |lives| {
        lives[1].publishes[0] = published("m1", 4, false, seconds(1, 1));
    });
    finds("was given before", interval(), |lives| lives[1].marker = id(4));
    finds("was given before", interval(), |lives| lives[2].marker = id(104));
    finds("is no ID of this log", interval(), |lives| lives[1].sessions[1].items[0] = Item::Cursor { id: "7".into() });
}

#[test]
fn a_repetition_that_is_not_known_again() {
    finds("a2 was 01", interval(), |lives| {
        lives[1].publishes[1] = published("a2", 105, false, seconds(1, 2));
    });
    finds("a4 was not in the log", interval(), |lives| {
        lives[1].publishes[2] = published("a4", 4, true, seconds(1, 2));
    });
}

#[test]
fn an_end_before_the_kill() {
    finds("the hub ended it", interval(), |lives| lives[0].sessions[1].end = End::Closed);
    finds("it broke off before", interval(), |lives| lives[0].sessions[1].end = End::Broken { at: seconds(0, 9) });
    finds("it broke off before", interval(), |lives| lives[2].sessions[1].end = End::Broken { at: seconds(2, 9) });
    finds("the publish of a5 broke off", interval(), |lives| lives[0].publishes[4] = unanswered("a5", seconds(0, 9)));
    finds("came after", interval(), |lives| {
        lives[0].sessions[1].items.push(Item::Other { id: id(4), name: "sse-drain".into() });
    });
}
