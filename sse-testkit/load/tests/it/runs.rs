//! What a run counts, and what the program says of it.

use std::process::Command;

use clap::Parser;
use serde_json::Value;
use sse_load::{Options, Report};

use crate::server::{Behaviour, Fate, Server};

/// Runs the load tool, without the pauses that a foreign server may need.
async fn run(server: &Server, line: &str) -> Result<Report, String> {
    let line = format!("sse-load {} --settle 0s {line}", server.address);
    let options = Options::try_parse_from(line.split_whitespace()).unwrap();
    let run = tokio::task::spawn_blocking(move || sse_load::run(&options, |_| {}).map_err(|error| error.to_string()));
    run.await.unwrap()
}

/// The part of a report on what was published, when these events had these fates.
async fn published(fates: &[(usize, Fate)], line: &str) -> Value {
    let server = Server::start(Behaviour { fates: fates.to_vec(), ..Behaviour::default() }).await;
    run(&server, line).await.unwrap().to_json()["publish"].clone()
}

/// Lost, doubled, out of order, deliveries.
fn account(published: &Value) -> [u64; 4] {
    ["lost", "doubled", "out_of_order", "deliveries"].map(|name| published[name].as_u64().unwrap())
}

#[tokio::test]
async fn a_burst_comes_whole_however_it_is_framed() {
    for chunked in [true, false] {
        let server = Server::start(Behaviour { chunked, ..Behaviour::default() }).await;
        let report = run(&server, "-n 20 --rate max --events 50").await.unwrap();
        assert!(report.is_clean(), "{report}");
        let json = report.to_json();
        assert_eq!(account(&json["publish"]), [0, 0, 0, 1000]);
        assert!(json["publish"]["latency_ms"]["p50"].as_f64().unwrap() > 0.0);
        assert_eq!(json["streams"]["heartbeats"], 1000, "comments do no harm");
    }
}

#[tokio::test]
async fn what_is_lost() {
    assert_eq!(account(&published(&[(3, Fate::Lose)], "-n 5 --rate max --events 10").await), [5, 0, 0, 45]);
    // nothing comes after the last
    let published = published(&[(9, Fate::Lose)], "-n 5 --rate max --events 10 --timeout 500ms").await;
    assert_eq!(account(&published), [5, 0, 0, 45]);
    assert_eq!(published["timed_out"], true);
}

#[tokio::test]
async fn what_is_doubled() {
    let published = published(&[(3, Fate::Double), (5, Fate::Double)], "-n 5 --rate max --events 10").await;
    assert_eq!(account(&published), [0, 10, 0, 50]);
}

#[tokio::test]
async fn what_is_out_of_order() {
    let published = published(&[(3, Fate::Swap)], "-n 5 --rate max --events 10").await;
    assert_eq!(account(&published), [0, 0, 5, 50]);
}

#[tokio::test]
async fn what_a_gap_announces_is_not_lost_without_a_word() {
    let published = published(&[(3, Fate::Gap)], "-n 5 --lockstep --events 10 --timeout 500ms").await;
    assert_eq!(account(&published), [0, 0, 0, 45]);
    assert_eq!(published["lost_announced"], 5);
}

#[tokio::test]
async fn in_lockstep_each_waits_for_the_last() {
    let server = Server::start(Behaviour::default()).await;
    let report = run(&server, "-n 7 --lockstep --events 30").await.unwrap();
    assert!(report.is_clean(), "{report}");
    let written = server.written_at_publish();
    // the last of the seven may have been received before it was counted
    assert!(written.iter().enumerate().all(|(number, written)| *written + 7 > 7 * number), "{written:?}");
    assert!(written.iter().enumerate().all(|(number, written)| *written <= 7 * number), "{written:?}");
}

#[tokio::test]
async fn lockstep_goes_on_after_a_loss() {
    let published = published(&[(3, Fate::Lose)], "-n 5 --lockstep --events 10 --timeout 500ms").await;
    assert_eq!(account(&published), [5, 0, 0, 45]);
    assert_eq!(published["timed_out"], false, "what came later told that it is lost");
}

