//! What reading costs, counted: allocations, and kept memory.

mod support;

use sse_core::{Item, Parser};
use support::memory::{ALLOCATIONS, Counting, LIVE};

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(what: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    what();
    ALLOCATIONS.get() - before
}

fn stream(events: usize) -> Vec<u8> {
    (0..events)
        .flat_map(|i| format!("event: tick\nid: {i:06}\ndata: {{\"v\":{i}}}\ndata: €\n\n: keep-alive\n\n").into_bytes())
        .collect()
}

#[test]
fn nothing_is_allocated_for_an_event_whole_or_cut() {
    let stream = stream(1000);
    for cut in [stream.len(), 1400, 100, 39, 10, 1] {
        let mut parser = Parser::new();
        let read = |parser: &mut Parser| {
            let mut events = 0;
            for piece in stream.chunks(cut) {
                parser.feed(piece, |item| events += usize::from(matches!(item, Item::Event(_))));
            }
            assert_eq!(events, 1000);
        };
        read(&mut parser); // buffers grow to what they need
        assert_eq!(allocations(|| read(&mut parser)), 0, "in pieces of {cut}");
    }
}

#[test]
fn a_buffer_that_grew_for_one_huge_event_is_given_back() {
    let before = LIVE.get();
    let mut parser = Parser::new();
    let line = format!("data: {}", "x".repeat(3 << 20)).into_bytes();
    for piece in line.chunks(1000) {
        parser.feed(piece, |_| {});
    }
    assert!(LIVE.get() - before > 3 << 20);
    drop(line);
    parser.feed(b"\n\n", |_| {});
    assert!(LIVE.get() - before < 300 << 10, "{} bytes are still held", LIVE.get() - before);
}
