//! What parsing costs, counted where only the parser can see it.

use alloc::{format, string::String, vec};

use super::*;
use crate::{scan::SCANNED, utf8::CHECKED};

/// How often each byte is scanned for line ends, and how often it is checked as UTF-8, at most.
fn looks(stream: &[u8], cut: usize, events: usize) -> (f64, f64) {
    let mut limits = Limits::default();
    (limits.line, limits.event) = (16 << 20, 16 << 20);
    let mut parser = Parser::with_limits(limits);
    let mut seen = 0;
    let (scanned, checked) = (SCANNED.get(), CHECKED.get());
    for chunk in stream.chunks(cut) {
        parser.feed(chunk, |item| seen += usize::from(matches!(item, Item::Event(_))));
    }
    assert_eq!(seen, events);
    let each = |bytes: usize| bytes as f64 / stream.len() as f64;
    (each(SCANNED.get() - scanned), each(CHECKED.get() - checked))
}

#[test]
#[cfg_attr(miri, ignore = "megabytes, to be counted")]
fn each_byte_is_scanned_once_and_checked_at_most_twice_however_the_input_is_cut() {
    let long = [b"data: ", &*vec![b'x'; 8 << 20], b"\n\n"].concat();
    let ticks: String = (0..1000).map(|i| format!("event: tick\nid: {i}\ndata: {i}\n\n: alive\r\n\r\n")).collect();
    let inherited = [&b"id: \xFF"[..], &[b'i'; 1000], b"\n\n", &b"data\n\n".repeat(1000)].concat();
    for (stream, events) in [(long.as_slice(), 1), (ticks.as_bytes(), 1000), (&inherited, 1000)] {
        for cut in [1, 10, 1024, 16 << 10, stream.len()] {
            let (scanned, checked) = looks(stream, cut, events);
            assert!((0.9..=1.0).contains(&scanned), "in chunks of {cut}: scanned {scanned} times");
            assert!(checked <= 2.0, "in chunks of {cut}: checked {checked} times");
        }
    }
}
