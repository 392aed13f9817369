//! A stream that is poured in: however it is cut, the same is published, and as many events as the parser finds in it.
//!
//! Input: the pieces of the body, between bytes that UTF-8 does not have.
#![no_main]

mod hub;

use bytes::Bytes;
use http::Request;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sse_core::Parser;

fuzz_target!(|input: &[u8]| {
    let pieces: Vec<_> = input.split(|byte| *byte == 0xFF).map(Bytes::copy_from_slice).collect();
    let whole = Bytes::from(pieces.concat());
    let (status, told) = publish(vec![whole.clone()]);
    let bytes = whole.chunks(1).map(Bytes::copy_from_slice).collect();
    for cut in [pieces, bytes] {
        assert_eq!(publish(cut), (status, told.clone()), "{whole:?}");
    }
    let mut events = 0;
    Parser::new().feed_bytes(&whole, |_| events += 1);
    let published = told["published"].as_u64();
    match status {
        200 => assert_eq!(published, Some(events), "{whole:?}"),
        400 | 413 | 422 => assert!(published <= Some(events), "{whole:?}: {told}"),
        status => panic!("{whole:?} came to {status}"),
    }
});

/// The answer, without the IDs and what is told of them.
fn publish(pieces: Vec<Bytes>) -> (u16, Value) {
    let hub = hub::Fuzzed::new();
    let request = Request::post("/publish/a").header("content-type", "text/event-stream");
    let answer = hub.send(request, pieces).expect("a request");
    let status = answer.status.as_u16();
    let mut told = hub.json(answer);
    for member in ["first_id", "last_id"] {
        told.as_object_mut().expect("an object").remove(member);
    }
    (status, told)
}
