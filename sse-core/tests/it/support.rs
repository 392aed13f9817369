//! What the crate's tests and fuzz targets share: the outcome of parsing a stream, and what to compare it with.
#![allow(dead_code, reason = "each test target uses its part")]

pub(crate) mod memory;
pub(crate) mod oracle;
pub(crate) mod vectors;

use std::time::Duration;

use sse_core::{Event, EventId, Item, Limit, Limits, NotUtf8, Parser};

/// What a client sees of a stream.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Name, data and last event ID of each event.
    pub(crate) events: Vec<(String, String, String)>,
    pub(crate) last_event_id: String,
    pub(crate) retry: Option<Duration>,
    pub(crate) dropped: Vec<Limit>,
    pub(crate) faults: Vec<NotUtf8>,
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
            Item::NotUtf8(fault) => self.faults.push(fault),
            Item::Comment(text) => self.comments.push(text.into()),
            _ => {}
        }
    }

    /// The same for an event of the owned form.
    pub(crate) fn take_owned(&mut self, event: &Event) {
        let id = event.id().map(EventId::as_str).unwrap_or_default();
        self.events.push((event.name().into(), event.data().unwrap().to_string(), id.into()));
    }
}

/// What a client must see of events that were sent one after the other, from the events alone.
pub(crate) fn sent<'a>(events: impl IntoIterator<Item = &'a Event>) -> Outcome {
    let lines = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n");
    let mut seen = Outcome::default();
    for event in events {
        if let Some(comment) = event.comment() {
            seen.comments.extend(lines(comment).split('\n').map(ToOwned::to_owned));
        }
        if let Some(id) = event.id() {
            seen.last_event_id = id.as_str().into();
        }
        if let Some(time) = event.retry() {
            seen.retry = Some(Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)));
        }
        if let Some(data) = event.data() {
            seen.events.push((event.name().into(), lines(data), seen.last_event_id.clone()));
        }
    }
    seen
}

pub(crate) fn parse<B: AsRef<[u8]>>(chunks: impl IntoIterator<Item = B>) -> Outcome {
    parse_from("", chunks)
}

pub(crate) fn parse_from<B: AsRef<[u8]>>(last_event_id: &str, chunks: impl IntoIterator<Item = B>) -> Outcome {
    let mut parser = Parser::new();
    parser.set_last_event_id(last_event_id).unwrap();
    run(parser, chunks)
}

pub(crate) fn parse_within<B: AsRef<[u8]>>(limits: Limits, chunks: impl IntoIterator<Item = B>) -> Outcome {
    run(Parser::with_limits(limits), chunks)
}

fn run<B: AsRef<[u8]>>(mut parser: Parser, chunks: impl IntoIterator<Item = B>) -> Outcome {
    let mut outcome = Outcome::default();
    for chunk in chunks {
        parser.feed(chunk.as_ref(), |item| outcome.take(item));
    }
    assert_eq!(parser.retry(), outcome.retry);
    outcome.last_event_id = parser.last_event_id().into();
    outcome
}
