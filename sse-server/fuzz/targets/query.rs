//! A query: it opens a stream, which begins with one of the hub's own events, or it is refused with a sentence.
#![no_main]

mod hub;

use bytes::Bytes;
use http::Request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let query = String::from_utf8_lossy(input);
    hub::with(|hub| {
        let Some(answer) = hub.get(&format!("/events?{query}")) else { return };
        match answer.status.as_u16() {
            200 => {
                let beginning = hub.beginning(answer);
                let begins = ["event: sse-cursor\n", "event: sse-gap\n", ":"];
                assert!(begins.iter().any(|begin| beginning.starts_with(begin)), "{query:?}: {beginning:?}");
            }
            400 => drop(hub.json(answer)),
            status => panic!("{query:?} came to {status}"),
        }
        for target in ["/topics", "/topics/a"] {
            let answer = hub.get(&format!("{target}?{query}")).expect("the query stands in a target");
            assert!(matches!(answer.status.as_u16(), 200 | 400 | 404), "{target}?{query} came to {}", answer.status);
        }
        let publish = Request::post(format!("/publish/a?{query}"));
        let answer = hub.send(publish, vec![Bytes::from_static(b"x")]).expect("the query stands in a target");
        assert!(matches!(answer.status.as_u16(), 200 | 400 | 409), "a publish with {query} came to {}", answer.status);
    });
});
