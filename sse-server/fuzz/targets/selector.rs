//! Topics, and selectors of them: what is taken has the form that is documented, a set selects what its members do, and
//! an engine delivers just that.
//!
//! Input: a topic, then selectors, between bytes that UTF-8 does not have.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sse_engine::{Bounds, Draft, Engine, Epoch, Selector, Selectors, StartPoint, Step, Topic};

fuzz_target!(|input: &[u8]| {
    let mut parts = input.split(|byte| *byte == 0xFF).map(String::from_utf8_lossy);
    let text = parts.next().unwrap_or_default();
    let Ok(topic) = Topic::new(&text) else { return };
    assert_eq!(topic.as_str(), text);
    assert!(!text.is_empty() && !text.contains('*') && !text.chars().any(char::is_control));
    // a topic selects itself
    assert!(matches!(Selector::new(&text), Ok(selector @ Selector::Topic(_)) if selector.matches(&topic)));

    let mut taken = Vec::new();
    for text in parts.take(8) {
        let Ok(selector) = Selector::new(&text) else { continue };
        assert_eq!(selector.matches(&topic), matches(&text, topic.as_str()), "{text:?} and {topic:?}");
        taken.push(selector);
    }
    if !taken.is_empty() {
        delivers(taken, &topic);
    }
});

/// As it is documented: `*` matches one segment, and a final `**` one or more.
fn matches(selector: &str, topic: &str) -> bool {
    let (parts, segments): (Vec<_>, Vec<_>) = (selector.split('/').collect(), topic.split('/').collect());
    let fits = |(part, segment): (&&str, &&str)| *part == "*" || part == segment;
    match parts.split_last() {
        Some((&"**", before)) => segments.len() > before.len() && before.iter().zip(&segments).all(fits),
        _ => parts.len() == segments.len() && parts.iter().zip(&segments).all(fits),
    }
}

fn delivers(selectors: Vec<Selector>, topic: &Topic) {
    let expected = selectors.iter().any(|selector| selector.matches(topic));
    let selectors = Selectors::new(selectors, false);
    assert_eq!(selectors.matches(topic), expected);
    let mut engine = Engine::new(Epoch::new(1), Bounds::default());
    let placement = engine.subscribe(selectors, &StartPoint::Head).expect("there is room for a group");
    let mut cursor = placement.placed().expect("no store is needed").0;
    engine.publish(1, 0, &Draft::text(topic.clone(), "x"), &mut Vec::new()).expect("it is the first");
    let delivered = matches!(engine.next(&mut cursor, 1_000, 0), Step::Events { count: 1, .. });
    assert_eq!(delivered, expected);
}
