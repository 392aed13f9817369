//! The conformance vectors, under every cut.

use crate::support::{Outcome, parse, parse_from, vectors};
use sse_core::{Event, EventId, EventName, Text};
use std::time::Duration;

/// Calls `each` with the stream whole, as given, byte by byte and in every two-way split.
fn every_cut(chunks: &[Vec<u8>], mut each: impl FnMut(&[&[u8]])) {
    let whole = chunks.concat();
    each(&[&whole]);
    each(&chunks.iter().map(Vec::as_slice).collect::<Vec<_>>());
    each(&whole.chunks(1).collect::<Vec<_>>());
    if cfg!(miri) {
        return; // hours of it
    }
    for at in 1..whole.len() {
        let (first, second) = whole.split_at(at);
        each(&[first, second]);
    }
}

/// The vectors do not speak of comments.
fn without_comments(mut outcome: Outcome) -> Outcome {
    outcome.comments.clear();
    outcome
}

#[test]
fn every_parse_vector_under_every_cut() {
    for vector in vectors::parse().into_iter().chain(vectors::parse_seeded()) {
        if cfg!(miri) && vector.chunks.concat().len() > 1000 {
            continue;
        }
        every_cut(&vector.chunks, |cut| {
            let seen = without_comments(parse_from(&vector.initial_last_event_id, cut));
            let lengths = || cut.iter().map(|chunk| chunk.len()).collect::<Vec<_>>();
            assert_eq!(seen, vector.expect, "{} cut as {:?}", vector.name, lengths());
        });
    }
}

#[test]
fn every_encode_vector() {
    for vector in vectors::encode() {
        let input = &vector.input;
        let text = |field: &str| input.get(field).and_then(|value| value.as_str()).map(Text::from);
        let mut builder = Event::builder();
        let mut refused = None;
        if let Some(comment) = text("comment") {
            builder = builder.comment(comment);
        }
        if let Some(name) = text("event") {
            match EventName::new(name) {
                Ok(name) => builder = builder.name(name),
                Err(_) => refused = Some("event"),
            }
        }
        if let Some(id) = text("id") {
            match EventId::new(id) {
                Ok(id) => builder = builder.id(id),
                Err(_) => refused = Some("id"),
            }
        }
        if let Some(millis) = input.get("retry") {
            builder = builder.retry(Duration::from_millis(millis.as_u64().unwrap()));
        }
        if let Some(data) = text("data") {
            builder = builder.data(data);
        }
        assert_eq!(refused, vector.reject.as_deref(), "{}", vector.name);
        if refused.is_none() {
            let wire = builder.build().to_bytes();
            assert_eq!(wire, vector.wire, "{}", vector.name);
            assert_eq!(without_comments(parse([&wire])), vector.parsed, "{}", vector.name);
        }
    }
}

#[test]
fn the_outcome_shows_a_difference() {
    let event = |data: &str| parse([format!("data: {data}\n\n")]);
    assert_ne!(event("a"), event("b"));
    assert_ne!(event("a"), Outcome::default());
}
