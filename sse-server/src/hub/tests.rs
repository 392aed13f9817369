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

fn selectors(texts: &[&str]) -> Selectors {
    Selectors::new(texts.iter().map(|text| Selector::new(text).unwrap()).collect(), false)
}

fn publish(hub: &mut Hub, topic: &str, time: Millis, data: &str) -> Vec<GroupId> {
    let draft = Draft { topic: Topic::new(topic).unwrap(), name: None, retry: None, data: data.into(), json: false };
    let mut matched = Vec::new();
    hub.publish(hub.log().head() + 1, time, &draft, &mut matched);
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
    let (a, _) = hub.subscribe(selectors(&["a", "b"]), &Start::Head).unwrap();
    let (b, _) = hub.subscribe(selectors(&["b", "a"]), &Start::Head).unwrap();
    assert_eq!(a.group(), b.group());
    hub.subscribe(selectors(&["a"]), &Start::Head).unwrap();
    hub.subscribe(selectors(&["c/*"]), &Start::Head).unwrap();
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
    let (a, _) = hub.subscribe(selectors(&["a/b", "a/*", "**"]), &Start::Head).unwrap();
    hub.subscribe(selectors(&["c"]), &Start::Head).unwrap();
    assert_eq!(publish(&mut hub, "a/b", 0, "x"), [a.group()]);
    assert_eq!(publish(&mut hub, "nobody/here/x", 0, "x"), [a.group()]);
    hub.leave(&a);
    assert_eq!(publish(&mut hub, "a/b", 0, "x"), []);
}

#[test]
fn members_at_the_same_place_share_one_joined_write() {
    let mut hub = hub(bounds());
    let mut one = hub.subscribe(selectors(&["a"]), &Start::Head).unwrap().0;
    let mut two = hub.subscribe(selectors(&["a"]), &Start::Head).unwrap().0;
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
    let mut one = hub.subscribe(selectors(&["a", "b"]), &Start::Head).unwrap().0;
    let mut two = hub.subscribe(selectors(&["a", "b"]), &Start::Head).unwrap().0;
    for topic in ["a", "b", "a"] {
        publish(&mut hub, topic, 0, topic);
    }
    assert!(matches!(one.next(&mut hub, 1000, 0), Step::Write { events: 3, .. }));
    hub.trim_topic(&Topic::new("b").unwrap(), 3);
    assert!(matches!(two.next(&mut hub, 1000, 0), Step::Gap(_)));
    match two.next(&mut hub, 1000, 0) {
        Step::Write { write, events: 2 } => assert!(!String::from_utf8(write.payload().to_vec()).unwrap().contains("data: b")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_who_was_at_the_head_and_leaves_an_event_too_long_lags() {
    let mut hub = hub(bounds());
    let mut cursor = hub.subscribe(selectors(&["a"]), &Start::Head).unwrap().0;
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
    let mut cursor = hub.subscribe(selectors(&["a"]), &Start::After(id)).unwrap().0;
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
        let (cursor, opening) = hub.subscribe(selectors(&[topic]), &Start::After(id.clone())).unwrap();
        hub.leave(&cursor);
        opening.gap.map(|gap| gap.reason)
    };
    assert_eq!(resume(&mut hub, "quiet"), None);
    assert_eq!(resume(&mut hub, "never"), None);
    assert_eq!(resume(&mut hub, "busy"), Some(Reason::Trimmed));
    assert_eq!(resume(&mut hub, "*"), Some(Reason::Trimmed));
}

#[test]
fn a_reader_far_behind_a_crowded_log_finds_all_of_its_own() {
    let mut hub = hub(bounds());
    let id = hub.log().at(0).to_string();
    for i in 0..9_000 {
        publish(&mut hub, if i % 3000 == 2999 { "rare/x" } else { "other" }, 0, "x");
    }
    for selector in ["rare/x", "rare/*"] {
        let (mut cursor, opening) = hub.subscribe(selectors(&[selector]), &Start::After(id.clone())).unwrap();
        assert_eq!(opening.gap.map(|gap| gap.reason), Some(Reason::Trimmed).filter(|_| hub.log().start() > 3000));
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
