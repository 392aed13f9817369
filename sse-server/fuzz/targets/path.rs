//! A topic in a path: what is published there is in the topic that decoding each segment once gives, and is found under
//! the same path.
#![no_main]

mod hub;

use bytes::Bytes;
use http::Request;
use libfuzzer_sys::fuzz_target;
use sse_engine::Topic;

fuzz_target!(|input: &[u8]| {
    let path = String::from_utf8_lossy(input);
    if path.contains(['?', '#']) {
        return;
    }
    hub::with(|hub| {
        let publish = Request::post(format!("/publish/{path}"));
        let Some(answer) = hub.send(publish, vec![Bytes::from_static(b"x")]) else { return };
        let status = answer.status.as_u16();
        if path.is_empty() || status == 405 {
            return;
        }
        let told = hub.json(answer);
        match topic(&path) {
            Some(topic) if status == 200 => {
                assert_eq!(told["topic"], topic.as_str());
                let found = hub.get(&format!("/topics/{path}")).expect("the same path");
                assert_eq!(hub.json(found)["topic"], topic.as_str());
            }
            None if status == 400 || status == 404 => {}
            topic => panic!("{path:?} is {topic:?}, and came to {status}: {told}"),
        }
    });
});

/// As it is documented.
fn topic(path: &str) -> Option<Topic> {
    let segments: Option<Vec<_>> = path.split('/').map(segment).collect();
    Topic::new(&segments?.join("/")).ok()
}

fn segment(segment: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = segment.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = more.first_chunk::<2>().filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = &more[2..];
    }
    String::from_utf8(bytes).ok().filter(|segment| !segment.contains('/') && !matches!(&**segment, "" | "." | ".."))
}
