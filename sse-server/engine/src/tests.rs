//! Tests beyond the reach of the model: time, bounds, and sharing.

mod limits;

use std::time::Duration;

use crate::*;

fn bounds() -> Bounds {
    Bounds {
        events: 10_000,
        bytes: 1 << 20,
        topics: 1000,
        groups: 3,
        selector_bytes: 100_000,
        nodes: 1000,
        lag: Duration::from_secs(30),
        lag_bytes: 0,
        lag_policy: LagPolicy::Disconnect,
    }
}

fn engine(bounds: Bounds) -> Engine {
    Engine::new(Epoch::new(1), bounds)
}

fn new() -> Engine {
    engine(bounds())
}

fn draft(topic: &str, data: &str) -> Draft {
    Draft::text(Topic::new(topic).unwrap(), data)
}

fn selectors(texts: &[&str]) -> Selectors {
    Selectors::new(texts.iter().map(|text| Selector::new(text).unwrap()).collect(), false)
}

fn publish(engine: &mut Engine, topic: &str, time: Millis, data: &str) -> Vec<GroupId> {
    let mut matched = Vec::new();
    engine.publish(engine.window().shown() + 1, time, &draft(topic, data), &mut matched).unwrap();
    matched
}

#[test]
fn the_log_stays_within_its_bytes() {
    let mut engine = engine(bounds());
    for _ in 0..100 {
        publish(&mut engine, "a", 0, &"x".repeat(100_000));
        assert!(engine.window().size().1 <= bounds().bytes);
    }
    assert!(engine.window().size().0 >= 9);
}

#[test]
fn the_newest_event_stays_even_if_it_is_too_large() {
    let mut engine = engine(bounds());
    publish(&mut engine, "a", 0, &"x".repeat(2 << 20));
    assert_eq!(engine.window().size().0, 1);
    publish(&mut engine, "a", 0, "small");
    assert_eq!(engine.window().size().0, 1);
}

#[test]
fn topics_are_bounded_and_a_new_one_always_finds_room() {
    let mut engine = engine(bounds());
    for i in 0..3000 {
        publish(&mut engine, &format!("t/{i}"), 0, "x");
    }
    let (events, _, topics) = engine.window().size();
    assert_eq!((events, topics), (1000, 1000));
}

#[test]
fn groups_are_shared_and_bounded() {
    let mut engine = engine(bounds());
    let (a, _) = engine.subscribe(selectors(&["a", "b"]), &StartPoint::Head).unwrap().placed().unwrap();
    let (b, _) = engine.subscribe(selectors(&["b", "a"]), &StartPoint::Head).unwrap().placed().unwrap();
    assert_eq!(a.group(), b.group());
    engine.subscribe(selectors(&["a"]), &StartPoint::Head).unwrap().placed().unwrap();
    engine.subscribe(selectors(&["c/*"]), &StartPoint::Head).unwrap().placed().unwrap();
    assert_eq!(engine.subscribe(selectors(&["d"]), &StartPoint::Head).unwrap_err(), Full);
    assert_eq!(engine.subscribers(), (4, 3, 3));
    engine.unsubscribe(a.group());
    engine.unsubscribe(b.group());
    assert_eq!(engine.subscribers(), (2, 2, 3));
    assert!(engine.subscribe(selectors(&["d"]), &StartPoint::Head).is_ok());
}

#[test]
fn an_event_names_each_group_that_it_is_for_once() {
    let mut engine = engine(bounds());
    let (a, _) = engine.subscribe(selectors(&["a/b", "a/*", "**"]), &StartPoint::Head).unwrap().placed().unwrap();
    engine.subscribe(selectors(&["c"]), &StartPoint::Head).unwrap().placed().unwrap();
    assert_eq!(publish(&mut engine, "a/b", 0, "x"), [a.group()]);
    assert_eq!(publish(&mut engine, "nobody/here/x", 0, "x"), [a.group()]);
    engine.unsubscribe(a.group());
    assert_eq!(publish(&mut engine, "a/b", 0, "x"), []);
}

