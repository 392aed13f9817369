//! What goes over a limit is dropped, told once, and does not stop the stream.

use crate::support::parse_within;
use sse_core::{Limit, Limits};

const AFTER: &str = "data: after\n\n";

fn limits() -> Limits {
    let mut limits = Limits::new(64, 20);
    (limits.id, limits.name) = (8, 8);
    limits
}

#[track_caller]
fn drops(block: &str, limit: Limit, last_event_id: &str) {
    let outcome = parse_within(limits(), [format!("{block}\n{AFTER}")]);
    assert_eq!(outcome.dropped, [limit]);
    assert_eq!(outcome.events, [("message".into(), "after".into(), last_event_id.into())]);
}

#[test]
fn a_long_line_drops_its_event_but_commits_the_id() {
    drops(&format!("id: 3\ndata: {}\n", "x".repeat(60)), Limit::Line, "3");
}

#[test]
fn data_is_counted_over_all_its_lines() {
    drops("data: 0123456789\nid: 4\ndata: 0123456789\n", Limit::Event, "4");
}

#[test]
fn a_long_id_is_not_committed() {
    drops("id: 123456789\ndata: x\n", Limit::Id, "");
}

#[test]
fn a_long_name_drops_its_event() {
    drops("event: 123456789\ndata: x\nid: 5\n", Limit::Name, "5");
}

#[test]
fn at_the_limit_nothing_is_dropped() {
    let block = format!("event: 12345678\nid: 12345678\ndata: {}\n\n", "x".repeat(20));
    let outcome = parse_within(limits(), [block]);
    assert_eq!(outcome.events.len(), 1);
    assert_eq!(outcome.dropped, []);
}

#[test]
fn a_long_comment_or_unknown_field_drops_nothing() {
    let long = "x".repeat(100);
    let outcome = parse_within(limits(), [format!(":{long}\n{long}\nunknown:{long}\nretry:{long}\ndata: a\n\n")]);
    assert_eq!(outcome.events.len(), 1);
    assert_eq!(outcome.dropped, []);
}

#[test]
fn an_id_that_no_stream_can_have_sent_is_not_taken() {
    let mut parser = sse_core::Parser::new();
    for forged in ["1\ndata: forged", "1\r", "\0"] {
        assert!(parser.set_last_event_id(forged).is_err(), "{forged:?}");
    }
    assert_eq!(parser.last_event_id(), "");
}
