//! Parsers with and without faults, and what their tables say.

use sse_core::{Item, Parser};
use sse_testkit::{
    Outcome, conformance,
    conformance::{Chunks, FailureKind},
};

use crate::support::failure_of;

/// sse-core's parser, its events changed on the way.
fn sse_core(chunks: &Chunks<'_>, mut change: impl FnMut(&mut (String, String, String))) -> Outcome {
    let mut parser = Parser::new();
    parser.set_last_event_id(chunks.last_event_id()).unwrap();
    let mut events = Vec::new();
    for chunk in chunks {
        parser.feed(chunk, |item| {
            if let Item::Event(event) = item {
                let mut event = (event.name().to_owned(), event.data().to_owned(), event.id().to_owned());
                change(&mut event);
                events.push(event);
            }
        });
    }
    Outcome::events(events).last_event_id(parser.last_event_id()).retry(parser.retry())
}

conformance!(
    /// The parser of the project itself.
    fn sse_core_conforms,
    |chunks| sse_core(chunks, |_| {})
);

#[test]
fn sse_core_conforms_when_its_events_are_owned() {
    let grades = conformance!(|chunks| {
        let mut parser = Parser::new();
        parser.set_last_event_id(chunks.last_event_id()).unwrap();
        let mut events = Vec::new();
        for chunk in chunks {
            parser.feed_bytes(&chunk.to_vec().into(), |event| {
                events.push((event.name().to_owned(), event.data().unwrap().to_string()));
            });
        }
        Outcome::events_without_ids(events).last_event_id(parser.last_event_id()).retry(parser.retry())
    });
    grades.expect_perfect();
}

conformance!(
    fn what_trims_its_data_fails_on_just_that,
    |chunks| sse_core(chunks, |(_, data, _)| *data = data.trim_start_matches(' ').to_owned()),
    fails: ["data-trailing-spaces-kept", "ld-extra-leading-space"]
);

/// It looks for the ends of blocks in each chunk alone.
fn by_chunks(chunks: &Chunks<'_>) -> Outcome {
    let mut events = Vec::new();
    for chunk in chunks {
        for block in chunk.split(|byte| *byte == b'\n') {
            events.extend(block.strip_prefix(b"data: ").map(|data| String::from_utf8_lossy(data).into_owned()));
        }
    }
    Outcome::events_without_ids(events.into_iter().map(|data| ("message", data)))
}

#[test]
fn a_fault_that_depends_on_the_cut() {
    let grades = conformance(by_chunks);
    let failure = grades.failures().iter().find(|failure| failure.vector == "data-json").unwrap();
    assert_eq!(failure.kind, FailureKind::SomeCuts);
    assert!(0 < failure.failed && failure.failed < failure.cuts, "{failure:?}");
    assert_eq!(failure.first_cut, "one byte at a time");
    assert_eq!(failure.what, "0 events, not 1");
    assert!(grades.to_string().contains("of them by where the stream is cut)\n"), "{grades}");
}

#[test]
fn a_panic_is_a_failure_of_its_vector_only() {
    let mut calls = 0;
    let grades = conformance(|chunks| {
        if chunks.concat() == b"data: \xc0\xaf\n\n" {
            calls += 1;
            panic!("overlong\nby {}", calls);
        }
        sse_core(chunks, |_| {})
    });
    assert_eq!(calls, 1, "the other cuts were tried");
    assert_eq!(
        grades.to_string(),
        "127 of 128 vectors passed, 1 failed

vector         fails  what it gives           from
utf8-overlong  whole  a panic: overlong by 1  WHATWG Encoding: C0 and AF are each invalid
"
    );
    assert_eq!(grades.failures()[0].kind, FailureKind::Panicked);
}

#[test]
fn what_can_not_be_run_is_told_and_not_perfect() {
    let grades = conformance(|chunks| match chunks.last_event_id() {
        "" => sse_core(chunks, |_| {}),
        _ => Outcome::not_run("it begins without an ID"),
    });
    assert!(!grades.is_perfect());
    grades.expect_failures([""; 0]);
    assert_eq!(
        grades.to_string(),
        "123 of 128 vectors passed, 0 failed, 5 not run

not run                             because
seed-persists-over-reconnect        it begins without an ID
seed-reset-by-empty-id              it begins without an ID
seed-kept-if-nothing-arrives        it begins without an ID
seed-replaced                       it begins without an ID
seed-partial-block-does-not-commit  it begins without an ID
"
    );
}

#[test]
fn what_the_parser_can_not_tell_is_not_graded() {
    let grades = conformance(|chunks| {
        let mut parser = Parser::new();
        let mut events = Vec::new();
        for chunk in chunks {
            parser.feed(chunk, |item| {
                if let Item::Event(event) = item {
                    events.push((event.name().to_owned(), event.data().to_owned()));
                }
            });
        }
        Outcome::events_without_ids(events)
    });
    grades.expect_perfect();
}

#[test]
fn an_error_a_time_and_an_id_are_graded() {
    let grades = conformance(|chunks| {
        let outcome = sse_core(chunks, |_| {});
        match chunks.last_event_id() {
            "" => outcome.last_event_id("").retry(None),
            _ => outcome.error("no"),
        }
    });
    let what = |vector: &str| {
        grades.failures().iter().find(|failure| failure.vector == vector).map(|failure| (&*failure.what, failure.more))
    };
    assert_eq!(what("wpt-retry"), Some(("the reconnection time is unset, not 3s", 0)), "{grades}");
    assert_eq!(what("id-only-block-updates"), Some((r#"the last event ID is "", not "7""#, 0)), "{grades}");
    assert_eq!(what("seed-replaced"), Some(("an error: no", 0)), "{grades}");
    assert_eq!(what("data-json"), None);
}

#[test]
fn known_failures_are_held_to_exactly() {
    let parser = |chunks: &Chunks<'_>| match &chunks.concat()[..] {
        b"data: \xc0\xaf\n\n" => Outcome::default(),
        _ => sse_core(chunks, |_| {}),
    };
    let report = failure_of(|| conformance(parser).expect_failures(["data-json", "no-such", "seed-replaced"]));
    assert_eq!(
        report,
        "expected other failures
     new utf8-overlong
  mended data-json: it passes now
 unknown no-such: no vector has this name
  mended seed-replaced: it passes now

127 of 128 vectors passed, 1 failed

vector         fails      what it gives    from
utf8-overlong  every cut  0 events, not 1  WHATWG Encoding: C0 and AF are each invalid
"
    );
    let report = failure_of(|| conformance(parser).expect_perfect());
    assert!(report.starts_with("expected a parser that conforms\n\n127 of 128 vectors passed"), "{report}");
    let not_run = |chunks: &Chunks<'_>| match chunks.last_event_id() {
        "" => sse_core(chunks, |_| {}),
        _ => Outcome::not_run("why"),
    };
    let report = failure_of(|| conformance(not_run).expect_failures(["seed-replaced"]));
    assert!(report.starts_with("expected other failures\n not run seed-replaced\n"), "{report}");
    let report = failure_of(|| conformance(|_| Outcome::not_run("why")).expect_failures([""; 0]));
    assert!(report.starts_with("expected other failures\n not run any: there is nothing to hold to\n"), "{report}");
}
