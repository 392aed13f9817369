//! Each planted fault is caught, and its report says all there is to know.

use std::time::Duration;

use serde_json::json;
use sse_testkit::{Body, TestClient, any_event, data, event, event_stream, message};

use crate::support::{failure, failure_of, frames, scripted, sleep};

#[tokio::test(start_paused = true)]
async fn another_event() {
    let client = scripted(async |feed| {
        feed.send("event: tick\ndata: 1\n\n").await?;
        sleep(1000).await;
        feed.send("event: tick\ndata:").await?;
        sleep(250).await;
        feed.send(" 3\nid: 7\n\ndata: \u{fc}\r\n\r\n").await?;
        sleep(60_000).await;
        Ok(())
    });
    let report = failure(async move {
        let mut stream = client.get("/events?topic=a").last_event_id("5").connect().await;
        stream.expect_event(event("tick").data("1")).await;
        stream.expect_event(event("tick").data("2").id("8")).await;
    });
    assert_eq!(
        report.await,
        r#"expected event "tick", data "2", id "8"
     got event "tick", data "3", id "7"
 because the data is "3", not "2"; the id is "7", not "8"

   0.000 s  GET /events?topic=a
            last-event-id: "5"
            accept: "text/event-stream"
            host: "localhost"
   0.000 s  200 OK
            content-type: "text/event-stream"
   0.000 s  frame 1, 21 bytes: "event: tick\ndata: 1\n\n"
            event "tick", data "1", id "5"
   1.000 s  frame 2, 17 bytes: "event: tick\ndata:"
   1.250 s  frame 3, 22 bytes: " 3\nid: 7\n\ndata: ü\r\n\r\n"
            event "tick", data "3", id "7"  <- here
            event "message", data "ü", id "7"  (not read yet)
   1.250 s  still open
"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_event() {
    let client = scripted(async |feed| {
        feed.send("retry: 500\n:\n").await?;
        sleep(60_000).await;
        Ok(())
    });
    let report = failure(async move {
        client.get("/").connect().await.expect_event("hello").await;
    });
    assert_eq!(
        report.await,
        r#"expected event "message", data "hello"
     got nothing of the kind within 5s

   0.000 s  GET /
            accept: "text/event-stream"
            host: "localhost"
   0.000 s  200 OK
            content-type: "text/event-stream"
   0.000 s  frame 1, 13 bytes: "retry: 500\n:\n"
            retry 500ms
            comment ""
   5.001 s  still open
"#
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_missing_at_the_end() {
    let report = failure(async {
        let mut stream = frames(["data: a\n\n"]).get("/").connect().await;
        stream.expect_events(["a", "b"]).await;
    });
    assert_eq!(
        essence(&report.await),
        r#"expected 2 of 2: event "message", data "b"
     got the end of the stream
   0.000 s  frame 1, 9 bytes: "data: a\n\n"
            event "message", data "a"
   0.000 s  the end of the stream
"#
    );
}

#[tokio::test(start_paused = true)]
async fn the_wrong_order() {
    let report = failure(async {
        let mut stream = frames(["data: a\n\ndata: c\n\ndata: b\n\n"]).get("/").connect().await;
        stream.expect_events([message("a"), message("b"), message("c")]).await;
    });
    assert_eq!(
        essence(&report.await),
        r#"expected 2 of 3: event "message", data "b"
     got event "message", data "c"
 because the data is "c", not "b"
   0.000 s  frame 1, 27 bytes: "data: a\n\ndata: c\n\ndata: b\n\n"
            event "message", data "a"
            event "message", data "c"  <- here
            event "message", data "b"  (not read yet)
   0.000 s  still open
"#
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_in_the_silence() {
    let client = scripted(async |feed| {
        sleep(30_000).await;
        feed.send(":\ndata: psst\n\n").await?;
        sleep(60_000).await;
        Ok(())
    });
    let report = failure(async move {
        client.get("/").connect().await.expect_silence(Duration::from_secs(60)).await;
    });
    assert_eq!(
        essence(&report.await),
        r#"expected no event for 60s
     got event "message", data "psst"
  30.000 s  frame 1, 14 bytes: ":\ndata: psst\n\n"
            comment ""
            event "message", data "psst"  <- here
  30.000 s  still open
"#
    );
}

#[tokio::test(start_paused = true)]
async fn the_end_in_the_silence() {
    let report = failure(async {
        frames([":\n"]).get("/").connect().await.expect_silence(Duration::from_secs(60)).await;
    });
    assert_eq!(
        essence(&report.await),
        r#"expected no event for 60s
     got the end of the stream
   0.000 s  frame 1, 2 bytes: ":\n"
            comment ""
   0.000 s  the end of the stream
"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_never_closed() {
    let client = scripted(async |feed| {
        loop {
            sleep(2000).await;
            feed.send(":\n").await?;
        }
    });
    let report = failure(async move {
        let mut stream = client.get("/").connect().await;
        stream.within(Duration::from_secs(3)).expect_closed().await;
    });
    assert_eq!(
        essence(&report.await),
        r#"expected the end of the stream
     got nothing of the kind within 3s
   2.000 s  frame 1, 2 bytes: ":\n"
            comment ""
   3.001 s  still open
"#
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_before_the_end() {
    let report = failure(async {
        frames(["data: more\n\n"]).get("/").connect().await.expect_closed().await;
    });
    assert_eq!(
        essence(&report.await),
        r#"expected the end of the stream
     got event "message", data "more"
   0.000 s  frame 1, 12 bytes: "data: more\n\n"
            event "message", data "more"  <- here
   0.000 s  still open
"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_broken_stream_is_not_closed() {
    let client = scripted(async |feed| {
        feed.send("data: a\n\ndata: b").await?;
        feed.abort().await;
        Ok(())
    });
    let report = failure(async move {
        let mut stream = client.get("/").connect().await;
        stream.expect_event("a").await;
        stream.expect_closed().await;
    });
    assert_eq!(
        essence(&report.await),
        r#"expected the end of the stream
     got a broken stream: the body was aborted
   0.000 s  frame 1, 16 bytes: "data: a\n\ndata: b"
            event "message", data "a"
   0.000 s  a broken stream: the body was aborted
"#
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_event_stream() {
    let client = TestClient::from_fn(async |_| {
        let body = r#"{"status":503,"detail":"the hub is draining; try another node"}"#;
        http::Response::builder()
            .status(503)
            .header("content-type", "application/problem+json")
            .body(body.to_owned())
            .unwrap()
    });
    let report = failure(async move {
        client.get("/").connect().await.expect_event("hello").await;
    });
    assert_eq!(
        report.await,
        r#"expected event "message", data "hello"
     got an answer that is no event stream: 503 Service Unavailable, "application/problem+json"

   0.000 s  GET /
            accept: "text/event-stream"
            host: "localhost"
   0.000 s  503 Service Unavailable
            content-type: "application/problem+json"
   0.000 s  frame 1, 63 bytes: "{\"status\":503,\"detail\":\"the hub is draining; try another node\"}"
   0.000 s  the end of the stream
"#
    );
}

#[tokio::test(start_paused = true)]
async fn another_content_type() {
    let client = TestClient::from_fn(async |_| http::Response::new("data: hello\n\n".to_owned()));
    let report = failure(async move {
        client.get("/").connect().await.next().await;
    });
    assert_eq!(
        essence(&report.await),
        r#"expected anything, or the end of the stream
     got an answer that is no event stream: 200 OK, no content type
   0.000 s  frame 1, 13 bytes: "data: hello\n\n"
   0.000 s  the end of the stream
"#
    );
}

#[tokio::test(start_paused = true)]
async fn the_wrong_status() {
    let client =
        TestClient::from_fn(async |_| http::Response::builder().status(404).body("no such page".to_owned()).unwrap());
    let mut stream = client.get("/").connect().await;
    assert_eq!(
        essence(&failure_of(|| stream.expect_status(200).status())),
        "expected status 200\n     got status 404 Not Found\n   0.000 s  still open\n"
    );
    let response = client.post("/publish").body("hello").send().await;
    assert_eq!(
        failure_of(|| response.expect_status(200)),
        r#"expected status 200
     got status 404 Not Found

   0.000 s  POST /publish
            host: "localhost"
            content-length: "5"
   0.000 s  404 Not Found
   0.000 s  frame 1, 12 bytes: "no such page"
   0.000 s  the end of the stream
"#
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_json() {
    let client = TestClient::from_fn(async |_| http::Response::new("{oops".to_owned()));
    let response = client.get("/").send().await;
    let report = failure_of(|| response.json());
    assert!(report.starts_with("expected JSON\n     got \"{oops\"\n because key must be a string"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn no_answer_in_time() {
    let client = TestClient::from_fn(async |_| std::future::pending::<http::Response<Body>>().await);
    let report = failure(client.get("/").header("x-test", "1").connect());
    assert_eq!(
        report.await,
        r#"expected an answer to GET /
     got none within 10s

   0.000 s  GET /
            x-test: "1"
            accept: "text/event-stream"
            host: "localhost"
  10.001 s  still open
"#
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_never_whole() {
    let client = scripted(async |feed| {
        loop {
            feed.send(":\n").await?;
            sleep(6000).await;
        }
    });
    assert_eq!(
        essence(&failure(client.get("/events").send()).await),
        r#"expected a whole answer to GET /events
     got a part of it within 10s
   0.000 s  frame 1, 2 bytes: ":\n"
   6.000 s  frame 2, 2 bytes: ":\n"
  10.001 s  still open
"#
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_end() {
    let client = scripted(async |feed| {
        loop {
            feed.send(vec![b'x'; 1 << 20]).await?;
        }
    });
    let report = failure(client.get("/").send()).await;
    assert!(report.contains("\n     got more than 16777216 bytes\n"), "{report}");
    assert!(report.contains("x\" and 1047552 bytes more\n"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_is_late_early_or_something_else() {
    let client = scripted(async |feed| {
        sleep(15_000).await;
        feed.send(":\n").await?;
        sleep(2000).await;
        feed.send(":\n").await?;
        sleep(60_000).await;
        Ok(())
    });
    let every = Duration::from_secs(15);
    let late = client.clone();
    let report = failure(async move {
        let mut stream = late.get("/").within(every).connect().await;
        stream.expect_comment().await;
        stream.expect_comment().await;
        stream.expect_heartbeat(every).await;
    });
    let report = report.await;
    assert!(
        report.starts_with("expected a heartbeat 15s after 17.000 s\n     got nothing of the kind within 16.5s\n\n"),
        "{report}"
    );
    let early = client.clone();
    let report = failure(async move {
        let mut stream = early.get("/").connect().await;
        stream.expect_heartbeat(every).await;
        stream.expect_heartbeat(every).await;
    });
    assert_eq!(
        essence(&report.await),
        r#"expected a heartbeat 15s after 15.000 s
     got comment ""
 because it came 2s after the last thing, too early
  15.000 s  frame 1, 2 bytes: ":\n"
            comment ""
  17.000 s  frame 2, 2 bytes: ":\n"
            comment ""  <- here
  17.000 s  still open
"#
    );
    let report = failure(async move {
        let mut stream = frames(["data: 1\n\n"]).get("/").connect().await;
        stream.expect_heartbeat(every).await;
    });
    let report = report.await;
    assert!(
        report.starts_with("expected a heartbeat 15s after 0.000 s\n     got event \"message\", data \"1\"\n\n"),
        "{report}"
    );
}

#[tokio::test(start_paused = true)]
async fn other_things_than_a_comment_or_a_retry() {
    let report = failure(async {
        frames(["data: a\n\n"]).get("/").connect().await.expect_comment().await;
    });
    assert!(report.await.starts_with("expected a comment\n     got event \"message\", data \"a\"\n\n"));
    let report = failure(async {
        frames([":\n"]).get("/").connect().await.expect_retry().await;
    });
    assert!(report.await.starts_with("expected a retry\n     got the end of the stream\n\n"));
}

#[tokio::test(start_paused = true)]
async fn collecting_without_end() {
    let report = failure(async {
        let mut stream = frames(["data: a\n\n"]).get("/").connect().await;
        stream.collect_until(|event| event.data == "b").await;
    });
    let report = report.await;
    assert!(
        report.starts_with("expected an event for which the closure holds\n     got the end of the stream\n\n"),
        "{report}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_differs() {
    const EVENT: &str = "event: user\ndata: {\"name\": \"ann\", \"age\": 41}\nid: 7\n\n";
    async fn because(matcher: sse_testkit::EventMatcher<'static>) -> (String, String) {
        let report = failure(async move {
            frames([EVENT]).get("/").connect().await.expect_event(matcher).await;
        });
        let report = report.await;
        let line = |start: &str| {
            let line = report.lines().find_map(|line| line.strip_prefix(start));
            line.expect("the line").to_owned()
        };
        (line("expected "), line(" because "))
    }

    let (expected, why) = because(event("usher").data("x")).await;
    assert_eq!(expected, r#"event "usher", data "x""#);
    assert_eq!(why, r#"the name is "user", not "usher"; the data is "{\"name\": \"ann\", \"age\": 41}", not "x""#);

    let (expected, why) = because(any_event().json(json!({"name": "ann", "age": 42}))).await;
    assert_eq!(expected, r#"an event, json {"age":42,"name":"ann"}"#);
    assert_eq!(why, r#"the data is "{\"age\":41,\"name\":\"ann\"}", not "{\"age\":42,\"name\":\"ann\"}""#);

    let (expected, why) = because(event("user").json_at("/age", 42).json_at("/sex", "f")).await;
    assert_eq!(expected, r#"event "user", json at /age 42, json at /sex "f""#);
    assert_eq!(why, "/age is 41, not 42; the data has no /sex");

    let (expected, why) = because(any_event().id_with(|id| id == "8")).await;
    assert!(expected.starts_with("an event, id with the closure at sse-testkit/tests/it/report.rs:"));
    assert!(why.starts_with("the id \"7\" is not as the closure at sse-testkit/tests/it/report.rs:"), "{why}");

    let (expected, why) = because(data("x").matching(|event| event.name == "x")).await;
    assert!(expected.starts_with("an event, data \"x\", matching the closure at sse-testkit/tests/"), "{expected}");
    assert!(why.contains("; it is not as the closure at sse-testkit/tests/it/report.rs:"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn data_that_is_not_json() {
    let report = failure(async {
        let mut stream = frames(["data: {oops\n\n"]).get("/").connect().await;
        stream.expect_event(any_event().json_at("/a", 1)).await;
    });
    assert!(report.await.contains("\n because the data is not JSON: key must be a string"));
}

#[tokio::test(start_paused = true)]
async fn long_data_says_where_to_look() {
    let client = TestClient::from_fn(async |_| event_stream(format!("data: {}b\n\n", "a".repeat(5000))));
    let report = failure(async move {
        let expected = format!("{}c", "a".repeat(5000));
        client.get("/").connect().await.expect_event(&expected).await;
    });
    let report = report.await;
    assert!(report.contains("a\" and 3977 bytes more (from byte 5000 on)\n"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn an_event_too_large_is_not_passed_over() {
    let client = scripted(async |feed| {
        for _ in 0..5 {
            feed.send([b"data:".as_slice(), &[b'x'; 1 << 20], b"\n"].concat()).await?;
        }
        feed.send("\ndata: a\n\n").await
    });
    let report = failure(async move {
        client.get("/").connect().await.expect_event("a").await;
    });
    let report = report.await;
    assert!(report.contains("\n     got an event dropped for its size (Event)\n"), "{report}");
}

/// What a report says, and what came after the heads of request and answer.
fn essence(report: &str) -> String {
    let (said, timeline) = report.split_once("\n\n").expect("a timeline");
    let is_head = |line: &&str| !line.contains(" s  frame ") && !line.contains(" s  still open");
    let came: Vec<_> = timeline.lines().skip_while(is_head).collect();
    format!("{said}\n{}\n", came.join("\n"))
}