#[tokio::test]
async fn who_leaves_and_resumes_loses_nothing() {
    let server = Server::start(Behaviour::default()).await;
    let line = "-n 20 --rate 500 --events 200 --churn 200 --churn-share 50% --publishers 2";
    let report = run(&server, line).await.unwrap();
    assert!(report.is_clean(), "{report}");
    let published = &report.to_json()["publish"];
    assert_eq!(account(published), [0, 0, 0, 4000]);
    let disconnects = published["churn"]["disconnects"].as_u64().unwrap();
    assert!(disconnects >= 10, "{report}");
    // who left last may not be back when the last event has come
    assert!((1..=disconnects).contains(&(server.resumed() as u64)), "{} of {disconnects}", server.resumed());
}

#[tokio::test]
async fn slow_subscribers_are_not_waited_for() {
    let published = published(&[], "-n 10 --slow 30% --rate max --events 20 --size 500").await;
    assert_eq!(account(&published), [0, 0, 0, 140]);
    assert_eq!(published["slow"]["deliveries"], 0);
}

#[tokio::test]
async fn each_gets_the_topics_that_it_asked_for() {
    let server = Server::start(Behaviour::default()).await;
    let line = "-n 60 --topics 50 -k 3 --patterns 30% --hot 20% --publishers 3 --rate max --events 300";
    let report = run(&server, line).await.unwrap();
    assert!(report.is_clean(), "{report}");
    let json = report.to_json();
    assert!(json["publish"]["deliveries"].as_u64().unwrap() > 60 * 60, "the hot topic alone is that many");
    assert!(json["selector_sets"].as_u64().unwrap() > 40);
    assert_eq!(account(&json["publish"])[3], account(&run(&server, line).await.unwrap().to_json()["publish"])[3]);
}

#[tokio::test]
async fn events_that_nobody_has_come_to_nobody() {
    let server = Server::start(Behaviour::default()).await;
    let report = run(&server, "-n 10 --unread 20 --hot 10% --rate max --events 200").await.unwrap();
    assert!(report.is_clean(), "{report}");
    let json = report.to_json();
    let deliveries = account(&json["publish"])[3];
    assert!(
        (10..=600).contains(&deliveries) && deliveries.is_multiple_of(10),
        "{deliveries}: a tenth of the events, ten times"
    );
    assert_eq!(json["unread_topics"], 20);

    let report = run(&server, "-n 0 --publishers 8 --rate max --events 100").await.unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.to_json()["publish"]["events"], 100);
    assert_eq!(account(&report.to_json()["publish"]), [0, 0, 0, 0]);
}

#[tokio::test]
async fn several_events_in_each_request() {
    let server = Server::start(Behaviour::default()).await;
    let report =
        run(&server, "-n 10 --topics 30 -k 4 --batch 25 --rate max --publishers 2 --events 110").await.unwrap();
    assert!(report.is_clean(), "{report}");
    let json = report.to_json();
    assert_eq!(json["publish"]["events"], 110, "the last request has fewer");
    assert!(account(&json["publish"])[3] > 50, "{report}");

    let published = published(&[(4, Fate::Cut)], "-n 5 --batch 5 --rate max --events 10").await;
    assert_eq!(published["unknown"], 5, "what has no answer is not known of any of them");
}

#[tokio::test]
async fn a_refused_event_is_sent_again() {
    let published = published(&[(3, Fate::Refuse)], "-n 5 --rate max --events 10").await;
    assert_eq!(account(&published), [0, 0, 0, 50]);
    assert_eq!(published["refused"], 1);
}

#[tokio::test]
async fn an_event_without_an_answer_is_not_sent_twice_and_not_lost() {
    let published = published(&[(3, Fate::Cut)], "-n 5 --rate max --events 10").await;
    assert_eq!(account(&published), [0, 0, 0, 50]);
    assert_eq!(published["unknown"], 1);
}

#[tokio::test]
async fn who_is_turned_away_comes_again() {
    let server = Server::start(Behaviour { busy: 4, ..Behaviour::default() }).await;
    let report = run(&server, "-n 10 --rate max --events 10").await.unwrap();
    assert!(report.is_clean(), "{report}");
    let json = report.to_json();
    assert_eq!((&json["connect"]["refused"], &json["connect"]["retried"]), (&4.into(), &4.into()));
    assert_eq!(account(&json["publish"]), [0, 0, 0, 100]);
}

