//! What the crate's tests share: the outcome of parsing a stream, and the vectors.
#![allow(dead_code, reason = "each test target uses its part")]

pub(crate) mod oracle;
pub(crate) mod vectors;

use std::time::Duration;

use sse_core::{Item, Limit, Limits, Parser};

/// What a client sees of a stream.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Name, data and last event ID of each event.
    pub(crate) events: Vec<(String, String, String)>,
    pub(crate) last_event_id: String,
    pub(crate) retry: Option<Duration>,
    pub(crate) dropped: Vec<Limit>,
    pub(crate) comments: Vec<String>,
}

impl Outcome {
    pub(crate) fn take(&mut self, item: Item<'_>) {
        match item {
            Item::Event(event) => {
                self.events.push((event.name().into(), event.data().into(), event.id().into()));
            }
            Item::Retry(time) => self.retry = Some(time),
            Item::Dropped(limit) => self.dropped.push(limit),
            Item::Comment(text) => self.comments.push(text.into()),
            _ => {}
        }
    }
}

pub(crate) fn parse<B: AsRef<[u8]>>(pieces: impl IntoIterator<Item = B>) -> Outcome {
    parse_from("", pieces)
}

pub(crate) fn parse_from<B: AsRef<[u8]>>(last_event_id: &str, pieces: impl IntoIterator<Item = B>) -> Outcome {
    let mut parser = Parser::new();
    parser.set_last_event_id(last_event_id).unwrap();
    run(parser, pieces)
}

pub(crate) fn parse_within<B: AsRef<[u8]>>(limits: Limits, pieces: impl IntoIterator<Item = B>) -> Outcome {
    run(Parser::with_limits(limits), pieces)
}

fn run<B: AsRef<[u8]>>(mut parser: Parser, pieces: impl IntoIterator<Item = B>) -> Outcome {
    let mut outcome = Outcome::default();
    for piece in pieces {
        parser.feed(piece.as_ref(), |item| outcome.take(item));
    }
    assert_eq!(parser.retry(), outcome.retry);
    outcome.last_event_id = parser.last_event_id().into();
    outcome
}
