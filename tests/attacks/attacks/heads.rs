//! Heads, framing and small bodies over HTTP/1: each a line with its bytes and the statuses that are right. 0 is an end
//! without an answer.

use crate::{
    http1::{first_status, request},
    stage::{Attack, Stage},
};

attacks! {
    framing: framing, Attack::right("lengths and codings that do not agree are refused").seen_in("sse_connections"), over_tls;
    targets: targets, Attack::right("a target without a path is refused like any other").seen_in("sse_refusals_total");
    heads: heads, Attack::right("what is no head is refused").seen_in("sse_connections"), over_tls;
    hosts: hosts, Attack::right("a name that is not the hub's is 421, what is no name 400").seen_in("sse_refusals_total");
    documents: documents, Attack::right("bad JSON is refused, and shown only in part").seen_in("sse_refusals_total");
    names: names, Attack::right("no event can be taken for the hub's own").seen_in("sse_refusals_total");
}

/// What is sent, and what is right.
type Line = (&'static str, Vec<u8>, &'static [u16]);

const REFUSED: &[u16] = &[400];
const TOO_LARGE: &[u16] = &[400, 413, 414, 431];

async fn check(stage: &Stage, table: Vec<Line>) {
    let mut faults = Vec::new();
    for (name, bytes, right) in table {
        match first_status(stage.hub.address(), &bytes).await {
            Some(status) if right.contains(&status) => {}
            status => faults.push(format!("{name}: {status:?}; right is one of {right:?}")),
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// A publish of one byte with these header lines.
fn publish(headers: &str) -> Vec<u8> {
    format!("POST /publish/t HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\nx").into_bytes()
}

fn chunked(coding: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST /publish/t HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: {coding}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn get(target: &str, headers: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\n{headers}\r\n").into_bytes()
}

const HOST: &str = "Host: localhost\r\n";

async fn framing(stage: &Stage) {
    let mut table: Vec<Line> = vec![
        ("two lengths, the same", publish("Content-Length: 1\r\nContent-Length: 1"), &[200, 400]),
        ("two lengths that differ", publish("Content-Length: 1\r\nContent-Length: 2"), REFUSED),
        ("a coding that is not known", chunked("xchunked", b"1\r\nx\r\n0\r\n\r\n"), &[400, 501]),
        ("chunked is not the last", chunked("chunked, identity", b"1\r\nx\r\n0\r\n\r\n"), &[400, 501]),
        ("gzip below chunked", chunked("gzip, chunked", b"1\r\nx\r\n0\r\n\r\n"), &[400, 501]),
        ("a vertical tab before it", chunked("\x0bchunked", b"1\r\nx\r\n0\r\n\r\n"), &[400, 501]),
        ("a chunk size of 17 digits", chunked("chunked", b"00000000000000001\r\nx\r\n0\r\n\r\n"), &[200, 400]),
        ("a chunk size that overflows", chunked("chunked", b"fffffffffffffffff\r\nx\r\n0\r\n\r\n"), REFUSED),
        ("a bare LF after a chunk size", chunked("chunked", b"1\nx\r\n0\r\n\r\n"), REFUSED),
        ("a space before the colon", publish("Content-Length : 1"), REFUSED),
        ("a folded line", publish("Content-Length: 1\r\nX: a\r\n b"), REFUSED),
        ("a NUL in a value", publish("Content-Length: 1\r\nX: a\0b"), REFUSED),
        ("a NUL in a name", publish("Content-Length: 1\r\nX\0: b"), REFUSED),
        ("a CR in a value", publish("Content-Length: 1\r\nX: a\rb"), REFUSED),
        ("a gigabyte that is waited for", publish("Expect: 100-continue\r\nContent-Length: 1073741824"), &[413]),
        ("a coding of the content", publish("Content-Encoding: gzip\r\nContent-Length: 1"), &[415]),
        ("an upgrade", get("/live", &format!("{HOST}Upgrade: h2c\r\nConnection: upgrade\r\n")), &[200]),
    ];
    for length in ["+1", "-1", "0x1", "1e0", "99999999999999999999"] {
        table.push(("an odd length", publish(&format!("Content-Length: {length}")), REFUSED));
    }
    let extension = [b"1;".to_vec(), vec![b'a'; 1 << 20], b"\r\nx\r\n0\r\n\r\n".to_vec()].concat();
    table.push(("an extension of a megabyte", chunked("chunked", &extension), TOO_LARGE));
    let trailer = [b"1\r\nx\r\n0\r\nX: ".to_vec(), vec![b'a'; 1 << 20], b"\r\n\r\n".to_vec()].concat();
    table.push(("trailers of a megabyte", chunked("chunked", &trailer), TOO_LARGE));
    check(stage, table).await;
}

async fn targets(stage: &Stage) {
    const NO_PATH: &[u16] = &[400, 404, 405, 421];
    let of = |line: &str| format!("{line} HTTP/1.1\r\n{HOST}\r\n").into_bytes();
    let table: Vec<Line> = vec![
        ("CONNECT", of("CONNECT a:80"), NO_PATH),
        ("CONNECT to itself", of("CONNECT localhost:80"), NO_PATH),
        ("an authority", of("GET localhost:80"), NO_PATH),
        ("a publish to an authority", of("POST localhost:80"), NO_PATH),
        ("an authority's options", of("OPTIONS a:80"), NO_PATH),
        ("the server's options", of("OPTIONS *"), &[200, 204, 400, 404, 405]),
        ("a trace", of("TRACE /live"), &[405]),
        ("a method of 10 KB", of(&format!("{} /live", "A".repeat(10_000))), &[400, 405, 414, 431, 501]),
        ("a path of 100 KB", of(&format!("GET /{}", "a".repeat(100_000))), TOO_LARGE),
        ("7,500 topics", of(&format!("GET /events?{}", "topic=a&".repeat(7_500))), TOO_LARGE),
        ("40,000 of nothing", of(&format!("GET /live?{}", "&".repeat(40_000))), &[200, 400, 414]),
        ("one up", of("GET /../../etc/passwd"), &[400, 404]),
        ("one up, encoded", of("GET /%2e%2e/%2e%2e/etc/passwd"), &[400, 404]),
        ("a slash, encoded", of("POST /publish/a%2fb"), &[400]),
        ("a NUL, encoded", of("POST /publish/a%00"), &[400]),
        ("an absolute target", get("http://localhost/live", HOST), &[200]),
        ("an absolute target without a host", get("http://localhost/live", ""), REFUSED),
        ("an absolute target, two hosts", get("http://localhost/live", "Host: a\r\nHost: b\r\n"), REFUSED),
    ];
    check(stage, table).await;
}

async fn heads(stage: &Stage) {
    let noise: Vec<u8> = (0..5_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut table: Vec<Line> = vec![
        ("101 fields", get("/live", &format!("{HOST}{}", "X: y\r\n".repeat(101))), &[431]),
        ("a field of 2 MB", get("/live", &format!("{HOST}X: {}\r\n", "y".repeat(2 << 20))), &[431]),
        ("a megabyte of empty lines", b"\r\n".repeat(1 << 19), TOO_LARGE),
        ("bare LF", b"GET /live HTTP/1.1\nHost: localhost\n\n".to_vec(), &[200, 400]),
        ("bare CR", b"GET /live HTTP/1.1\rHost: localhost\r\r".to_vec(), REFUSED),
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), &[0, 400]),
        ("SSH", b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec(), &[0, 400]),
        ("noise", noise, &[0, 400]),
    ];
    for version in ["0.9", "1.2", "2.0", "3.0"] {
        let head = format!("GET /live HTTP/{version}\r\n{HOST}\r\n");
        table.push(("another version", head.into_bytes(), &[0, 400, 505]));
    }
    check(stage, table).await;
}

async fn hosts(stage: &Stage) {
    const NOT_ITS_OWN: &[u16] = &[421];
    let host = |host: &str| get("/live", &format!("Host: {host}\r\n"));
    let mut table: Vec<Line> = vec![
        ("no host", get("/live", ""), REFUSED),
        ("two hosts", get("/live", "Host: localhost\r\nHost: localhost\r\n"), REFUSED),
        ("an empty host", host(""), &[400, 421]),
    ];
    for name in ["127.0.0.1.evil", "localhost.evil", "127.1", "0x7f.1", "2130706433", "[::ffff:8.8.8.8]", "hub.evil"] {
        table.push(("a name of someone else's", host(name), NOT_ITS_OWN));
    }
    for name in ["evil@localhost", "localhost:abc", "[127.0.0.1]", "[::1]x", "localhost:99999", "local/host"] {
        table.push(("no name at all", host(name), &[400, 421]));
    }
    for origin in ["null", "https://evil.example", "http://localhost.evil", "http://evil@localhost", "file://"] {
        let refused = get("/live", &format!("{HOST}Origin: {origin}\r\n"));
        table.push(("a page of another origin", refused, &[403]));
    }
    let origins = format!("{HOST}Origin: http://localhost\r\nOrigin: http://evil.example\r\n");
    table.push(("two origins", get("/live", &origins), &[400, 403]));
    let site = format!("{HOST}Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n");
    table.push(("a page of another site", get("/live", &site), &[403]));
    check(stage, table).await;
}

async fn documents(stage: &Stage) {
    let json = |body: &[u8]| request("POST /publish", &[("Content-Type", "application/json")], body);
    let member = |value: &str| json(format!(r#"{{"topic":"a","data":1,"event":{value}}}"#).as_bytes());
    let data = |value: &str| json(format!(r#"{{"topic":"a","data":{value}}}"#).as_bytes());
    let table: Vec<Line> = vec![
        ("100,000 deep", data(&"[".repeat(100_000)), REFUSED),
        ("100,000 deep, and closed", data(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))), &[200, 400]),
        ("half a pair of surrogates", data(r#""\ud800""#), REFUSED),
        ("half a pair, further in", data(r#"["\ud800"]"#), REFUSED),
        ("a number beyond all", data("1e999999999"), &[200, 400]),
        ("a member twice", json(br#"{"topic":"a","topic":"b","data":1}"#), REFUSED),
        ("a member that is not known", json(br#"{"topic":"a","data":1,"x":1}"#), REFUSED),
        ("an event name that is a number", member("1"), REFUSED),
        ("text that is not UTF-8", request("POST /publish/a", &[], b"\xff\xfe"), REFUSED),
        ("10,001 events", json(format!("[{}1]", "1,".repeat(10_000)).as_bytes()), &[400, 413]),
        ("a million zeros", json(format!("[{}0]", "0,".repeat(1_000_000)).as_bytes()), &[400, 413]),
        ("two documents", json(b"{}{}"), REFUSED),
        ("nothing", json(b""), REFUSED),
    ];
    check(stage, table).await;
    let unknown = format!(r#"{{"topic":"a","data":1,"{}":1}}"#, "x".repeat(200_000));
    let answer = stage.hub.ask("POST /publish", &[("Content-Type", "application/json")], unknown.as_bytes()).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.len() < 4_096, "an answer of {} bytes shows too much of what was sent", answer.body.len());
}

async fn names(stage: &Stage) {
    let publish = |name: &str| request(&format!("POST /publish/a?event={name}"), &[], b"x");
    let mut table: Vec<Line> = Vec::new();
    for name in ["sse-cursor", "SSE-gap", "Sse-Drain", "%20sse-cursor", "sse-end%20", "a%0Ab", "a%0Db", "a%00b", ""] {
        table.push(("a name of the hub's, or near it", publish(name), REFUSED));
    }
    for topic in ["a/*", "a/../b", "a/./b", "a//b", "%2a", "a%0a"] {
        let bytes = request(&format!("POST /publish/{topic}"), &[], b"x");
        table.push(("a topic that is none", bytes, &[400, 404]));
    }
    check(stage, table).await;
}
