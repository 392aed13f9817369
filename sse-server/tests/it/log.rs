//! `sse-server log`: the log on disk while the hub is stopped.

use std::{
    io::Write,
    path::Path,
    process::{Output, Stdio},
};

use redb::{Database, TableDefinition};
use sse_test_support::{blocks::checked, process::Process};
use sse_testkit::{TestClient, event};
use tempfile::TempDir;

use crate::program;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn log(directory: &Path, args: &[&str]) -> Output {
    let data = directory.to_str().unwrap();
    let args: Vec<_> = ["log"].iter().chain(args).chain(&["--data", data]).copied().collect();
    program().run(&args, &[])
}

#[track_caller]
fn well(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn hub(directory: &Path) -> Process {
    program().start(&[("SSE__STORE__KIND", "redb"), ("SSE__STORE__PATH", directory.to_str().unwrap())])
}

/// A log with three events.
async fn written() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut hub = hub(directory.path());
    let lines = r#"{"topic":"a","data":{"n":1},"event":"tick"}
{"topic":"a","data":"two"}
{"topic":"b/c","data":null,"retry":1500}"#;
    publish(&hub, lines).await;
    hub.signal("TERM");
    assert!(hub.wait().success());
    directory
}

async fn publish(hub: &Process, lines: &str) {
    let post = TestClient::tcp(hub.address()).post("/publish").header("content-type", "application/x-ndjson");
    let response = post.body(lines.to_owned()).send().await;
    assert_eq!(response.status, 200, "{response:?}");
}

/// The lines without their IDs.
fn without_ids(lines: &str) -> Vec<&str> {
    lines.lines().map(|line| line.split_once(r#","time""#).unwrap().1).collect()
}

#[tokio::test]
async fn info_tells_what_there_is() {
    let directory = written().await;
    let told = well(&log(directory.path(), &["info"]));
    for says in ["log.redb, ", "epoch    ", "events   3, ", "closed in good order", "topics   2", "  a    events 2, "] {
        assert!(told.contains(says), "{says:?}: {told}");
    }
    let told: serde_json::Value = serde_json::from_str(&well(&log(directory.path(), &["info", "--json"]))).unwrap();
    assert_eq!((&told["events"], &told["topics"][0]["topic"]), (&3.into(), &"a".into()));
}

#[tokio::test]
async fn what_is_exported_is_imported() {
    let directory = written().await;
    let lines = well(&log(directory.path(), &["export"]));
    let other = tempfile::tempdir().unwrap();
    let data = other.path().join("made");
    let mut import = program().command(&[]);
    import.args(["log", "import", "--data"]).arg(&data);
    let mut child = import.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let told = well(&child.wait_with_output().unwrap());
    assert!(told.starts_with("events imported: 3, "), "{told}");
    let file = other.path().join("events");
    let args = ["export", file.to_str().unwrap()];
    assert!(well(&log(&data, &args)).starts_with("events exported: 3, to "));
    let again = std::fs::read_to_string(&file).unwrap();
    assert_eq!(without_ids(&again), without_ids(&lines));
    assert_ne!(again, lines, "the IDs are new");
    assert_eq!(log(&data, &args).status.code(), Some(1), "nothing is written over");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), again);
    assert!(well(&log(&data, &["import", args[1]])).starts_with("events imported: 3, "));
    assert!(well(&log(&data, &["verify"])).contains("events: 6, topics: 2: all is well"));
}

#[tokio::test]
async fn what_is_exported_to_be_published_is() {
    let directory = written().await;
    let lines = well(&log(directory.path(), &["export", "--publishable"]));
    let hub = program().start(&[]);
    publish(&hub, &lines).await;
    let client = checked(&TestClient::tcp(hub.address()));
    let mut stream = client.get("/events?topic=**&since=earliest").skip_events(["sse-cursor"]).connect().await;
    stream.expect_event(event("tick").data(r#"{"n":1}"#)).await;
    stream.expect_event("two").await;
    stream.expect_event("null").await;
}

#[tokio::test]
async fn a_bad_line_is_told_with_its_number() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events");
    std::fs::write(&file, "{\"topic\":\"a\",\"data\":1}\nx\n").unwrap();
    let output = log(directory.path(), &["import", file.to_str().unwrap()]);
    let told = text(&output.stderr);
    assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1));
    assert!(told.starts_with("sse-server: line 2: ") && told.contains("events imported: 1, "), "{told}");
    assert!(well(&log(directory.path(), &["info"])).contains("events   1, "));
}

