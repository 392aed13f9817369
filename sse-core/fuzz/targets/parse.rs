//! A stream under its cuts, within its limits: the borrowed form, the owned form and the one-piece parse see what the
//! oracle sees, and little memory is kept.
//!
//! Input: the limits, the last event ID of an earlier connection, then the pieces of the stream, in which FE stands for
//! a long text, so that it takes few bytes to get to where large events are treated differently.
#![no_main]

mod input;
#[path = "../../tests/it"]
mod it {
    pub(crate) mod support;
}

use bytes::Bytes;
use it::support::{
    Outcome,
    memory::{Counting, LIVE},
    oracle,
};
use libfuzzer_sys::fuzz_target;
use sse_core::{Limits, Parser};

#[global_allocator]
static COUNTING: Counting = Counting;

fuzz_target!(|input: &[u8]| {
    let mut parts = input::parts(input);
    let limits = input::limits(parts.next().unwrap_or_default());
    let id = input::text(parts.next().unwrap_or_default());
    let pieces: Vec<_> = parts.map(with_long_texts).collect();
    let whole = pieces.concat();

    let mut lax = Parser::with_limits(limits);
    if lax.set_last_event_id(&id).is_err() {
        return;
    }
    let strict = lax.clone().strict();
    for (parser, expect) in
        [(lax, oracle::read(&whole, limits, &id)), (strict, oracle::read_strict(&whole, limits, &id))]
    {
        for pieces in [&pieces[..], std::slice::from_ref(&whole)] {
            assert_eq!(borrowed(parser.clone(), pieces), expect);
            assert_eq!(owned(parser.clone(), pieces), expect.events);
        }
        keeps_little(parser, &pieces, limits);
    }
});

fn with_long_texts(piece: &[u8]) -> Vec<u8> {
    let long = [b'x'; 1500];
    piece.iter().flat_map(|byte| if *byte == 0xFE { &long } else { std::slice::from_ref(byte) }).copied().collect()
}

fn borrowed(mut parser: Parser, pieces: &[Vec<u8>]) -> Outcome {
    let mut seen = Outcome::default();
    for piece in pieces {
        parser.feed(piece, |item| seen.take(item));
    }
    assert_eq!(parser.retry(), seen.retry);
    assert_eq!(parser.dropped(), (seen.dropped.len() + seen.faults.len()) as u64);
    seen.last_event_id = parser.last_event_id().into();
    seen
}

fn owned(mut parser: Parser, pieces: &[Vec<u8>]) -> Vec<(String, String, String)> {
    let mut seen = Outcome::default();
    for piece in pieces {
        parser.feed_bytes(&Bytes::copy_from_slice(piece), |event| seen.take_owned(&event));
    }
    seen.events
}

/// Whatever comes, a buffer is at most twice what its limit lets into it, since it doubles as it grows.
fn keeps_little(parser: Parser, pieces: &[Vec<u8>], limits: Limits) {
    let Limits { line, event, id, name, .. } = limits;
    let replaced = 3 * id; // U+FFFD for each byte
    let most = 2 * (line + 1 + event + id + name + replaced) + 5 * size_of::<usize>();
    for owned in [false, true] {
        let mut parser = parser.clone();
        let before = LIVE.get();
        for piece in pieces {
            match owned {
                true => parser.feed_bytes(&Bytes::copy_from_slice(piece), drop),
                false => parser.feed(piece, |_| {}),
            }
            let grown = LIVE.get() - before;
            assert!(grown <= most as isize, "{grown} bytes are kept where {most} are the most");
        }
    }
}
