//! The program: its command line, and how it ends.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use sse_test_support::blocks::checked;
use sse_testkit::{TestClient, event};

use crate::program;

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn what_it_prints_as_its_configuration_it_reads() {
    let output = program().run(&["--print-config", "--listen", "127.0.0.1:7"], &[("SSE__STREAM__HEARTBEAT", "20s")]);
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("listen = \"127.0.0.1:7\"") && printed.contains("heartbeat = \"20s\""), "{printed}");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hub.toml");
    std::fs::write(&file, &printed).unwrap();
    let again = program().run(&["--print-config", "--config", file.to_str().unwrap()], &[]);
    assert_eq!(String::from_utf8(again.stdout).unwrap(), printed);
}

#[test]
fn flags_win_over_the_environment_which_wins_over_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hub.toml");
    std::fs::write(&file, "[server]\nlisten = \"127.0.0.1:1\"\n[window]\nevents = 5\ntopics = 6\n").unwrap();
    let args = ["--print-config", "--config", file.to_str().unwrap(), "--listen", "127.0.0.1:3"];
    let output = program().run(&args, &[("SSE__SERVER__LISTEN", "127.0.0.1:2"), ("SSE__WINDOW__EVENTS", "7")]);
    let printed = String::from_utf8(output.stdout).unwrap();
    for line in ["listen = \"127.0.0.1:3\"", "events = 7", "topics = 6"] {
        assert!(printed.contains(line), "{line} in {printed}");
    }
}

#[test]
fn a_bad_value_is_one_line_and_status_2() {
    let output = program().run(&[], &[("SSE__STREAM__HEARTBEAT", "soon")]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        stderr(&output),
        "sse-server: stream.heartbeat = \"soon\" (from the environment): not allowed; it takes a time such as 15s, \
         from 1s to 5m\n"
    );
    let output = program().run(&["--listen", "everywhere"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).starts_with("sse-server: server.listen = \"everywhere\" (from --listen): "));
    let output = program().run(&["--config", "/nowhere/hub.toml"], &[]);
    assert_eq!((output.status.code(), stderr(&output).lines().count()), (Some(2), 1));
}

#[test]
fn a_port_in_use_is_one_line_and_status_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = program().run(&["--listen", &address], &[]);
    assert_eq!(output.status.code(), Some(1));
    let line = stderr(&output);
    assert!(line.starts_with(&format!("sse-server: can't listen on {address}: it is in use")), "{line}");
    assert_eq!(line.lines().count(), 1);
}

#[test]
fn the_documentation_has_every_key_with_its_default() {
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md")).unwrap();
    let mut sections = document.split("\n## ").map(|section| section.split_once('\n').unwrap());
    let printed = String::from_utf8(program().run(&["--print-config", "--store", "redb"], &[]).stdout).unwrap();
    let mut text = "";
    for line in printed.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            text = sections.find(|(heading, _)| *heading == name).unwrap_or_else(|| panic!("no section {name}")).1;
        } else {
            let (key, default) = line.split_once(" = ").unwrap();
            let row = text.lines().find(|row| row.starts_with(&format!("| `{key}` | ")));
            assert!(row.is_some_and(|row| row.contains(&format!("`{default}`"))), "{key} = {default}: {row:?}");
        }
    }
}

#[test]
fn the_help_names_every_flag() {
    let help = String::from_utf8(program().run(&["--help"], &[]).stdout).unwrap();
    for flag in ["--config", "--listen", "--store", "--data", "--print-config"] {
        assert!(help.contains(flag), "{flag}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn sigterm_ends_500_streams_with_a_word_within_the_window() {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let mut hub = program().start(&[("SSE__SERVER__DRAIN", "2s")]);
    let client = checked(&TestClient::tcp(hub.address()));
    let mut streams = Vec::new();
    for _ in 0..500 {
        let mut stream = client.get("/events?topic=a").connect().await;
        stream.expect_event(event("sse-cursor")).await;
        streams.push(stream);
    }
    let began = Instant::now();
    hub.signal("TERM");
    let reading = streams.into_iter().map(|mut stream| {
        tokio::spawn(async move {
            stream.expect_event(event("sse-drain").data(r#"{"reason":"shutdown"}"#)).await;
            let ended = Instant::now();
            stream.expect_closed().await;
            ended
        })
    });
    let mut ends = Vec::new();
    for read in reading.collect::<Vec<_>>() {
        ends.push(read.await.unwrap() - began);
    }
    assert_eq!(hub.wait().code(), Some(0));
    let spread = *ends.iter().max().unwrap() - *ends.iter().min().unwrap();
    assert!(spread.as_millis() > 200, "they end spread out, not at once: {spread:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_stream_that_takes_nothing_does_not_hold_up_the_end() {
    use tokio::io::AsyncWriteExt;
    let mut hub = program().start(&[("SSE__SERVER__DRAIN", "1s")]);
    let mut stalled = tokio::net::TcpStream::connect(hub.address()).await.unwrap();
    stalled.write_all(b"GET /events?topic=a HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let client = checked(&TestClient::tcp(hub.address()));
    for _ in 0..100 {
        client.post("/publish/a").body("x".repeat(200_000)).send().await;
    }
    hub.signal("TERM");
    let began = Instant::now();
    assert_eq!(hub.wait().code(), Some(0));
    assert!(began.elapsed() < Duration::from_millis(1200), "the window is 1 s: {:?}", began.elapsed());
}

#[cfg(unix)]
#[tokio::test]
async fn a_second_signal_ends_it_at_once_with_status_1() {
    let mut hub = program().start(&[("SSE__SERVER__DRAIN", "300s")]);
    let client = checked(&TestClient::tcp(hub.address()));
    let mut stream = client.get("/events?topic=a").connect().await;
    stream.expect_event(event("sse-cursor")).await;
    hub.signal("INT");
    let draining = async {
        while client.get("/ready").send().await.status != 503 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), draining).await.expect("it drains");
    hub.signal("TERM");
    assert_eq!(hub.wait().code(), Some(1));
}
