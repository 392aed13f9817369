//! The other forms: a stream of events, and a codec.
#![cfg(all(feature = "stream", feature = "codec"))]

use crate::support::memory::LIVE;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use sse_core::{Event, EventCodec, EventStream, Parser};
use tokio_util::codec::{FramedRead, FramedWrite};

#[test]
fn a_stream_of_pieces_is_a_stream_of_events() {
    let chunks = [Ok("id: 1\ndata: a\n\nda"), Err("broken"), Ok("ta: b\r"), Ok("\n\r\ndata: unfinished\n")];
    let mut events = EventStream::new(stream::iter(chunks));
    let mut next = || events.next().now_or_never().unwrap();
    assert_eq!(next().unwrap().unwrap().data().unwrap(), "a");
    assert_eq!(next(), Some(Err("broken")));
    let second = next().unwrap().unwrap();
    assert_eq!((second.data().unwrap().as_str(), second.id().unwrap().as_str()), ("b", "1"));
    assert_eq!(next(), None);
    assert_eq!(next(), None);
    assert_eq!(events.last_event_id(), "1");
}

#[test]
fn a_strict_stream_counts_what_it_dropped() {
    let chunks = stream::iter([Ok::<_, ()>(&b"data: \xFF\n\ndata: a\n\n"[..])]);
    let mut events = EventStream::with_parser(chunks, Parser::new().strict());
    let event = events.next().now_or_never().flatten().unwrap().unwrap();
    assert_eq!((event.data().unwrap().as_str(), events.dropped()), ("a", 1));
}

#[test]
fn a_large_piece_is_read_a_part_at_a_time() {
    let before = LIVE.get();
    let chunk = Bytes::from(b"data\n\n".repeat(100_000));
    let mut events = EventStream::new(stream::iter([Ok::<_, ()>(chunk)]));
    let mut count = 0;
    while events.next().now_or_never().flatten().is_some() {
        count += 1;
        let held = LIVE.get() - before;
        assert!(held < 2 << 20, "{held} bytes are held for a chunk of 600 KB");
    }
    assert_eq!(count, 100_000);
}

#[tokio::test]
async fn what_is_written_through_the_codec_is_read_through_it() {
    let (client, server) = tokio::io::duplex(7);
    let events = [Event::message("a\nb"), Event::message(""), Event::message("c".repeat(100))];
    let sent = events.clone();
    let writing = tokio::spawn(async move {
        use futures_util::SinkExt;
        let mut sink = FramedWrite::new(server, EventCodec::new());
        for event in sent {
            sink.send(event).await.unwrap();
        }
    });
    let read: Vec<_> = FramedRead::new(client, EventCodec::new()).try_collect().await.unwrap();
    writing.await.unwrap();
    assert_eq!(read, events);
}
