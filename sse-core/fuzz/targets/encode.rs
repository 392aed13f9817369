//! Events of any fields: the length is what was said, and a client reads the same fields and no others.
//!
//! Input: the length of the pieces that the wire is cut into, then fields, each a letter and its text: `c`omment,
//! `e`vent name, `i`d, `r`econnection time, `d`ata. Anything else ends an event.
#![no_main]

mod input;
#[path = "../../tests/it"]
mod it {
    pub(crate) mod support;
}

use bytes::BytesMut;
use it::support::{Outcome, parse_within, sent};
use libfuzzer_sys::fuzz_target;
use sse_core::{Event, EventBuilder, EventCodec, EventId, EventName, Limits, Parser};
use tokio_util::codec::{Decoder, Encoder};

fuzz_target!(|input: &[u8]| {
    let mut parts = input::parts(input);
    let cut = usize::from(parts.next().and_then(|part| part.first()).copied().unwrap_or(u8::MAX)).max(1);
    let events = events(parts);

    let mut wire = Vec::new();
    let mut framed = BytesMut::new();
    for event in &events {
        let before = wire.len();
        event.encode(&mut wire);
        assert_eq!(event.encoded_len(), wire.len() - before);
        assert_eq!(event.to_bytes(), wire[before..]);
        EventCodec::new().encode(event, &mut framed).unwrap();
    }
    assert_eq!(framed, wire);

    let mut wide = Limits::new(1 << 20, 1 << 20);
    (wide.id, wide.name) = (1 << 20, 1 << 20);
    let expect = sent(&events);
    assert_eq!(parse_within(wide, wire.chunks(cut)), expect);

    let (mut codec, mut seen) = (EventCodec::with_parser(Parser::with_limits(wide)), Outcome::default());
    for piece in wire.chunks(cut) {
        let mut piece = BytesMut::from(piece);
        while let Some(event) = codec.decode(&mut piece).unwrap() {
            seen.take_owned(&event);
        }
    }
    assert_eq!(seen.events, expect.events);
});

fn events<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Vec<Event> {
    let mut events = Vec::new();
    let mut event = Event::builder();
    for part in parts {
        match part.split_first() {
            Some((letter, text)) if b"ceird".contains(letter) => event = with(event, *letter, input::text(text)),
            _ => events.push(std::mem::take(&mut event).build()),
        }
    }
    events.push(event.build());
    events
}

/// The event with a field more, unless its text can't stand in that field.
fn with(event: EventBuilder, field: u8, text: String) -> EventBuilder {
    let forges = text.contains(['\r', '\n']);
    match field {
        b'c' => event.comment(text),
        b'e' => match EventName::new(&*text) {
            Ok(name) => {
                assert!(!forges);
                event.name(name)
            }
            Err(error) => {
                assert!(forges && text[error.position()..].starts_with(['\r', '\n']));
                event
            }
        },
        b'i' => match EventId::new(&*text) {
            Ok(id) => {
                assert!(!forges && !text.contains('\0'));
                event.id(id)
            }
            Err(error) => {
                assert!(text[error.position()..].starts_with(['\r', '\n', '\0']));
                event
            }
        },
        b'r' => event.retry(input::time(&text)),
        _ => event.data(text),
    }
}
