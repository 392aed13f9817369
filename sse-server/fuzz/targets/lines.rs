//! Lines of JSON: however the body is cut, the same is published, as many events as there are lines before the first bad
//! one, and that one is told by its number.
//!
//! Input: the pieces of the body, between bytes that UTF-8 does not have.
#![no_main]

mod hub;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (whole, cuts) = hub::cuts(input);
    let publish = |pieces| hub::publish("/publish", "application/x-ndjson", pieces);
    let (status, told) = publish(vec![whole.clone()]);
    for cut in cuts {
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
