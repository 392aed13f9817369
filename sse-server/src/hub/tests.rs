//! What the model does not reach: time, bounds, and sharing.

use std::time::Duration;

use super::*;

fn bounds() -> Bounds {
    Bounds {
        events: 10_000,
        bytes: 1 << 20,
        topics: 1000,
        groups: 3,
        nodes: 1000,
        lag: Duration::from_secs(30),
        lag_bytes: 0,
        lag_policy: LagPolicy::Disconnect,
    }
}

fn hub(bounds: Bounds) -> Hub {
    Hub::new(Epoch::new(1), bounds)
}

fn new() -> Hub {
    hub(bounds())
}

fn draft(topic: &str, data: &str) -> Draft {
    Draft { topic: Topic::new(topic).unwrap(), name: None, retry: None, data: data.into(), json: false }
}

fn selectors(texts: &[&str]) -> Selectors {
    Selectors::new(texts.iter().map(|text| Selector::new(text).unwrap()).collect(), false)
}

fn publish(hub: &mut Hub, topic: &str, time: Millis, data: &str) -> Vec<GroupId> {
    let mut matched = Vec::new();
    hub.publish(hub.log().head() + 1, time, &draft(topic, data), &mut matched);
    matched
}

#[test]
fn the_log_stays_within_its_bytes() {
    let mut hub = hub(bounds());
    for _ in 0..100 {
        publish(&mut hub, "a", 0, &"x".repeat(100_000));
        assert!(hub.log().size().1 <= bounds().bytes);
    }
    assert!(hub.log().size().0 >= 9);
}

#[test]
fn the_newest_event_stays_even_if_it_is_too_large() {
    let mut hub = hub(bounds());
    publish(&mut hub, "a", 0, &"x".repeat(2 << 20));
    assert_eq!(hub.log().size().0, 1);
    publish(&mut hub, "a", 0, "small");
    assert_eq!(hub.log().size().0, 1);
}

#[test]
fn topics_are_bounded_and_a_new_one_always_finds_room() {
    let mut hub = hub(bounds());
    for i in 0..3000 {
        publish(&mut hub, &format!("t/{i}"), 0, "x");
    }
    let (events, _, topics) = hub.log().size();
    assert_eq!((events, topics), (1000, 1000));
}

#[test]
fn groups_are_shared_and_bounded() {
    let mut hub = hub(bounds());
    let (a, _) = hub.subscribe(selectors(&["a", "b"]), &Start::Head).unwrap().known();
    let (b, _) = hub.subscribe(selectors(&["b", "a"]), &Start::Head).unwrap().known();
    assert_eq!(a.group(), b.group());
    hub.subscribe(selectors(&["a"]), &Start::Head).unwrap().known();
    hub.subscribe(selectors(&["c/*"]), &Start::Head).unwrap().known();
    assert_eq!(hub.subscribe(selectors(&["d"]), &Start::Head).unwrap_err(), Full);
    assert_eq!(hub.subscribers(), (4, 3, 3));
    hub.leave(&a);
    hub.leave(&b);
    assert_eq!(hub.subscribers(), (2, 2, 3));
    assert!(hub.subscribe(selectors(&["d"]), &Start::Head).is_ok());
}

#[test]
fn an_event_names_each_group_that_it_is_for_once() {
    let mut hub = hub(bounds());
    let (a, _) = hub.subscribe(selectors(&["a/b", "a/*", "**"]), &Start::Head).unwrap().known();
    hub.subscribe(selectors(&["c"]), &Start::Head).unwrap().known();
    assert_eq!(publish(&mut hub, "a/b", 0, "x"), [a.group()]);
    assert_eq!(publish(&mut hub, "nobody/here/x", 0, "x"), [a.group()]);
    hub.leave(&a);
    assert_eq!(publish(&mut hub, "a/b", 0, "x"), []);
}

#[test]
fn members_at_the_same_place_share_one_joined_write() {
    let mut hub = hub(bounds());
    let mut one = hub.subscribe(selectors(&["a"]), &Start::Head).unwrap().known().0;
    let mut two = hub.subscribe(selectors(&["a"]), &Start::Head).unwrap().known().0;
    publish(&mut hub, "a", 0, "x");
    publish(&mut hub, "a", 0, "y");
    let bytes = |step| match step {
        Step::Write { write, events: 2 } => write.payload(),
        other => panic!("{other:?}"),
    };
    let first = bytes(one.next(&mut hub, 1000, 0));
    let second = bytes(two.next(&mut hub, 1000, 0));
    assert_eq!(first.as_ptr(), second.as_ptr(), "the same bytes, not a copy");
}

