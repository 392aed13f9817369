//! A stream that is poured in: however it is cut, the same is published, and as many events as the parser finds in it.
//!
//! Input: the pieces of the body, between bytes that UTF-8 does not have.
#![no_main]

mod hub;

use libfuzzer_sys::fuzz_target;
use sse_core::Parser;

fuzz_target!(|input: &[u8]| {
    let (whole, cuts) = hub::cuts(input);
    let publish = |pieces| hub::publish("/publish/a", "text/event-stream", pieces);
    let (status, told) = publish(vec![whole.clone()]);
    for cut in cuts {
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
