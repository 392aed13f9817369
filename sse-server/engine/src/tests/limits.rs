//! What happens at the bounds.

use super::*;

#[test]
fn what_is_read_in_envelopes_takes_bounded_memory_and_pushes_no_event_out() {
    let mut engine = engine(Bounds { bytes: 64 << 10, ..bounds() });
    for seq in 1..=40 {
        engine.publish(seq, 0, &draft("a", &"\u{0}".repeat(1000)), &mut Vec::new()).unwrap();
    }
    let events = engine.window().size().0;
    let enveloped = Selectors::new(vec![Selector::new("a").unwrap()], true);
    let mut cursor = engine.subscribe(enveloped, &StartPoint::Earliest).unwrap().placed().unwrap().0;
    let mut seen = 0;
    while let Step::Events { events, count } = engine.next(&mut cursor, 1000, 0) {
        seen += count;
        assert!(events.len() > 6000, "NUL takes six bytes in JSON");
        assert!(engine.window().envelope_bytes() <= 16 << 10);
    }
    assert_eq!((seen, engine.window().size().0), (events, events));
    for seq in 41..=50 {
        engine.publish(seq, 0, &draft("a", &"\u{0}".repeat(1000)), &mut Vec::new()).unwrap();
        assert!(matches!(engine.next(&mut cursor, 1000, 0), Step::Events { count: 1, .. }));
        assert!(engine.window().envelope_bytes() > 0, "that of an old event makes room");
    }
}

#[test]
fn all_sets_of_selectors_together_have_a_bound_in_bytes() {
    let mut engine = engine(bounds());
    let long = |i: usize| selectors(&[&format!("{i}/{}", "x".repeat(200)), "y"]);
    let mut groups = Vec::new();
    let full = loop {
        match engine.subscribe(long(groups.len()), &StartPoint::Head) {
            Ok(placement) => groups.push(placement.cursor().group()),
            Err(full) => break full,
        }
    };
    assert_eq!((full, engine.selector_bytes() <= 100_000), (Full, true));
    assert!(engine.subscribe(long(0), &StartPoint::Head).is_ok(), "a set that there is takes nothing");
    let first = groups[0];
    groups.push(first);
    groups.into_iter().for_each(|group| assert!(engine.unsubscribe(group) || group == first));
    assert_eq!(engine.selector_bytes(), 0);
}

#[test]
fn a_new_topic_pushes_out_no_history() {
    let mut engine = engine(Bounds { topics: 10, ..bounds() });
    let mut seq = 0;
    let mut publish = |engine: &mut Engine, topic: &str| {
        seq += 1;
        engine.publish(seq, 0, &Draft::text(Topic::new(topic).unwrap(), "x"), &mut Vec::new()).unwrap();
    };
    (0..40).for_each(|_| publish(&mut engine, "history"));
    (0..100).for_each(|at| publish(&mut engine, &format!("new/{at}")));
    let events = |topic: &str| engine.topic(&Topic::new(topic).unwrap()).map(|info| info.events);
    assert_eq!((events("history"), events("new/98"), events("new/99")), (Some(40), Some(1), Some(1)));
    assert_eq!(engine.window().size().2, 10);
}

#[test]
fn topics_that_a_store_emptied_are_forgotten_at_once_when_there_are_too_many() {
    let mut engine = engine(Bounds { topics: 10, ..bounds() });
    engine.back_by_store(StoredHead::default());
    let topic = |at: u64| Topic::new(&format!("new/{at}")).unwrap();
    for at in 1..=100 {
        engine.publish(at, 0, &Draft::text(topic(at), "x"), &mut Vec::new()).unwrap();
    }
    assert_eq!(engine.window().size().2, 100, "the store has not trimmed yet");
    for at in 1..=90 {
        let left = Retained::default();
        do_trim(&mut engine, &Trim::plain(topic(at), (at, 0), true, left));
    }
    assert_eq!(engine.window().size().2, 10);
}

#[test]
fn a_loud_topic_pushes_out_its_own_events() {
    let mut engine = engine(Bounds { events: 100, ..bounds() });
    let mut seq = 0;
    let mut publish = |engine: &mut Engine, topic: &str, count: usize| {
        for _ in 0..count {
            seq += 1;
            engine.publish(seq, 0, &draft(topic, "x"), &mut Vec::new()).unwrap();
        }
    };
    publish(&mut engine, "quiet", 10);
    let mut reader = engine.subscribe(selectors(&["quiet"]), &StartPoint::Earliest).unwrap().placed().unwrap().0;
    let mut of_loud = engine.subscribe(selectors(&["loud"]), &StartPoint::Head).unwrap().placed().unwrap().0;
    publish(&mut engine, "loud", 1000);
    assert!(matches!(engine.next(&mut reader, 10_000, 0), Step::Events { count: 10, .. }));
    assert_eq!(engine.next(&mut of_loud, 10_000, 0), Step::Lagged, "its events are gone");
    assert_eq!(engine.topic(&Topic::new("loud").unwrap()).unwrap().events, 90);
    publish(&mut engine, "quiet", 200);
    let events = |topic| engine.topic(&Topic::new(topic).unwrap()).unwrap().events;
    assert_eq!(events("quiet") + events("loud"), 100);
    assert!(events("loud") >= 10, "it is the quiet one now");
}

#[test]
fn topics_that_only_other_topics_events_have_are_bounded_too() {
    let topic = |number: u64| Topic::new(&number.to_string()).unwrap();
    let bounds = Bounds { topics: 10, ..Bounds::default() };
    let mut engine = Engine::new(Epoch::new(1), bounds);
    for seq in 1..=100 {
        let draft = Draft::of_topics([topic(0), topic(2 * seq), topic(2 * seq + 1)], "x").unwrap();
        engine.publish(seq, 0, &draft, &mut Vec::new()).unwrap();
        assert!(engine.window().size().2 <= 10, "{} topics after {seq} events", engine.window().size().2);
    }
    assert_eq!(engine.window().size().0, 4, "each has two topics besides the one that all have");
}

#[test]
fn public_topics_are_listed_behind_many_private_ones() {
    let mut engine = engine(bounds());
    for (seq, name) in (1..).zip(["a", "b", "c", "d", "e", "f", "g", "z"]) {
        let private = name != "z";
        let draft = Draft { private, ..draft(name, "x") };
        engine.publish(seq, 0, &draft, &mut Vec::new()).unwrap();
    }
    let (mut names, mut on) = engine.names_after(None, 5);
    assert!(names.is_empty() && on.is_some(), "the slice ends first");
    while let Some(after) = on {
        let more = engine.names_after(Some(after.as_str()), 5 - names.len());
        names.extend(more.0);
        on = more.1;
    }
    assert_eq!(names, [Topic::new("z").unwrap()]);
}
