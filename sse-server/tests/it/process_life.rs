//! The program among others: its standard error, its signals, its limits.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Read},
    os::fd::OwnedFd,
    process::{Command, Stdio},
    time::Duration,
};

use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use sse_test_support::{blocks::checked, process::Process};
use sse_testkit::{TestClient, event};

use crate::{
    program,
    support::{metric, publish},
};

/// The program with this standard error, on a free port.
fn start(stderr: impl Into<Stdio>, settings: &[(&str, &str)]) -> Process {
    let mut command = program().command(settings);
    Process::start(command.args(["--listen", "127.0.0.1:0"]).stderr(stderr)).unwrap()
}

/// A pipe: what reads it, and what writes to it.
fn pipe() -> (File, Stdio) {
    let (read, write) = std::io::pipe().unwrap();
    (OwnedFd::from(read).into(), write.into())
}

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

/// Publishes, and ends the hub by a signal: a stream gets all of it, and its last word.
async fn serves_to_the_end(mut hub: Process, signal: &str) {
    let client = checked(&TestClient::tcp(hub.address()));
    let mut stream = client.get("/events?topic=a").connect().await;
    stream.expect_event(event("sse-cursor")).await;
    for i in 0..50 {
        publish(&client, "a", &i.to_string()).await;
        assert_eq!(client.get("/nowhere").send().await.status, 404);
        stream.expect_event(&*i.to_string()).await;
    }
    hub.signal(signal);
    stream.expect_event(event("sse-drain").data(r#"{"reason":"shutdown"}"#)).await;
    stream.expect_closed().await;
    assert_eq!(hub.wait().code(), Some(0));
}

const TALKATIVE: [(&str, &str); 2] = [("SSE__TELEMETRY__LOG", "trace"), ("SSE__SERVER__DRAIN", "1s")];

#[tokio::test]
async fn a_log_whose_reader_is_gone_hurts_nobody() {
    let (reader, stderr) = pipe();
    let hub = start(stderr, &TALKATIVE);
    let mut reader = BufReader::new(reader);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.starts_with('{'), "{line}");
    drop(reader);
    serves_to_the_end(hub, "TERM").await;
}

#[tokio::test]
async fn a_log_that_can_not_be_written_from_the_start_hurts_nobody() {
    let hub = start(full(), &TALKATIVE);
    let client = TestClient::tcp(hub.address());
    let dropped = async { while metric(&client, "sse_log_lines_dropped_total").await == 0.0 {} };
    tokio::time::timeout(std::time::Duration::from_secs(30), dropped).await.expect("lines are dropped");
    serves_to_the_end(hub, "TERM").await;

    let dir = tempfile::tempdir().unwrap();
    let on_disk = [("SSE__STORE__KIND", "redb"), ("SSE__STORE__PATH", dir.path().to_str().unwrap())];
    serves_to_the_end(start(full(), &[TALKATIVE.as_slice(), &on_disk].concat()), "TERM").await;
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_nobody_up() {
    let (reader, stderr) = pipe();
    let hub = start(stderr, &TALKATIVE);
    let client = TestClient::tcp(hub.address());
    // a refusal is a line that names what is refused
    let refused = format!("/events?topic=a&{}=1", "x".repeat(8000));
    let dropped = async {
        while metric(&client, "sse_log_lines_dropped_total").await == 0.0 {
            for _ in 0..50 {
                assert_eq!(client.get(&refused).header("accept", "*/*").send().await.status, 400);
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), dropped).await.expect("what does not fit is dropped");
    serves_to_the_end(hub, "TERM").await;
    drop(reader);
}

#[tokio::test]
async fn without_descriptors_and_without_a_log_it_goes_on_accepting() {
    let hub = start(full(), &TALKATIVE);
    let limit = |soft: &str| {
        let pid = hub.id().to_string();
        let set = Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={soft}:")]).status();
        assert!(set.unwrap().success());
    };
    // this one has its connection already
    let connected = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let dropped = async || {
        let metrics = format!("{}/metrics", hub.url()).parse().unwrap();
        let body = connected.get(metrics).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("sse_log_lines_dropped_total ")).unwrap();
        line.parse::<u64>().unwrap()
    };
    let before = dropped().await;
    limit("3");
    let late = TestClient::tcp(hub.address());
    let waits = tokio::spawn(async move { late.get("/live").send().await.status.as_u16() });
    let failed = async {
        // there are warnings that it can't accept, and each is dropped
        while dropped().await < before + 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), failed).await.expect("it tries and tries again");
    assert!(!waits.is_finished());
    limit("1000");
    assert_eq!(waits.await.unwrap(), 200);
    serves_to_the_end(hub, "TERM").await;
}

#[tokio::test]
async fn a_hangup_ends_it_as_sigterm_does() {
    serves_to_the_end(start(Stdio::inherit(), &[("SSE__SERVER__DRAIN", "1s")]), "HUP").await;
}

#[tokio::test]
async fn a_hangup_that_was_ignored_stays_ignored() {
    let plain = program().command(&[]);
    let mut command = Command::new("sh");
    command.args(["-c", r#"trap "" HUP; exec "$0" --listen 127.0.0.1:0"#]).arg(plain.get_program());
    command.env("SSE__STORE__KIND", "memory").env("SSE__SERVER__DRAIN", "1s");
    let hub = Process::start(&mut command).unwrap();
    hub.signal("HUP");
    serves_to_the_end(hub, "TERM").await;
}

#[test]
fn after_a_second_signal_it_waits_for_nobody_who_reads_the_log() {
    let (mut reader, stderr) = pipe();
    let mut hub = start(stderr, &[("SSE__TELEMETRY__LOG", "info"), ("SSE__SERVER__DRAIN", "300s")]);
    // a stream, which the window of 300 s leaves open
    let stream = std::net::TcpStream::connect(hub.address()).unwrap();
    std::io::Write::write_all(&mut &stream, b"GET /events?topic=a HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    assert!((&stream).read(&mut [0; 1]).unwrap() > 0);
    hub.signal("TERM");
    let mut told = BufReader::new(&mut reader).lines().map_while(Result::ok);
    assert!(told.any(|line| line.contains("draining")));
    hub.signal("TERM");
    assert!(told.any(|line| line.contains("stopped at once by a second signal")));
    assert_eq!(hub.wait().code(), Some(1));
}

#[test]
fn what_it_was_asked_to_print_and_can_not_is_a_failure() {
    for flag in ["--print-config", "--print-reference"] {
        let mut command = program().command(&[]);
        let output =
            command.arg(flag).stdout(full()).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{flag}");
        let line = String::from_utf8(output.stderr).unwrap();
        assert!(
            line.starts_with("sse-server: can't write to standard output: ") && line.lines().count() == 1,
            "{line}"
        );
        // nor does it matter whether that can be told
        let status = program().command(&[]).arg(flag).stdout(full()).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(1), "{flag}");
    }
}

#[tokio::test]
async fn with_few_descriptors_it_serves_some_and_with_too_few_it_says_so() {
    let limited = |descriptors: u32, shards: &str| {
        let plain = program().command(&[]);
        let mut command = Command::new("sh");
        command.args(["-c", &format!(r#"ulimit -n {descriptors}; exec "$0" --listen 127.0.0.1:0"#)]);
        command.arg(plain.get_program()).env("SSE__STORE__KIND", "memory").env("SSE__SERVER__SHARDS", shards);
        command.env("SSE__TELEMETRY__LOG", "warn");
        command
    };
    let hub = Process::start(&mut limited(128, "2")).unwrap();
    let client = checked(&TestClient::tcp(hub.address()));
    let mut streams = Vec::new();
    for _ in 0..60 {
        let mut stream = client.get("/events?topic=a").connect().await;
        stream.expect_event(event("sse-cursor")).await;
        streams.push(stream);
    }
    publish(&client, "a", "hello").await;
    for stream in &mut streams {
        stream.expect_event("hello").await;
    }
    for (descriptors, shards) in [(48, "2"), (20, "2"), (100, "30")] {
        let output = limited(descriptors, shards).output().unwrap();
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{descriptors}: {line}");
        assert!(line.starts_with(&format!("sse-server: the process may open {descriptors} descriptors")), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
    }
}
