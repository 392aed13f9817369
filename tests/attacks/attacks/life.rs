//! The program's start and end, its log lines, its descriptors.

use std::{fs::File, os::fd::OwnedFd, process::Stdio};

use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    bystanders::{Bystanders, PAUSE},
    eventually,
    http1::{ATTACKER, connect},
    http2::Connection,
    stage::{Attack, Stage},
    target::Launch,
};

attacks! {
    stopped_and_continued: paused,
        Attack::right("streams live on, and get the next event").seen_in("sse_subscribers");
    half_requests_at_the_end: half_requests,
        Attack::right("they do not hold up the end").seen_in("sse_connections");
    odd_log_lines: log_lines,
        Attack::right("nothing in a log line moves a terminal or turns text round")
            .with(&[("SSE__TELEMETRY__LOG", "debug"), ("SSE__TELEMETRY__FORMAT", "json")])
            .seen_in("sse_refusals_total");
}

alone! {
    half_a_head_does_not_take_the_whole_window: half_head_and_a_long_window;
    http2_that_ignores_the_end_does_not_take_the_whole_window: http2_and_a_long_window;
    reader_of_the_log_is_gone: no_reader;
    nobody_reads_the_log: unread_log;
    log_is_a_full_disk_at_the_start: full_stderr;
    log_is_closed_at_the_start: closed_stderr;
    hang_up: hang_up;
    few_descriptors: few_descriptors;
}

async fn paused(stage: &Stage) {
    let before = stage.hub.metric("sse_subscribers").await;
    let mut held = Vec::new();
    for _ in 0..stage.size(50, 300) {
        let mut socket = connect(ATTACKER, stage.hub.address()).await.expect("the hub listens");
        socket.write_all(b"GET /events?topic=p HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("the hub reads");
        held.push(socket);
    }
    let all = before + held.len() as u64;
    eventually("the streams are open", async || stage.hub.metric("sse_subscribers").await == all).await;
    stage.hub.signal("STOP");
    let stopped = format!("/proc/{}/stat", stage.hub.id());
    eventually("it stands", async || std::fs::read_to_string(&stopped).is_ok_and(|stat| stat.contains(") T "))).await;
    stage.hub.signal("CONT");
    assert_eq!(stage.hub.publish("p", b"after").await.status, 200);
    for mut socket in held {
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains("data: after") {
            let read = tokio::io::AsyncReadExt::read_buf(&mut socket, &mut seen).await;
            assert!(matches!(read, Ok(number) if number > 0), "a stream ended: {}", String::from_utf8_lossy(&seen));
        }
    }
}

/// Held until the test's end, so that the hub has to end in spite of them.
async fn half_requests(stage: &Stage) {
    let beginnings: [&[u8]; 5] = [
        b"",
        b"GET /li",
        b"POST /publish/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx",
        b"POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n\
          Content-Length: 999\r\n\r\n{",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    ];
    for bytes in beginnings {
        std::mem::forget(begin(stage.hub.address(), bytes).await);
    }
    stage.meanwhile(3).await;
}

async fn begin(hub: std::net::SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut socket = connect(ATTACKER, hub).await.expect("the hub listens");
    socket.write_all(bytes).await.expect("the hub reads");
    socket
}

/// A window longer than anyone's patience: what has no stream is cut long before.
const LONG: &str = "5m";

async fn half_head_and_a_long_window(_: &TempDir) {
    let mut hub = Launch::default().set("SSE__SERVER__DRAIN", LONG).set("SSE__SERVER__HEADER_TIMEOUT", LONG).start();
    let held = begin(hub.address(), b"GET /li").await;
    assert_eq!(hub.ready().await, 200);
    assert!(hub.stop().await.0.success());
    drop(held);
}

async fn http2_and_a_long_window(_: &TempDir) {
    let mut hub = Launch::default().set("SSE__SERVER__DRAIN", LONG).start();
    let held = Connection::open(hub.address(), 0).await.expect("the hub listens");
    assert_eq!(hub.ready().await, 200);
    assert!(hub.stop().await.0.success());
    drop(held);
}

async fn log_lines(stage: &Stage) {
    // the window of a terminal, text from right to left, and what ends a line in JavaScript
    let odd = ["\u{9b}31m", "\u{202e}", "\u{2028}", "\u{85}", "\u{1b}[31m"];
    for text in odd {
        let body = format!(r#"{{"topic":"a","data":1,"{text}":1}}"#);
        let body = body.replace('\u{1b}', "\\u001b");
        let answer = stage.hub.ask("POST /publish", &[("Content-Type", "application/json")], body.as_bytes()).await;
        assert_eq!(answer.status, 400);
    }
    stage.meanwhile(3).await;
    let said = stage.hub.said();
    assert!(said.contains("refused"), "it says what it refuses: {said:.400}");
    let found: Vec<_> =
        odd.iter().filter(|text| said.contains(&text[..text.chars().next().unwrap().len_utf8()])).collect();
    assert!(found.is_empty(), "its log lines hold {found:?}");
}

/// A hub with a stream ends in good order although its log can't be written.
async fn ends_in_good_order(mut hub: crate::target::Target) {
    let bystanders = Bystanders::begin(hub.address(), PAUSE).await;
    assert_eq!(bystanders.rest().await, Vec::<String>::new());
    let (status, _) = hub.stop().await;
    assert!(status.success(), "it ended with {status}");
    assert!(bystanders.last_word().await.is_some(), "its stream ends with a word");
}

const DEBUG: (&str, &str) = ("SSE__TELEMETRY__LOG", "debug");

async fn no_reader(_: &TempDir) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let hub = Launch::new(&[DEBUG, ("SSE__SERVER__DRAIN", "500ms")]).stderr(OwnedFd::from(writer)).start();
    drop(reader);
    ends_in_good_order(hub).await;
}

async fn unread_log(_: &TempDir) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let hub = Launch::new(&[DEBUG, ("SSE__SERVER__DRAIN", "500ms")]).stderr(OwnedFd::from(writer)).start();
    // each is a line, and together more than a pipe holds
    for _ in 0..1_000 {
        assert_eq!(hub.ask("GET /nowhere", &[], b"").await.status, 404);
    }
    ends_in_good_order(hub).await;
    drop(reader);
}

