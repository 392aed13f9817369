//! The parsers: each reads all pieces and gives the number of events. Names, data and ids are looked at.

use std::{convert::Infallible, hint::black_box};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};

pub struct Parser {
    pub name: &'static str,
    pub run: fn(&[Bytes]) -> usize,
    /// Someone else's.
    pub other: bool,
    /// It tells comments from events.
    pub counts: bool,
}

pub const PARSERS: &[Parser] = &[
    Parser { name: "memchr2 alone", run: memchr2_alone, other: false, counts: false },
    Parser { name: "ours, push", run: ours, other: false, counts: true },
    Parser { name: "ours, owned", run: ours_owned, other: false, counts: true },
    Parser { name: "sse-core 0.2.3", run: other_sse_core, other: true, counts: true },
    Parser { name: "sse-stream 0.3.0", run: sse_stream, other: true, counts: false },
    Parser { name: "sse-parse 0.1.0", run: sse_parse, other: true, counts: true },
    Parser { name: "sseer 0.3.1", run: sseer, other: true, counts: false },
    Parser { name: "eventsource-stream", run: eventsource_stream, other: true, counts: true },
];

/// The limit: where lines end.
fn memchr2_alone(pieces: &[Bytes]) -> usize {
    pieces.iter().map(|piece| memchr::memchr2_iter(b'\n', b'\r', piece).count()).sum()
}

fn ours(pieces: &[Bytes]) -> usize {
    let mut parser = sse_core::Parser::new();
    let mut events = 0;
    for piece in pieces {
        parser.feed(piece, |item| {
            if let sse_core::Item::Event(event) = item {
                black_box((event.name(), event.data(), event.id()));
                events += 1;
            }
        });
    }
    events
}

fn ours_owned(pieces: &[Bytes]) -> usize {
    let mut parser = sse_core::Parser::new();
    let mut events = 0;
    for piece in pieces {
        parser.feed_bytes(piece, |event| {
            black_box(event);
            events += 1;
        });
    }
    events
}

fn other_sse_core(pieces: &[Bytes]) -> usize {
    let mut decoder = sse_core_other::SseDecoder::new();
    let mut events = 0;
    for piece in pieces {
        let mut piece = piece.clone();
        while let Some(event) = decoder.next(&mut piece) {
            if let Ok(sse_core_other::SseEvent::Message(message)) = event {
                black_box(message);
                events += 1;
            }
        }
    }
    events
}

fn sse_parse(pieces: &[Bytes]) -> usize {
    let mut parser = sse_parse::SseParser::new();
    let mut events = 0;
    for piece in pieces {
        parser.feed(piece);
        while let Some(event) = parser.next_event() {
            black_box(event);
            events += 1;
        }
    }
    events
}

fn source(pieces: &[Bytes]) -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> + Unpin + '_ {
    stream::iter(pieces.iter().cloned().map(Ok))
}

fn count<T>(stream: impl futures_util::Stream<Item = T>) -> usize {
    let counted = stream
        .map(|event| {
            black_box(event);
        })
        .count();
    counted.now_or_never().expect("all pieces are there")
}

fn sse_stream(pieces: &[Bytes]) -> usize {
    count(sse_stream::SseStream::from_bytes_stream(source(pieces)))
}

fn sseer(pieces: &[Bytes]) -> usize {
    count(sseer::EventStream::new(source(pieces)))
}

fn eventsource_stream(pieces: &[Bytes]) -> usize {
    count(eventsource_stream::EventStream::new(source(pieces)))
}