#[tokio::test]
async fn a_stream_whose_topics_have_ended_is_finished_and_does_not_come_again() {
    for chunked in [true, false] {
        let fates = vec![(9, Fate::Last { told: true })];
        let server = Server::start(Behaviour { fates, chunked, ..Behaviour::default() }).await;
        let report = run(&server, "-n 5 --rate max --events 10").await.unwrap();
        let json = report.to_json();
        assert!(report.is_clean(), "{report}");
        assert_eq!(account(&json["publish"]), [0, 0, 0, 50]);
        assert_eq!((&json["streams"]["ends"], &json["streams"]["reconnects"]), (&0.into(), &0.into()), "{report}");
        assert_eq!(server.resumed(), 0);
    }

    // Without a word they come back, and are told that they have everything. What is published to nobody is lost.
    let fates = vec![(8, Fate::Last { told: false })];
    let server = Server::start(Behaviour { fates, ..Behaviour::default() }).await;
    let report = run(&server, "-n 5 --rate max --events 10 --timeout 2s").await.unwrap();
    let json = report.to_json();
    assert_eq!(account(&json["publish"]), [5, 0, 0, 45], "{report}");
    assert_eq!((&json["streams"]["ends"], &json["streams"]["finished"]), (&5.into(), &5.into()), "{report}");
    assert!(report.to_string().contains("5 ended, 5 finished, 0 reconnected"), "{report}");
}

#[tokio::test]
async fn what_can_not_be_loaded() {
    let server = Server::start(Behaviour { status: "404 Not Found", ..Behaviour::default() }).await;
    let error = run(&server, "-n 1").await.unwrap_err();
    assert!(error.starts_with("the answer to GET /events?topic=load is not to be used: status 404"), "{error}");

    let server = Server::start(Behaviour { busy: usize::MAX, ..Behaviour::default() }).await;
    let error = run(&server, "-n 2 --connect-timeout 1s").await.unwrap_err();
    assert!(error.contains("subscribers were connected within 1 s (--connect-timeout)"), "{error}");
}

#[tokio::test]
async fn the_program() {
    let server = Server::start(Behaviour { fates: vec![(1, Fate::Lose)], ..Behaviour::default() }).await;
    let address = server.address.to_string();
    let program = async |line: &'static str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sse-load"));
        command.arg(&address).args(line.split_whitespace());
        if cfg!(target_os = "linux") {
            command.args(["--pid", &std::process::id().to_string()]);
        }
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (status, report, errors) = program("-n 5 --events 5 --rate max --json").await;
    assert_eq!((status, errors.as_str()), (Some(1), ""), "{report}");
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(account(&report["publish"]), [5, 0, 0, 20]);
    assert_eq!(report["clean"], false);
    if cfg!(target_os = "linux") {
        assert!(report["server"]["rss_bytes"]["connected"].as_u64().unwrap() > 0);
        assert!(report["server"]["cpu_us_per_delivery"].as_f64().unwrap() > 0.0);
    }

    let (status, report, errors) = program("-n 5 --events 5 --lockstep").await;
    assert_eq!((status, errors.as_str()), (Some(0), ""), "{report}");
    assert!(report.contains("0 lost, 0 doubled, 0 out of order") && !report.contains('\x1b'), "{report}");

    let (status, report, errors) = program("-n 5 --idle 1s --json").await;
    assert_eq!((status, errors.as_str()), (Some(0), ""), "{report}");
    let report: Value = serde_json::from_str(&report).unwrap();
    assert!(report["publish"].is_null() && report["idle"]["seconds"].as_f64().unwrap() >= 1.0);

    let (status, _, errors) = program("-n 5 --topics 2 -k 3").await;
    assert_eq!(status, Some(2));
    assert!(errors.contains("--topics-per-subscriber 3: allowed is 1 to the number of --topics, 2"), "{errors}");
    let (status, _, errors) = program("--rate never").await;
    assert_eq!(status, Some(2));
    assert!(errors.contains("'never'") && errors.contains("--rate"), "{errors}");
}