#[test]
fn what_was_trimmed_in_the_middle_is_not_in_a_shared_write() {
    let mut hub = hub(Bounds { lag_policy: LagPolicy::Gap, ..bounds() });
    let mut one = hub.subscribe(selectors(&["a", "b"]), &Start::Head).unwrap().known().0;
    let mut two = hub.subscribe(selectors(&["a", "b"]), &Start::Head).unwrap().known().0;
    for topic in ["a", "b", "a"] {
        publish(&mut hub, topic, 0, topic);
    }
    assert!(matches!(one.next(&mut hub, 1000, 0), Step::Write { events: 3, .. }));
    hub.trim_topic(&Topic::new("b").unwrap(), 3);
    assert!(matches!(two.next(&mut hub, 1000, 0), Step::Gap(_)));
    match two.next(&mut hub, 1000, 0) {
        Step::Write { write, events: 2 } => {
            assert!(!String::from_utf8(write.payload().to_vec()).unwrap().contains("data: b"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_who_was_at_the_head_and_leaves_an_event_too_long_lags() {
    let mut hub = hub(bounds());
    let mut cursor = hub.subscribe(selectors(&["a"]), &Start::Head).unwrap().known().0;
    assert_eq!(cursor.next(&mut hub, 1000, 0), Step::Wait);
    publish(&mut hub, "a", 1000, "x");
    assert!(matches!(cursor.next(&mut hub, 1000, 31_000), Step::Write { .. }));
    publish(&mut hub, "a", 31_000, "x");
    assert_eq!(cursor.next(&mut hub, 1000, 61_001), Step::Lagged);
}

#[test]
fn one_who_resumes_does_not_lag_because_the_log_is_old() {
    let mut hub = hub(bounds());
    publish(&mut hub, "a", 0, "x");
    let id = hub.log().at(0).to_string();
    let mut cursor = hub.subscribe(selectors(&["a"]), &Start::After(id)).unwrap().known().0;
    assert!(matches!(cursor.next(&mut hub, 1000, 1_000_000), Step::Write { .. }));
}

#[test]
fn trimming_one_topic_is_no_gap_to_readers_of_another() {
    let mut hub = hub(Bounds { events: 3, ..bounds() });
    publish(&mut hub, "quiet", 0, "x");
    let id = hub.log().at(1).to_string();
    for _ in 0..10 {
        publish(&mut hub, "busy", 0, "x");
    }
    let resume = |hub: &mut Hub, topic: &str| {
        let (cursor, opening) = hub.subscribe(selectors(&[topic]), &Start::After(id.clone())).unwrap().known();
        hub.leave(&cursor);
        opening.gap.map(|gap| gap.reason)
    };
    assert_eq!(resume(&mut hub, "quiet"), None);
    assert_eq!(resume(&mut hub, "never"), None);
    assert_eq!(resume(&mut hub, "busy"), Some(GapReason::Trimmed));
    assert_eq!(resume(&mut hub, "*"), Some(GapReason::Trimmed));
}

#[test]
fn a_reader_far_behind_a_crowded_log_finds_all_of_its_own() {
    let mut hub = hub(bounds());
    let id = hub.log().at(0).to_string();
    for i in 0..9_000 {
        publish(&mut hub, if i % 3000 == 2999 { "rare/x" } else { "other" }, 0, "x");
    }
    for selector in ["rare/x", "rare/*"] {
        let (mut cursor, opening) = hub.subscribe(selectors(&[selector]), &Start::After(id.clone())).unwrap().known();
        assert_eq!(opening.gap.map(|gap| gap.reason), Some(GapReason::Trimmed).filter(|_| hub.log().start() > 3000));
        let mut seen = 0;
        loop {
            match cursor.next(&mut hub, 1000, 0) {
                Step::Write { events, .. } => seen += events,
                Step::Again => {}
                Step::Wait => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(seen, if hub.log().start() > 3000 { 2 } else { 3 });
        hub.leave(&cursor);
    }
}

impl Placed {
    /// Of a hub that needs no store to know.
    fn known(self) -> (Cursor, Opening) {
        match self {
            Self::Known(cursor, opening) => (cursor, opening),
            Self::Open(..) => panic!("it depends on a store"),
        }
    }
}

/// A hub with a store behind it that has published these many events to `a`, with the last two in its window.
fn backed(policy: LagPolicy, events: u64) -> Hub {
    let mut hub = hub(Bounds { events: 2, lag_policy: policy, ..bounds() });
    hub.behind(Behind { head: 0, holes: Vec::new(), floor: (0, 0) });
    for seq in 1..=events {
        hub.publish(seq, 0, &draft("a", "x"), &mut Vec::new());
        hub.settle(seq);
    }
    hub
}

fn found(hub: &Hub, seqs: std::ops::RangeInclusive<u64>) -> Found {
    let (first, through) = (*seqs.start(), *seqs.end());
    let events: Vec<_> = seqs.map(|seq| encode(hub.log().at(seq), &draft("a", "x"), false)).collect();
    let count = events.len();
    Found { write: Some((Write::of(events), count)), first: Some((first, 0)), through }
}

#[test]
fn what_is_trimmed_while_it_is_read_is_told() {
    for policy in [LagPolicy::Disconnect, LagPolicy::Gap] {
        let mut hub = backed(policy, 10);
        let id = hub.log().at(1).to_string();
        let (mut cursor, opening) = hub.subscribe(selectors(&["a"]), &Start::After(id)).unwrap().known();
        assert_eq!(opening.gap, None);
        let span = Span { selectors: selectors(&["a"]), after: 1, until: 8 };
        assert_eq!(cursor.next(&mut hub, 1000, 0), Step::Read(span));
        let left = Retained { events: 7, bytes: 7, first: 4, last: 10 };
        let topic = Topic::new("a").unwrap();
        hub.trim(&Trim { topic, through: 3, time: 0, lossy: true, left });
        let page = found(&hub, 4..=8);
        match (policy, cursor.take(&mut hub, page, 0)) {
            (LagPolicy::Disconnect, Step::Lagged) => {}
            (LagPolicy::Gap, Step::Gap(gap)) => {
                assert_eq!((gap.position.seq(), gap.first.map(|first| first.seq())), (3, Some(4)));
                assert!(matches!(cursor.next(&mut hub, 1000, 0), Step::Read(_)));
                let page = found(&hub, 4..=8);
                assert!(matches!(cursor.take(&mut hub, page, 0), Step::Write { events: 5, .. }));
                assert!(matches!(cursor.next(&mut hub, 1000, 0), Step::Write { events: 2, .. }));
            }
            (_, step) => panic!("{step:?}"),
        }
    }
}

#[test]
fn what_is_not_in_the_store_yet_stays_in_the_window() {
    let mut hub = hub(Bounds { events: 2, ..bounds() });
    hub.behind(Behind { head: 0, holes: Vec::new(), floor: (0, 0) });
    let mut cursor = hub.subscribe(selectors(&["a"]), &Start::Head).unwrap().known().0;
    for seq in 1..=5 {
        hub.publish(seq, 0, &draft("a", "x"), &mut Vec::new());
    }
    assert_eq!(hub.log().size().0, 5);
    hub.settle(4);
    assert_eq!(hub.log().size().0, 2);
    let span = Span { selectors: selectors(&["a"]), after: 0, until: 3 };
    assert_eq!(cursor.next(&mut hub, 1000, 0), Step::Read(span));
}

#[test]
fn a_reader_in_the_store_that_was_at_the_head_is_bound_by_age() {
    let mut hub = backed(LagPolicy::Disconnect, 0);
    let mut cursor = hub.subscribe(selectors(&["a"]), &Start::Head).unwrap().known().0;
    assert_eq!(cursor.next(&mut hub, 1000, 0), Step::Wait);
    for seq in 1..=5 {
        hub.publish(seq, 0, &draft("a", "x"), &mut Vec::new());
        hub.settle(seq);
    }
    assert!(matches!(cursor.next(&mut hub, 1000, 40_000), Step::Read(_)));
    let page = found(&hub, 1..=3);
    assert_eq!(cursor.take(&mut hub, page, 40_000), Step::Lagged);
}

#[test]
fn a_hole_is_a_gap_for_those_before_and_in_it() {
    let mut hub = new();
    let holes = vec![Hole { after: 10, through: 20, lossy: false }, Hole { after: 30, through: 40, lossy: true }];
    hub.behind(Behind { head: 41, holes, floor: (0, 0) });
    for (seq, reason) in [(5, true), (10, true), (15, true), (25, true), (35, true), (40, true), (41, false)] {
        let id = hub.log().at(seq).to_string();
        let (_, opening) = hub.subscribe(selectors(&["a"]), &Start::After(id)).unwrap().known();
        assert_eq!(opening.gap.map(|gap| gap.reason), reason.then_some(GapReason::Lost), "{seq}");
    }
    let mut hub = new();
    hub.behind(Behind { head: 21, holes: vec![Hole { after: 10, through: 20, lossy: false }], floor: (0, 0) });
    for (seq, reason) in [(5, false), (10, false), (11, true), (20, true), (21, false)] {
        let id = hub.log().at(seq).to_string();
        let (_, opening) = hub.subscribe(selectors(&["a"]), &Start::After(id)).unwrap().known();
        assert_eq!(opening.gap.map(|gap| gap.reason), reason.then_some(GapReason::Lost), "{seq}");
    }
}

#[test]
fn after_a_failure_of_the_store_what_it_has_is_read_from_it() {
    let mut hub = backed(LagPolicy::Disconnect, 3);
    let topic = Topic::new("a").unwrap();
    // told, and then the store failed: events 1 to 3 are there all the same
    let trim = Trim { topic: topic.clone(), through: 3, time: 0, lossy: false, left: Retained::default() };
    hub.trim(&trim);
    hub.begin_again(3);
    hub.restore(&topic, Retained { events: 3, bytes: 3, first: 1, last: 3 }, (0, 0));
    let id = hub.log().at(1).to_string();
    let (mut cursor, opening) = hub.subscribe(selectors(&["a"]), &Start::After(id)).unwrap().known();
    assert_eq!(opening.gap, None);
    let span = Span { selectors: selectors(&["a"]), after: 1, until: 3 };
    assert_eq!(cursor.next(&mut hub, 1000, 0), Step::Read(span));
    hub.publish(4, 0, &draft("a", "x"), &mut Vec::new());
    assert_eq!(hub.topic(&topic).map(|info| info.events), Some(4));
}
