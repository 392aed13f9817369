//! What a failed expectation says.

use std::time::Duration;

use sse_testkit::{BrowserClient, event, event_stream};

use super::{browser, open, status};
use crate::support::{failure, scripted, sleep};

#[tokio::test(start_paused = true)]
async fn the_whole_timeline_over_all_connections() {
    let browser = browser(|n, _| if n == 0 { event_stream("data: a\nid: 1\n\n") } else { status(503) });
    let report = failure(async move {
        browser.open("/events").collect_until(|event| event.data == "b").await;
    });
    assert_eq!(
        report.await,
        r#"expected an event for which the closure holds
     got error, CLOSED: the answer's status is 503

   0.000 s  GET /events
            accept: "text/event-stream"
            cache-control: "no-cache"
            host: "localhost"
   0.000 s  200 OK
            content-type: "text/event-stream"
   0.000 s  open
   0.000 s  frame 1, 15 bytes: "data: a\nid: 1\n\n"
            event "message", data "a", id "1"
   0.000 s  the end of the stream
   0.000 s  error, CONNECTING: the stream ended; waits 3s
   3.000 s  GET /events
            accept: "text/event-stream"
            cache-control: "no-cache"
            last-event-id: "1"
            host: "localhost"
   3.000 s  503 Service Unavailable
   3.000 s  error, CLOSED: the answer's status is 503
"#
    );
}

#[tokio::test(start_paused = true)]
async fn another_event() {
    let client = scripted(async |feed| {
        feed.send("event: tick\ndata: 1\n\n").await?;
        sleep(1000).await;
        feed.send("event: tick\ndata: 3\n\ndata: x\n\n").await?;
        sleep(60_000).await;
        Ok(())
    });
    let report = failure(async move {
        let mut stream = BrowserClient::new(client).open("/");
        stream.expect_events([event("tick").data("1"), event("tick").data("2")]).await;
    });
    assert_eq!(
        essence(&report.await),
        r#"expected 2 of 2: event "tick", data "2"
     got event "tick", data "3"
 because the data is "3", not "2"
   0.000 s  open
   0.000 s  frame 1, 21 bytes: "event: tick\ndata: 1\n\n"
            event "tick", data "1"
   1.000 s  frame 2, 30 bytes: "event: tick\ndata: 3\n\ndata: x\n\n"
            event "tick", data "3"  <- here
            event "message", data "x"  (not read yet)
   1.000 s  still open
"#
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_in_time() {
    let waiting = browser(|_, _| event_stream("retry: 60000\n"));
    let report = failure(async move {
        let mut stream = waiting.open("/");
        stream.expect_error().await;
        stream.within(Duration::from_secs(5)).expect_open().await;
    });
    assert_eq!(
        essence(&report.await),
        r#"expected open
     got nothing of the kind within 5s
   0.000 s  open
   0.000 s  frame 1, 13 bytes: "retry: 60000\n"
            retry 60s
   0.000 s  the end of the stream
   0.000 s  error, CONNECTING: the stream ended; waits 60s
   5.001 s  still waiting
"#
    );
    let silent = browser(|_, _| open(":\n"));
    let report = failure(async move {
        silent.open("/").next().await; // open
        silent.open("/").expect_closed().await;
    });
    let report = report.await;
    assert!(report.starts_with("expected error, CLOSED\n     got nothing of the kind within 8s\n"), "{report}");
    assert!(report.ends_with("   8.001 s  still open\n"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn things_in_the_silence() {
    let ends = browser(|_, _| event_stream("data: a\n\n"));
    let report = failure(async move {
        ends.open("/").expect_silence(Duration::from_secs(60)).await;
    });
    let report = report.await;
    let start = "expected neither event nor error for 60s\n     got event \"message\", data \"a\"\n";
    assert!(report.starts_with(start), "{report}");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_other_kind_and_none_at_all() {
    let ended = browser(|_, _| event_stream(""));
    let report = failure(async move {
        ended.open("/").expect_closed().await;
    });
    assert!(report.await.starts_with("expected error, CLOSED\n     got error, CONNECTING: the stream ended\n"));
    let closed = browser(|_, _| status(204));
    let report = failure(async move {
        let mut stream = closed.open("/");
        stream.expect_closed().await;
        stream.expect_open().await;
    });
    assert!(report.await.starts_with("expected open\n     got a stream that is closed for good\n"));
}

#[tokio::test(start_paused = true)]
async fn while_offline() {
    let browser = browser(|_, _| open("data: a\n\n"));
    let report = failure(async move {
        let mut stream = browser.open("/");
        stream.expect_event("a").await;
        stream.go_offline();
        stream.expect_error().await;
        stream.expect_event("b").await;
    });
    let report = report.await;
    let end = "   0.000 s  offline\n   0.000 s  error, CONNECTING: the network is gone; waits 3s\n   8.001 s  still offline\n";
    assert!(report.ends_with(end), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_lets_the_browser_come_back_at_once_for_ever() {
    let browser = browser(|_, _| event_stream("retry: 0\n"));
    let report = failure(async move {
        browser.open("/").collect_until(|_| false).await;
    });
    let report = report.await;
    assert!(report.contains("     got nothing of the kind in 16384 requests\n"), "{report}");
}

/// What was expected and got, and the timeline from the head of the answer on.
fn essence(report: &str) -> String {
    let (what, timeline) = report.split_once("\n\n").expect("a timeline");
    let (_, timeline) = timeline.split_once("content-type: \"text/event-stream\"\n").expect("a head");
    format!("{what}\n{timeline}")
}