#[test]
fn members_at_the_same_place_share_one_joined_write() {
    let mut engine = engine(bounds());
    let mut one = engine.subscribe(selectors(&["a"]), &StartPoint::Head).unwrap().placed().unwrap().0;
    let mut two = engine.subscribe(selectors(&["a"]), &StartPoint::Head).unwrap().placed().unwrap().0;
    publish(&mut engine, "a", 0, "x");
    publish(&mut engine, "a", 0, "y");
    let bytes = |step: Step| match step {
        Step::Events { events: write, count: 2 } => write.payload(),
        other => panic!("{other:?}"),
    };
    let first = bytes(engine.next(&mut one, 1000, 0));
    let second = bytes(engine.next(&mut two, 1000, 0));
    assert_eq!(first.as_ptr(), second.as_ptr(), "the same bytes, not a copy");
}

#[test]
fn what_was_trimmed_in_the_middle_is_not_in_a_shared_write() {
    let mut engine = engine(Bounds { lag_policy: LagPolicy::Gap, ..bounds() });
    let mut one = engine.subscribe(selectors(&["a", "b"]), &StartPoint::Head).unwrap().placed().unwrap().0;
    let mut two = engine.subscribe(selectors(&["a", "b"]), &StartPoint::Head).unwrap().placed().unwrap().0;
    for topic in ["a", "b", "a"] {
        publish(&mut engine, topic, 0, topic);
    }
    assert!(matches!(engine.next(&mut one, 1000, 0), Step::Events { count: 3, .. }));
    engine.trim_topic(&Topic::new("b").unwrap(), 3);
    assert!(matches!(engine.next(&mut two, 1000, 0), Step::Gap(_)));
    match engine.next(&mut two, 1000, 0) {
        Step::Events { events: write, count: 2 } => {
            assert!(!String::from_utf8(write.payload().to_vec()).unwrap().contains("data: b"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_who_was_at_the_head_and_leaves_an_event_too_long_lags() {
    let mut engine = engine(bounds());
    let mut cursor = engine.subscribe(selectors(&["a"]), &StartPoint::Head).unwrap().placed().unwrap().0;
    assert_eq!(engine.next(&mut cursor, 1000, 0), Step::CaughtUp);
    publish(&mut engine, "a", 1000, "x");
    assert!(matches!(engine.next(&mut cursor, 1000, 31_000), Step::Events { .. }));
    publish(&mut engine, "a", 31_000, "x");
    assert_eq!(engine.next(&mut cursor, 1000, 61_001), Step::Lagged);
}

#[test]
fn one_who_resumes_does_not_lag_because_the_log_is_old() {
    let mut engine = engine(bounds());
    publish(&mut engine, "a", 0, "x");
    let id = engine.window().at(0).to_string();
    let mut cursor = engine.subscribe(selectors(&["a"]), &StartPoint::After(id)).unwrap().placed().unwrap().0;
    assert!(matches!(engine.next(&mut cursor, 1000, 1_000_000), Step::Events { .. }));
}

#[test]
fn trimming_one_topic_is_no_gap_to_readers_of_another() {
    let mut engine = engine(Bounds { events: 3, ..bounds() });
    publish(&mut engine, "quiet", 0, "x");
    let id = engine.window().at(1).to_string();
    for _ in 0..10 {
        publish(&mut engine, "busy", 0, "x");
    }
    let resume = |engine: &mut Engine, topic: &str| {
        let (cursor, opening) =
            engine.subscribe(selectors(&[topic]), &StartPoint::After(id.clone())).unwrap().placed().unwrap();
        engine.unsubscribe(cursor.group());
        opening.gap.map(|gap| gap.reason)
    };
    assert_eq!(resume(&mut engine, "quiet"), None);
    assert_eq!(resume(&mut engine, "never"), None);
    assert_eq!(resume(&mut engine, "busy"), Some(GapReason::Trimmed));
    assert_eq!(resume(&mut engine, "*"), Some(GapReason::Trimmed));
}

#[test]
fn a_reader_far_behind_a_crowded_log_finds_all_of_its_own() {
    let mut engine = engine(bounds());
    let id = engine.window().at(0).to_string();
    for i in 0..9_000 {
        publish(&mut engine, if i % 3000 == 2999 { "rare/x" } else { "other" }, 0, "x");
    }
    for selector in ["rare/x", "rare/*"] {
        let mut placement = engine.subscribe(selectors(&[selector]), &StartPoint::After(id.clone())).unwrap();
        while let Placement::Yield(cursor, pending) = placement {
            placement = engine.continue_start(cursor, pending, None);
        }
        let (mut cursor, opening) = placement.placed().unwrap();
        assert_eq!(
            opening.gap.map(|gap| gap.reason),
            Some(GapReason::Trimmed).filter(|_| engine.window().start() > 3000)
        );
        let mut seen = 0;
        loop {
            match engine.next(&mut cursor, 1000, 0) {
                Step::Events { count, .. } => seen += count,
                Step::Yield => {}
                Step::CaughtUp => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(seen, if engine.window().start() > 3000 { 2 } else { 3 });
        engine.unsubscribe(cursor.group());
    }
}

/// An engine with a store behind it, with `events` events published to topic `a` and the last two in its window.
fn backed(policy: LagPolicy, events: u64) -> Engine {
    let mut engine = engine(Bounds { events: 2, lag_policy: policy, ..bounds() });
    engine.back_by_store(StoredHead::default());
    for seq in 1..=events {
        engine.publish(seq, 0, &draft("a", "x"), &mut Vec::new()).unwrap();
        engine.set_committed(seq);
        while !engine.work(10, &mut Vec::new()) {}
    }
    engine
}

fn found(engine: &Engine, seqs: std::ops::RangeInclusive<u64>) -> EncodedPage {
    let (first, through) = (*seqs.start(), *seqs.end());
    let events: Vec<_> = seqs.map(|seq| encode(engine.window().at(seq), &draft("a", "x"), false)).collect();
    let count = events.len();
    EncodedPage { write: Some((Write::of(events), count)), first: Some((first, 0)), through, damaged: false }
}

fn do_trim(engine: &mut Engine, trim: &Trim) {
    engine.begin_trim(trim);
    while !engine.finish_trim(trim) {}
}

#[test]
fn what_is_trimmed_while_it_is_read_is_told() {
    for policy in [LagPolicy::Disconnect, LagPolicy::Gap] {
        let mut engine = backed(policy, 10);
        let id = engine.window().at(1).to_string();
        let (mut cursor, opening) =
            engine.subscribe(selectors(&["a"]), &StartPoint::After(id)).unwrap().placed().unwrap();
        assert_eq!(opening.gap, None);
        let span = StoreRead { selectors: selectors(&["a"]), after: 1, through: 8, only: Vec::new() };
        assert_eq!(engine.next(&mut cursor, 1000, 0), Step::ReadStore(span));
        let left = Retained { events: 7, bytes: 7, first: 4, last: 10 };
        let topic = Topic::new("a").unwrap();
        do_trim(&mut engine, &Trim::plain(topic, (3, 0), true, left));
        let page = found(&engine, 4..=8);
        match (policy, engine.accept_page(&mut cursor, page, 0)) {
            (LagPolicy::Disconnect, Step::Lagged) => {}
            (LagPolicy::Gap, Step::Gap(gap)) => {
                assert_eq!((cursor.seq(), gap.first), (3, Some(engine.window().at(4).id())));
                assert!(matches!(engine.next(&mut cursor, 1000, 0), Step::ReadStore(_)));
                let page = found(&engine, 4..=8);
                assert!(matches!(engine.accept_page(&mut cursor, page, 0), Step::Events { count: 5, .. }));
                assert!(matches!(engine.next(&mut cursor, 1000, 0), Step::Events { count: 2, .. }));
            }
            (_, step) => panic!("{step:?}"),
        }
    }
}

#[test]
fn what_is_not_in_the_store_yet_stays_in_the_window() {
    let mut engine = engine(Bounds { events: 2, ..bounds() });
    engine.back_by_store(StoredHead::default());
    let mut cursor = engine.subscribe(selectors(&["a"]), &StartPoint::Head).unwrap().placed().unwrap().0;
    for seq in 1..=5 {
        engine.publish(seq, 0, &draft("a", "x"), &mut Vec::new()).unwrap();
    }
    assert_eq!(engine.window().size().0, 5);
    engine.set_committed(4);
    while !engine.work(10, &mut Vec::new()) {}
    assert_eq!(engine.window().size().0, 2);
    let span = StoreRead { selectors: selectors(&["a"]), after: 0, through: 3, only: Vec::new() };
    assert_eq!(engine.next(&mut cursor, 1000, 0), Step::ReadStore(span));
}

#[test]
fn a_reader_in_the_store_that_was_at_the_head_is_bound_by_age() {
    let mut engine = backed(LagPolicy::Disconnect, 0);
    let mut cursor = engine.subscribe(selectors(&["a"]), &StartPoint::Head).unwrap().placed().unwrap().0;
    assert_eq!(engine.next(&mut cursor, 1000, 0), Step::CaughtUp);
    for seq in 1..=5 {
        engine.publish(seq, 0, &draft("a", "x"), &mut Vec::new()).unwrap();
        engine.set_committed(seq);
    }
    assert!(matches!(engine.next(&mut cursor, 1000, 40_000), Step::ReadStore(_)));
    let page = found(&engine, 1..=3);
    assert_eq!(engine.accept_page(&mut cursor, page, 40_000), Step::Lagged);
}

#[test]
fn a_hole_is_a_gap_for_those_before_and_in_it() {
    let mut engine = new();
    let holes = vec![Hole { after: 10, through: 20, lossy: false }, Hole { after: 30, through: 40, lossy: true }];
    engine.back_by_store(StoredHead { head: 41, holes, ..StoredHead::default() });
    for (seq, reason) in [(5, true), (10, true), (15, true), (25, true), (35, true), (40, true), (41, false)] {
        let id = engine.window().at(seq).to_string();
        let (_, opening) = engine.subscribe(selectors(&["a"]), &StartPoint::After(id)).unwrap().placed().unwrap();
        assert_eq!(opening.gap.map(|gap| gap.reason), reason.then_some(GapReason::Lost), "{seq}");
    }
    let mut engine = new();
    engine.back_by_store(StoredHead {
        head: 21,
        holes: vec![Hole { after: 10, through: 20, lossy: false }],
        ..StoredHead::default()
    });
    for (seq, reason) in [(5, false), (10, false), (11, true), (20, true), (21, false)] {
        let id = engine.window().at(seq).to_string();
        let (_, opening) = engine.subscribe(selectors(&["a"]), &StartPoint::After(id)).unwrap().placed().unwrap();
        assert_eq!(opening.gap.map(|gap| gap.reason), reason.then_some(GapReason::Lost), "{seq}");
    }
}

#[test]
fn after_a_failure_of_the_store_what_it_has_is_read_from_it() {
    let mut engine = backed(LagPolicy::Disconnect, 3);
    let topic = Topic::new("a").unwrap();
    // the trim was announced, then the store failed: events 1 to 3 still exist
    let trim = Trim::plain(topic.clone(), (3, 0), false, Retained::default());
    do_trim(&mut engine, &trim);
    engine.begin_again(3);
    engine.restore(&StoredTopic {
        retained: Retained { events: 3, bytes: 3, first: 1, last: 3 }.into(),
        ..StoredTopic::new(topic.clone())
    });
    let id = engine.window().at(1).to_string();
    let (mut cursor, opening) = engine.subscribe(selectors(&["a"]), &StartPoint::After(id)).unwrap().placed().unwrap();
    assert_eq!(opening.gap, None);
    let span = StoreRead { selectors: selectors(&["a"]), after: 1, through: 3, only: Vec::new() };
    assert_eq!(engine.next(&mut cursor, 1000, 0), Step::ReadStore(span));
    engine.publish(4, 0, &draft("a", "x"), &mut Vec::new()).unwrap();
    assert_eq!(engine.topic(&topic).map(|info| info.events), Some(4));
}

#[test]
fn after_a_failure_of_the_store_the_window_is_kept() {
    let mut engine = new();
    engine.back_by_store(StoredHead::default());
    (0..5).for_each(|_| drop(publish(&mut engine, "a", 0, "x")));
    engine.begin_again(0);
    engine.restore(&StoredTopic {
        retained: Retained { events: 5, bytes: 5, first: 1, last: 5 }.into(),
        ..StoredTopic::new(Topic::new("a").unwrap())
    });
    let id = engine.window().at(2).to_string();
    let (mut cursor, opening) = engine.subscribe(selectors(&["a"]), &StartPoint::After(id)).unwrap().placed().unwrap();
    assert_eq!(opening.gap, None);
    assert!(matches!(engine.next(&mut cursor, 1000, 0), Step::Events { count: 3, .. }));
}

#[test]
fn an_event_that_is_not_above_the_last_is_refused() {
    let mut engine = new();
    publish(&mut engine, "a", 0, "x");
    publish(&mut engine, "a", 0, "y");
    for seq in [0, 1, 2] {
        let refused = engine.publish(seq, 0, &draft("a", "z"), &mut Vec::new());
        assert_eq!(refused, Err(OutOfOrder { seq, last: 2 }));
    }
    assert_eq!((engine.window().size().0, engine.window().shown()), (2, 2));
    assert_eq!(engine.publish(9, 0, &draft("a", "z"), &mut Vec::new()), Ok(()), "numbers may be left out");
}

#[test]
fn the_last_events_of_a_store_come_in_below_its_head() {
    let mut engine = new();
    engine.back_by_store(StoredHead { head: 10, ..StoredHead::default() });
    engine.restore(&StoredTopic {
        retained: Retained { events: 2, bytes: 2, first: 7, last: 8 }.into(),
        ..StoredTopic::new(Topic::new("a").unwrap())
    });
    for seq in [7, 8, 11] {
        assert_eq!(engine.publish(seq, 0, &draft("a", "x"), &mut Vec::new()), Ok(()));
    }
    assert_eq!(engine.topic(&Topic::new("a").unwrap()).map(|info| info.events), Some(3));
}

#[test]
fn a_start_is_behind_what_the_store_is_about_to_trim() {
    let mut engine = backed(LagPolicy::Disconnect, 10);
    let topic = Topic::new("a").unwrap();
    let left = Retained { events: 5, bytes: 5, first: 6, last: 10 };
    do_trim(&mut engine, &Trim::plain(topic.clone(), (5, 0), true, left));
    let id = engine.window().at(2).to_string();
    let mut placement = engine.subscribe(selectors(&["a"]), &StartPoint::After(id)).unwrap();
    let mut read = Vec::new();
    // as the store has it until the trim is written
    let (cursor, opening) = loop {
        let (cursor, pending, first) = match placement {
            Placement::Placed(cursor, opening) => break (cursor, opening),
            Placement::ReadStore(cursor, read, pending) => (cursor, pending, read.after + 1),
            Placement::Yield(..) => panic!("there is one topic"),
        };
        read.push(first);
        placement = engine.continue_start(cursor, pending, Some(StartFound::First(first, topic.clone())));
    };
    assert_eq!((cursor.seq(), read), (5, vec![3, 4, 5, 6]));
    assert_eq!(opening.gap.unwrap().first, Some(engine.window().at(6).id()));
}

#[test]
fn a_start_is_before_hidden_events_that_have_left_the_window() {
    let mut engine = engine(Bounds { events: 1, ..bounds() });
    engine.back_by_store(StoredHead::default());
    for seq in 1..=3 {
        engine.append(seq, seq, &draft("a", "x")).unwrap();
        engine.set_committed(seq);
    }
    engine.work(1, &mut Vec::new());
    assert_eq!((engine.window().shown(), engine.window().start()), (0, 2), "the first is hidden, and gone");
    for start in [StartPoint::Earliest, StartPoint::Since { time: 1, asked: "1s".into(), before: Some(0) }] {
        let Placement::ReadStore(cursor, read, pending) = engine.subscribe(selectors(&["*"]), &start).unwrap() else {
            panic!("the store has it");
        };
        assert_eq!((read.after, read.through), (0, 1));
        let found = StartFound::First(1, Topic::new("a").unwrap());
        let placement = engine.continue_start(cursor, pending, Some(found));
        assert_eq!(placement.placed().unwrap().0.seq(), 0);
    }
}
