//! Streams that are poured in.

use serde_json::json;
use sse_testkit::{Response, TestClient, event};

use crate::{
    contract::{everywhere, expect_nothing_before_now, subscribe},
    durable::listen,
    support::{problem, publish},
};

async fn pour(client: &TestClient, path: &str, body: &str) -> Response {
    client.post(path).header("content-type", "text/event-stream").body(body.to_owned()).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_poured_in_is_published_event_by_event() {
    everywhere(async |client| {
        let mut stream = subscribe(client, "topic=runs/1").await;
        let body =
            "\u{feff}: hello\nid: 7\nretry: 1\n\ndata: a\n\nevent: n\ndata: b\ndata: c\nid: 9\n\ndata: unfinished";
        let answer = pour(client, "/publish/runs/1", body).await.json();
        let first = stream.expect_event("a").await;
        let last = stream.expect_event(event("n").data("b\nc")).await;
        let expect = json!({
            "published": 2, "duplicates": 0, "first_id": first.id, "last_id": last.id, "ended": false,
        });
        assert_eq!(answer, expect);
        assert_eq!(pour(client, "/publish/runs/1?end", "data: d\r\n\r\n").await.json()["ended"], true);
        stream.expect_event("d").await;
        stream.expect_event(event("sse-end")).await;
        assert_eq!(problem(&pour(client, "/publish/runs/1", "data: e\n\n").await).0, 409);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_poured_in_again_under_its_key_doubles_nothing() {
    everywhere(async |client| {
        let keyed = |body: &str| {
            let request = client.post("/publish/runs/1?end").header("content-type", "text/event-stream");
            request.header("idempotency-key", "run-1").body(body.to_owned()).send()
        };
        let mut stream = subscribe(client, "topic=runs/1").await;
        let request = client.post("/publish/runs/1").header("content-type", "text/event-stream");
        let request = request.header("idempotency-key", "run-1");
        assert_eq!(request.body_stream(["data: a\n\nda", "ta: b\n\ndata: c"]).send().await.status, 200);
        stream.expect_event("a").await;
        stream.expect_event("b").await;
        let answer = keyed("data: a\n\ndata: b\n\ndata: c\n\n").await.json();
        assert_eq!(
            (&answer["published"], &answer["duplicates"], &answer["ended"]),
            (&json!(1), &json!(2), &json!(true))
        );
        stream.expect_event("c").await;
        stream.expect_event(event("sse-end")).await;
        let answer = keyed("data: a\n\ndata: b\n\ndata: c\n\n").await.json();
        assert_eq!(
            (&answer["published"], &answer["duplicates"], &answer["ended"]),
            (&json!(0), &json!(3), &json!(true))
        );
        let refused = keyed("data: a\n\ndata: x\n\n").await;
        assert_eq!(problem(&refused).0, 422);
        // what comes after the end is refused, and it is said which that is
        let refused = keyed("data: a\n\ndata: b\n\ndata: c\n\ndata: d\n\n").await;
        let answer = refused.json();
        assert_eq!(
            (problem(&refused).0, &answer["event"], &answer["duplicates"]),
            (409, &json!(4), &json!(3)),
            "{answer}"
        );
        assert_eq!(problem(&pour(client, "/publish/runs/1?end", "").await).0, 409, "it is no repeat");
        // a body that is refused ends nothing
        let other = |end: &str, body: &str| {
            let request = client.post(&format!("/publish/runs/2{end}")).header("content-type", "text/event-stream");
            request.header("idempotency-key", "run-2").body(body.to_owned()).send()
        };
        assert_eq!(other("", "data: a\n\ndata: b\n\n").await.status, 200);
        assert_eq!(problem(&other("?end", "data: a\n\n").await).0, 422);
        publish(client, "runs/2", "it goes on").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_events_may_end_its_topic_again_under_its_key() {
    everywhere(async |client| {
        publish(client, "runs/1", "a").await;
        let end = |key: &str| {
            let request = client.post("/publish/runs/1?end").header("content-type", "text/event-stream");
            request.header("idempotency-key", key).body(": nothing\n").send()
        };
        for _ in 0..2 {
            let answer = end("run-1").await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!((&answer.json()["published"], &answer.json()["ended"]), (&json!(0), &json!(true)));
        }
        let other = client.post("/publish/runs/1?end").header("idempotency-key", "run-2").body("").send().await;
        assert_eq!(other.status, 200, "as with an empty body of any other type");
        assert_eq!(problem(&pour(client, "/publish/runs/1?end", ": nothing\n").await).0, 409, "without a key");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pour_that_breaks_does_not_end_the_topic() {
    let directory = tempfile::tempdir().unwrap();
    let hub = listen(directory.path(), true, |_| {}).await;
    let mut stream = subscribe(&hub.client, "topic=runs/1").await;
    let mut socket = tokio::net::TcpStream::connect(hub.address).await.unwrap();
    let request = "POST /publish/runs/1?end HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/event-stream\r\n\
                   Content-Length: 99\r\n\r\ndata: a\n\ndata: b";
    tokio::io::AsyncWriteExt::write_all(&mut socket, request.as_bytes()).await.unwrap();
    stream.expect_event("a").await; // the moment it is complete
    drop(socket);
    expect_nothing_before_now(&hub.client, &mut stream, "runs/1").await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pour_that_is_refused_says_how_far_it_came() {
    everywhere(async |client| {
        for (bad, says) in [
            ("event: sse-gap\ndata: x\n\n".to_owned(), "hub's own"),
            (format!("data: {}\n\n", "x".repeat(300_000)), "the event is longer than"),
            (format!("event: {}\ndata: x\n\n", "n".repeat(2000)), "name"),
        ] {
            let refused = pour(client, "/publish/a", &format!("data: 1\n\ndata: 2\n\n{bad}data: 3\n\n")).await;
            let (status, detail) = problem(&refused);
            assert!(status >= 400 && detail.contains(says), "{detail}");
            let answer = refused.json();
            assert_eq!((&answer["event"], &answer["published"]), (&json!(3), &json!(2)), "{answer}");
            assert_eq!(answer["last_id"], client.get("/topics/a").send().await.json()["last"]);
        }
        let request = client.post("/publish/a").header("content-type", "text/event-stream");
        let refused = request.body(b"data: 1\n\ndata: \xff\n\n".to_vec()).send().await;
        assert!(problem(&refused).1.contains("not UTF-8"));
        let request = client.post("/publish/a").header("content-type", "text/event-stream");
        let refused = request.header("content-encoding", "gzip").body(vec![0x1f, 0x8b]).send().await;
        assert_eq!(problem(&refused).0, 415);
        assert_eq!(problem(&pour(client, "/publish/a?alias=x", "data: 1\n\n").await).0, 400);
    })
    .await;
}
