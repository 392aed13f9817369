//! What is shown to a hub with access control: nobody gets in without the token, and who is refused is told why.
//!
//! Input: lines, each a letter and a value. `A` is a header `Authorization`, `C` a header `Cookie`, `T` a ticket. A byte that UTF-8
//! does not have stands for the token.
#![no_main]

mod hub;

use bytes::Bytes;
use http::{HeaderValue, Request};
use libfuzzer_sys::fuzz_target;
use sse_server::{AuthMode, NewToken, Selector, Tokens};

const TOKEN: u8 = 0xFF;

fuzz_target!(|input: &[u8]| {
    thread_local!(static HUB: (hub::Fuzzed, String) = controlled());
    HUB.with(|(hub, token)| {
        let shown = |request: http::request::Builder| {
            input.split(|byte| *byte == b'\n').filter_map(<[u8]>::split_first).fold(
                request,
                |request, (kind, value)| {
                    let value: Vec<u8> = value.iter().flat_map(|byte| spelled(byte, token)).copied().collect();
                    match (kind, HeaderValue::from_bytes(&value)) {
                        (b'A', Ok(value)) => request.header("authorization", value),
                        (b'C', Ok(value)) => request.header("cookie", value),
                        _ => request,
                    }
                },
            )
        };
        let ticket = input.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"T"));
        let ticket = ticket.map(|ticket| format!("&ticket={}", String::from_utf8_lossy(ticket))).unwrap_or_default();
        let requests = [
            (shown(Request::get(format!("/events?topic=a{ticket}"))), "", 200),
            (shown(Request::get("/events?topic=b")), "", 0),
            (shown(Request::post("/publish/a")), "x", 200),
            (shown(Request::post("/publish/b")), "x", 0),
            (shown(Request::post("/tickets")), r#"{"topics":["a"]}"#, 200),
        ];
        for (request, body, allowed) in requests {
            let Some(answer) = hub.send(request, vec![Bytes::from_static(body.as_bytes())]) else { continue };
            match answer.status.as_u16() {
                status if status == allowed => assert!(input.contains(&TOKEN), "{input:?} got in"),
                400 | 401 | 403 => {
                    let told = hub.json(answer).to_string();
                    assert!(!told.contains(token), "{input:?} is told the token: {told}");
                }
                status => panic!("{input:?} came to {status}"),
            }
        }
    });
});

fn spelled<'a>(byte: &'a u8, token: &'a str) -> &'a [u8] {
    if *byte == TOKEN { token.as_bytes() } else { std::slice::from_ref(byte) }
}

/// A hub with one token, which may do everything with one topic.
fn controlled() -> (hub::Fuzzed, String) {
    let own = vec![Selector::new("a").expect("a topic")];
    let new = NewToken { subject: "x".into(), publish: own.clone(), subscribe: own, valid_for: None };
    let mut tokens = Tokens::default();
    let issued = tokens.issue(new, std::time::SystemTime::now()).expect("a token");
    let file = std::env::temp_dir().join(format!("sse-fuzz-{}.toml", std::process::id()));
    std::fs::write(&file, tokens.to_toml().expect("a file's text")).expect("a file of tokens");
    let hub = hub::Fuzzed::with(|config| {
        (config.auth.mode, config.auth.tokens) = (AuthMode::Tokens, file.clone());
        config.auth.cookie = Some("s".into());
    });
    (hub, issued.token)
}