#[tokio::test]
async fn an_export_says_how_many_it_left_out() {
    let directory = written().await;
    let database = Database::open(directory.path().join("log.redb")).unwrap();
    let write = database.begin_write().unwrap();
    let rows: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("event_rows");
    write.open_table(rows).unwrap().insert(2, &b"damaged"[..]).unwrap();
    write.commit().unwrap();
    drop(database);
    let output = log(directory.path(), &["export"]);
    assert_eq!((output.status.code(), text(&output.stdout).lines().count()), (Some(1), 2));
    assert!(text(&output.stderr).contains("events left out, since they can't be read: 1"), "{output:?}");
    let file = directory.path().join("events");
    let output = log(directory.path(), &["export", file.to_str().unwrap()]);
    assert_eq!((output.status.code(), text(&output.stderr).lines().count()), (Some(1), 1), "{output:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 2, "what could be read is kept");
}

#[tokio::test]
async fn what_has_ended_is_told_and_imported() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events");
    let lines = "\u{feff}{\"topic\":\"a\",\"topics\":[\"a\",\"b\"],\"data\":1,\"end\":true}\n{\"topic\":\"c\",\"ended\":true}\n";
    std::fs::write(&file, lines).unwrap();
    assert!(well(&log(directory.path(), &["import", file.to_str().unwrap()])).starts_with("events imported: 1, "));
    let told = well(&log(directory.path(), &["info"]));
    assert!(told.contains("  a  events 1, ") && told.contains("  c  events 0, 0 bytes, ended"), "{told}");
    let lines = well(&log(directory.path(), &["export"]));
    assert!(lines.contains(r#""topics":["a","b"],"end":true,"data":1}"#), "{lines}");
    assert!(lines.ends_with("{\"topic\":\"c\",\"ended\":true}\n"), "{lines}");
    let output = log(directory.path(), &["import", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("line 1: its topic has ended"), "{output:?}");
}

#[tokio::test]
async fn what_is_wrong_is_a_line_and_status_1() {
    let directory = written().await;
    let database = Database::open(directory.path().join("log.redb")).unwrap();
    let write = database.begin_write().unwrap();
    let index: TableDefinition<'_, (u32, u64), u32> = TableDefinition::new("index");
    write.open_table(index).unwrap().pop_first().unwrap();
    write.commit().unwrap();
    drop(database);
    let output = log(directory.path(), &["verify"]);
    let told = text(&output.stdout);
    assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1));
    assert!(told.contains("is not in the index of a"), "{told}");
}

#[tokio::test]
async fn a_log_is_compacted() {
    let directory = written().await;
    let told = well(&log(directory.path(), &["compact"]));
    assert!(told.contains(" before, ") && told.ends_with(" after\n"), "{told}");
    assert!(well(&log(directory.path(), &["verify"])).contains("events: 3, "));
}

#[test]
fn a_log_in_use_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let _hub = hub(directory.path());
    for args in [&["info"][..], &["export"], &["import", "/dev/null"], &["verify"], &["compact"]] {
        let output = log(directory.path(), args);
        let told = text(&output.stderr);
        assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1), "{args:?}: {told}");
        assert!(told.contains("log.redb: another process uses it; stop that process"), "{args:?}: {told}");
    }
}

#[test]
fn a_missing_log_is_told_and_none_is_made() {
    let directory = tempfile::tempdir().unwrap();
    for args in [["info"], ["export"], ["verify"], ["compact"]] {
        let output = log(directory.path(), &args);
        let told = text(&output.stderr);
        assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1), "{args:?}: {told}");
        assert!(told.contains("log.redb: there is none; "), "{told}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn bad_usage_is_status_2() {
    for args in
        [&["log"][..], &["log", "look"], &["log", "info", "--listen", "127.0.0.1:0"], &["--listen", "x", "log", "info"]]
    {
        assert_eq!(program().run(args, &[]).status.code(), Some(2), "{args:?}");
    }
    let help = text(&program().run(&["log", "--help"], &[]).stdout);
    for word in ["info", "export", "import", "verify", "compact", "--data", "--config"] {
        assert!(help.contains(word), "{word}: {help}");
    }
    assert!(text(&program().run(&["--help"], &[]).stdout).contains("\n  log "));
}