async fn full_stderr(_: &TempDir) {
    let full = File::options().write(true).open("/dev/full").expect("there is /dev/full");
    let settings = [("SSE__TELEMETRY__LOG", "info"), ("SSE__SERVER__DRAIN", "500ms")];
    ends_in_good_order(Launch::new(&settings).stderr(full).start()).await;
}

async fn closed_stderr(_: &TempDir) {
    let settings = [("SSE__TELEMETRY__LOG", "info"), ("SSE__SERVER__DRAIN", "500ms")];
    ends_in_good_order(Launch::new(&settings).shell("exec 2>&-").stderr(Stdio::null()).start()).await;
}

async fn hang_up(_: &TempDir) {
    let mut hub = Launch::new(&[("SSE__SERVER__DRAIN", "500ms")]).start();
    let bystanders = Bystanders::begin(hub.address(), PAUSE).await;
    assert_eq!(bystanders.rest().await, Vec::<String>::new());
    hub.signal("HUP");
    let status = hub.end().await;
    assert!(status.success(), "it ended with {status}");
    assert!(bystanders.last_word().await.is_some(), "its stream ends with a word");
}

/// With fewer than it needs it does not start, and says so; else it serves more than one.
async fn few_descriptors(_: &TempDir) {
    let started = Launch::default().shell("ulimit -n 128").try_start();
    let hub = match started {
        Err(why) => return assert!(why.contains("descriptor"), "{why}"),
        Ok(hub) => hub,
    };
    let before = hub.metric("sse_subscribers").await;
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(begin(hub.address(), b"GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\n\r\n").await);
    }
    eventually("twenty streams are open", async || hub.metric("sse_subscribers").await >= before + 20).await;
}
