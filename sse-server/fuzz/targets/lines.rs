//! Lines of JSON: however the body is cut, the same is published, as many events as there are lines before the first bad
//! one, and that one is told by its number.
//!
//! Input: the pieces of the body, between bytes that UTF-8 does not have.
#![no_main]

mod hub;

use bytes::Bytes;
use http::Request;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let pieces: Vec<_> = input.split(|byte| *byte == 0xFF).map(Bytes::copy_from_slice).collect();
    let whole = Bytes::from(pieces.concat());
    let (status, told) = publish(vec![whole.clone()]);
    let bytes = whole.chunks(1).map(Bytes::copy_from_slice).collect();
    for cut in [pieces, bytes] {
        assert_eq!(publish(cut), (status, told.clone()), "{whole:?}");
    }

    // a byte order mark before the first line is passed over
    let text = whole.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&whole);
    let blank = |line: &&[u8]| line.trim_ascii().is_empty();
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !blank(line)).count() as u64;
    let published = told["published"].as_u64();
    match status {
        200 => assert_eq!(published, Some(lines), "{whole:?}"),
        400 | 413 | 422 => assert!(published < Some(lines), "{whole:?}: {told}"),
        status => panic!("{whole:?} came to {status}"),
    }
});

/// The answer, without the IDs and what is told of them.
fn publish(pieces: Vec<Bytes>) -> (u16, Value) {
    // the keys of one must not make repeats of another
    let hub = hub::Fuzzed::new();
    let request = Request::post("/publish").header("content-type", "application/x-ndjson");
    let answer = hub.send(request, pieces).expect("a request");
    let status = answer.status.as_u16();
    let mut told = hub.json(answer);
    for member in ["first_id", "last_id"] {
        told.as_object_mut().expect("an object").remove(member);
    }
    (status, told)
}
