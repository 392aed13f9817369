//! What reading costs, counted: allocations, and kept memory.

use crate::support::memory::{ALLOCATIONS, LIVE};
use bytes::Bytes;
use sse_core::{Event, Item, Parser};

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
            for chunk in stream.chunks(cut) {
                parser.feed(chunk, |item| events += usize::from(matches!(item, Item::Event(_))));
            }
            assert_eq!(events, 1000);
        };
        read(&mut parser); // buffers grow to what they need
        assert_eq!(allocations(|| read(&mut parser)), 0, "in chunks of {cut}");
    }
}

#[test]
fn an_id_that_is_not_utf8_is_decoded_once_and_not_for_every_event_that_inherits_it() {
    let stream = [b"id: \xFFx\n\n".as_slice(), &b"data\n\n".repeat(1000)].concat();
    let mut parser = Parser::new();
    let mut events = 0;
    let count = allocations(|| {
        parser.feed(&stream, |item| {
            if let Item::Event(event) = item {
                assert_eq!(event.id(), "\u{FFFD}x");
                events += 1;
            }
        });
    });
    assert_eq!(events, 1000);
    assert!(count < 5, "{count} allocations");
}

#[test]
fn owned_events_inherit_the_last_id_and_no_earlier_one() {
    let mut ids = Vec::new();
    let stream = Bytes::from_static(b"id: 1\n\ndata\n\ndata\n\nid: 2\n\ndata\n\nid: 3\ndata\n\ndata\n\nid\n\ndata\n\n");
    for cut in 1..stream.len() {
        let mut parser = Parser::new();
        ids.clear();
        for chunk in stream.chunks(cut) {
            let chunk = stream.slice_ref(chunk);
            parser.feed_bytes(&chunk, |event| ids.push(event.id().map(ToString::to_string).unwrap_or_default()));
        }
        assert_eq!(ids, ["1", "1", "2", "3", "3", ""], "in chunks of {cut}");
    }
}

#[test]
fn owned_events_share_the_id_that_they_inherit() {
    let mut parser = Parser::new();
    parser.feed_bytes(&format!("id: {}\n\n", "i".repeat(1000)).into(), |_| unreachable!("no data"));
    let chunk = Bytes::from(b"data: x\n\n".repeat(1000));
    let before = LIVE.get();
    let mut events = Vec::with_capacity(1000);
    parser.feed_bytes(&chunk, |event| events.push(event));
    assert!(events.iter().all(|event| event.id().unwrap().as_str().len() == 1000));
    let each = (LIVE.get() - before) as usize / events.len();
    assert!(each < size_of::<Event>() + 100, "{each} bytes for each event");
}

#[test]
fn a_buffer_that_grew_for_one_huge_event_is_given_back() {
    let before = LIVE.get();
    let mut parser = Parser::new();
    let line = format!("data: {}", "x".repeat(3 << 20)).into_bytes();
    for chunk in line.chunks(1000) {
        parser.feed(chunk, |_| {});
    }
    assert!(LIVE.get() - before > 3 << 20);
    drop(line);
    parser.feed(b"\n\n", |_| {});
    assert!(LIVE.get() - before < 300 << 10, "{} bytes are still held", LIVE.get() - before);
}
