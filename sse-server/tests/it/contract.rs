//! What an event and a topic can be: the rules of the contract, one by one, on memory and on disk, over each driver.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use sse_testkit::{Response, TestClient, TestStream, any_event, event};

use crate::{
    durable::listen,
    support::{default_hub, id, problem, publish, publish_json, publish_ndjson},
};

const CURSOR: [&str; 1] = ["sse-cursor"];

/// Runs `test` with a hub in memory, and with logs on disk whose window is small, over both drivers.
pub(crate) async fn everywhere(test: impl AsyncFn(&TestClient)) {
    test(&default_hub()).await;
    for shards in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let hub = listen(directory.path(), shards, |config| config.window.events = 2).await;
        test(&hub.client).await;
        hub.stop().await;
    }
}

pub(crate) async fn subscribe(client: &TestClient, query: &str) -> TestStream {
    let stream = client.get(&format!("/events?{query}")).skip_events(CURSOR).connect().await;
    assert_eq!(stream.status(), 200);
    stream
}

pub(crate) async fn resume(client: &TestClient, query: &str, id: &str) -> TestStream {
    client.get(&format!("/events?{query}")).last_event_id(id).skip_events(CURSOR).connect().await
}

pub(crate) async fn post(client: &TestClient, path: &str, body: &str) -> Response {
    client.post(path).body(body.to_owned()).send().await
}

pub(crate) async fn json_id(client: &TestClient, json: Value) -> String {
    let response = publish_json(client, json.to_string()).await;
    assert_eq!(response.status, 200, "{}", response.text());
    id(&response)
}

pub(crate) async fn delete(client: &TestClient, path: &str) -> Response {
    client.request(Method::DELETE, path).send().await
}

/// Nothing but what is published to `topic` now comes next.
pub(crate) async fn expect_nothing_before_now(client: &TestClient, stream: &mut TestStream, topic: &str) {
    publish(client, topic, "now").await;
    stream.expect_event(any_event().data("now")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_may_be_any_iri_but_not_in_a_path() {
    everywhere(async |client| {
        let book = "https://example.com/books/1";
        let mut stream = subscribe(client, "topic=https://example.com/books/*").await;
        json_id(client, json!({ "topic": book, "data": "by JSON" })).await;
        stream.expect_event("by JSON").await;
        assert_eq!(post(client, &format!("/publish?topic={book}"), "by query").await.status, 200);
        stream.expect_event("by query").await;
        for topic in ["a//b", "./a", "a/..", "/", "a/"] {
            json_id(client, json!({ "topic": topic, "data": "" })).await;
            let (status, detail) = problem(&post(client, &format!("/publish/{topic}"), "").await);
            assert!(status == 400 && detail.contains("in a path"), "{topic}: {status}, {detail}");
        }
        let long = "x".repeat(1024);
        json_id(client, json!({ "topic": long, "data": "" })).await;
        let refused = publish_json(client, json!({ "topic": format!("{long}x"), "data": "" }).to_string()).await;
        assert!(problem(&refused).1.contains("1,024 bytes"));
        let known = client.get(&format!("/topics?topic={book}")).send().await.json();
        assert_eq!((&known["topic"], &known["events"]), (&json!(book), &json!(2)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_several_topics_comes_once_and_follows_the_first() {
    everywhere(async |client| {
        let mut both = subscribe(client, "topic=a&topic=b&topic=*").await;
        let mut other = subscribe(client, "topic=c&envelope=json").await;
        let first = json_id(client, json!({ "topics": ["a", "b", "c", "a"], "data": 1 })).await;
        both.expect_event(event("message").data("1").id(&first)).await;
        let enveloped = json!({ "topic": "a", "topics": ["a", "b", "c"], "data": 1 });
        other.expect_event(event("message").json(enveloped).id(&first)).await;
        assert_eq!(post(client, "/publish?topic=b&topic=c&event=n", "2").await.status, 200);
        both.expect_event(event("n").data("2")).await;
        other.expect_event(event("n").json(json!({ "topic": "b", "topics": ["b", "c"], "data": "2" }))).await;

        for (topic, events) in [("a", 1), ("b", 1), ("c", 0)] {
            assert_eq!(client.get(&format!("/topics/{topic}")).send().await.json()["events"], events, "{topic}");
        }
        let mut again = subscribe(client, "topic=c&since=earliest").await;
        again.expect_event("1").await;
        again.expect_event(any_event().data("2")).await;
        let before = resume(client, "topic=c&topic=b", &first).await.expect_event(any_event().data("2")).await;
        assert_eq!(before.name, "n");

        // when it goes, each of its topics was trimmed
        assert_eq!(delete(client, "/topics/a").await.status, 200);
        let zero = format!("{}-00000000000", first.split('-').next().unwrap());
        for topic in ["a", "b", "c"] {
            let mut stream = resume(client, &format!("topic={topic}"), &zero).await;
            stream.expect_event(event("sse-gap").json_at("/reason", "trimmed")).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_topics_and_none_are_refused() {
    let client = default_hub();
    let many: Vec<_> = (0..65).map(|number| number.to_string()).collect();
    assert_eq!(problem(&publish_json(&client, json!({ "topics": many, "data": 1 }).to_string()).await).0, 400);
    assert_eq!(publish_json(&client, json!({ "topics": many[1..], "data": 1 }).to_string()).await.status, 200);
    assert_eq!(problem(&publish_json(&client, json!({ "topics": [], "data": 1 }).to_string()).await).0, 400);
    let (status, detail) = problem(&post(&client, "/publish/a?topic=b", "").await);
    assert!(status == 400 && detail.contains("in the path"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_is_found_by_resume_and_never_sent() {
    everywhere(async |client| {
        let first = json_id(client, json!({ "topic": "a", "data": 1, "alias": "order-7" })).await;
        json_id(client, json!({ "topic": "a", "data": 2, "alias": "order-7" })).await;
        assert_eq!(post(client, "/publish/a?alias=order-8", "3").await.status, 200);
        publish(client, "a", "4").await;
        let mut stream = client.get("/events?topic=a").last_event_id("order-7").connect().await;
        stream.expect_event(event("sse-cursor").id(&first)).await; // the earliest retained one
        for data in ["2", "3", "4"] {
            stream.expect_event(data).await;
        }
        assert!(!String::from_utf8_lossy(&stream.raw()).contains("order-"));
        let mut stream = resume(client, "topic=a", "order-8").await;
        stream.expect_event("4").await;
        assert_eq!(delete(client, &format!("/topics/a?before={}", stream.last_event_id())).await.status, 200);
        let mut stream = resume(client, "topic=a", "order-7").await;
        stream
            .expect_event(event("sse-gap").json(json!({
                "reason": "unknown", "requested": "order-7", "first": stream_first(client).await
            })))
            .await;
        for alias in ["a%0Ab", &first] {
            assert_eq!(problem(&post(client, &format!("/publish/a?alias={alias}"), "").await).0, 400);
        }
    })
    .await;
}

async fn stream_first(client: &TestClient) -> Value {
    client.get("/topics/a").send().await.json()["first"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_the_end_is_refused_until_the_topic_is_deleted() {
    everywhere(async |client| {
        publish(client, "runs/1", "a").await;
        let keyed = || client.post("/publish/runs/1?end").header("idempotency-key", "k").body("last".to_owned());
        let last = id(&keyed().send().await);
        let refused = post(client, "/publish/runs/1", "late").await;
        let (status, detail) = problem(&refused);
        assert!(status == 409 && detail.contains(&last), "{detail}");
        assert_eq!(refused.json()["ended_at"], last);
        // a repeat is answered as one
        let repeat = keyed().send().await.json();
        assert_eq!((&repeat["id"], &repeat["duplicate"]), (&json!(last), &json!(true)));
        // by its canonical topic, and an array as a whole
        let array = json!([{ "topic": "b", "data": 1 }, { "topics": ["runs/1", "b"], "data": 2 }]);
        let refused = publish_json(client, array.to_string()).await;
        assert_eq!((problem(&refused).0, &refused.json()["index"]), (409, &json!(1)));
        assert_eq!(client.get("/topics/b").send().await.status, 404);
        json_id(client, json!({ "topics": ["b", "runs/1"], "data": 3 })).await;
        let array = json!([{ "topic": "c", "data": 1, "end": true }, { "topic": "c", "data": 2 }]);
        let refused = publish_json(client, array.to_string()).await;
        assert_eq!((problem(&refused).0, refused.json().get("ended_at")), (409, None));
        let lines = "{\"topic\":\"d\",\"data\":1,\"end\":true}\n{\"topic\":\"d\",\"data\":2}";
        let refused = publish_ndjson(client, lines).await;
        assert_eq!((problem(&refused).0, &refused.json()["ended_at"]), (409, &refused.json()["last_id"]));
        let lines = "{\"topic\":\"b\",\"data\":4}\n{\"topic\":\"runs/1\",\"data\":5}\n{\"topic\":\"b\",\"data\":6}";
        let refused = publish_ndjson(client, lines).await;
        assert_eq!(
            (problem(&refused).0, &refused.json()["line"], &refused.json()["published"]),
            (409, &json!(2), &json!(1))
        );
        assert_eq!(client.get("/topics/runs/1").send().await.json()["ended_at"], last);

        assert_eq!(delete(client, &format!("/topics/runs/1?before={last}")).await.status, 200);
        let mut stream = subscribe(client, "topic=runs/1&since=earliest&envelope=json").await;
        let no_end = json!({ "topic": "runs/1", "data": "last" });
        stream.expect_event(event("message").json(no_end).id(&last)).await;
        let mut live = subscribe(client, "topic=runs/1").await;
        publish(client, "runs/1", "new").await;
        live.expect_event("new").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_ended_topics_is_told_and_closed_and_then_is_answered_204() {
    everywhere(async |client| {
        let first = publish(client, "runs/1", "a").await;
        let mut live = subscribe(client, "topic=runs/1&topic=runs/2").await;
        let mut off = client.get("/events?topic=runs/1&control=off").connect().await;
        let one = id(&post(client, "/publish/runs/1?end", "b").await);
        live.expect_event("b").await;
        off.expect_event("b").await;
        off.expect_closed().await;
        let mut mixed = subscribe(client, "topic=runs/1&topic=other/*&since=earliest&envelope=json").await;
        mixed.expect_event(event("message").json(json!({ "topic": "runs/1", "data": "a" }))).await;
        mixed.expect_event(event("message").json(json!({ "topic": "runs/1", "end": true, "data": "b" }))).await;
        // an end without an event of its own
        let two = post(client, "/publish/runs/2?end", "").await.json();
        assert_eq!(two["ended"], true);
        let end = event("sse-end").json(json!({ "topics": ["runs/1", "runs/2"] }));
        let end = live.expect_event(end).await;
        live.expect_closed().await;

        let all = "topic=runs/1&topic=runs/2";
        let answer = client.get(&format!("/events?{all}")).last_event_id(&end.id).send().await;
        assert_eq!((answer.status.as_u16(), answer.text()), (204, ""));
        assert_eq!(client.get("/events?topic=runs/1").last_event_id(&one).send().await.status, 204);
        for (position, status) in [(&one, 204), (&first, 200)] {
            let head = client.request(Method::HEAD, "/events?topic=runs/1").last_event_id(position);
            assert_eq!(head.send().await.status, status, "as GET answers");
        }
        // who is behind gets first what it missed
        let mut behind = resume(client, "topic=runs/1", &first).await;
        behind.expect_event("b").await;
        behind.expect_event(event("sse-end").json(json!({ "topics": ["runs/1"] }))).await;
        behind.expect_closed().await;
        // without a position: what `since` says, and then the end
        let mut fresh = subscribe(client, "topic=runs/1&since=earliest").await;
        for data in ["a", "b"] {
            fresh.expect_event(data).await;
        }
        fresh.expect_event(event("sse-end")).await;
        subscribe(client, "topic=runs/1").await.expect_event(event("sse-end")).await;
        // mixed selectors are never closed
        publish(client, "other/x", "still here").await;
        mixed.expect_event(event("message").json(json!({ "topic": "other/x", "data": "still here" }))).await;
        let mut mixed = resume(client, "topic=runs/*&topic=runs/1", &end.id).await;
        expect_nothing_before_now(client, &mut mixed, "runs/3").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_without_an_event_is_at_the_last_one() {
    everywhere(async |client| {
        let last = publish(client, "runs/1", "a").await;
        let ended = post(client, "/publish/runs/1?end", "").await.json();
        assert_eq!((&ended["id"], &ended["topic"]), (&json!(last), &json!("runs/1")));
        assert_eq!(client.get("/topics/runs/1").send().await.json()["events"], 1);
        let refused = post(client, "/publish/runs/1?end", "").await;
        assert_eq!((problem(&refused).0, &refused.json()["ended_at"]), (409, &json!(last)));
        assert_eq!(client.get("/events?topic=runs/1").last_event_id(&last).send().await.status, 204);
        let (status, _) = problem(&post(client, "/publish?topic=a&topic=b&end", "").await);
        assert_eq!(status, 400);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn since_last_begins_with_the_last_event_of_each_topic() {
    everywhere(async |client| {
        for (topic, data) in [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4"), ("other/x", "5")] {
            publish(client, topic, data).await;
        }
        for query in ["topic=*", "topic=a&topic=b&topic=c&topic=none"] {
            let mut stream = subscribe(client, &format!("{query}&since=last")).await;
            for data in ["2", "3", "4"] {
                stream.expect_event(data).await;
            }
            expect_nothing_before_now(client, &mut stream, "c").await;
            assert_eq!(delete(client, "/topics/c").await.status, 200);
            publish(client, "c", "4").await;
        }
        let last = client.get("/topics/c").send().await.json()["last"].as_str().unwrap().to_owned();
        let mut stream = resume(client, "topic=*&since=last", &last).await;
        expect_nothing_before_now(client, &mut stream, "a").await;
        // never a gap of its own, also where all was trimmed
        for topic in ["a", "b", "c"] {
            delete(client, &format!("/topics/{topic}")).await;
        }
        let mut stream = subscribe(client, "topic=*&since=last").await;
        expect_nothing_before_now(client, &mut stream, "a").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_control_off_there_are_none_of_the_hub_s_own_events() {
    everywhere(async |client| {
        let mut stream = client.get("/events?topic=a&control=off").connect().await;
        assert_eq!(stream.headers().get("sse-gap"), None);
        let first = publish(client, "a", "1").await;
        stream.expect_event(event("message").data("1").id(&first)).await;
        assert_eq!(stream.raw(), format!(":\nid: {first}\ndata: 1\n\n"));
        let unknown = client.get("/events?topic=a&control=off").last_event_id("never").connect().await;
        assert_eq!(unknown.headers()["sse-gap"], "unknown");
        for query in ["control=on", "control=off&control=off", "control=off&heartbeat=cursor"] {
            assert_eq!(problem(&client.get(&format!("/events?topic=a&{query}")).send().await).0, 400, "{query}");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn with_control_off_heartbeats_are_comments() {
    let client = default_hub();
    let mut stream = client.get("/events?topic=a&control=off").connect().await;
    assert_eq!(stream.expect_comment().await, "", "the opening");
    tokio::time::sleep(Duration::from_secs(16)).await;
    assert_eq!(stream.expect_comment().await, "", "a heartbeat");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_deleted_whole_or_before_an_event() {
    everywhere(async |client| {
        let mut ids = Vec::new();
        for data in ["1", "2", "3"] {
            ids.push(publish(client, "a/b", data).await);
        }
        publish(client, "a/c", "other").await;
        assert_eq!(delete(client, &format!("/topics/a/b?before={}", ids[1])).await.status, 200);
        let known = client.get("/topics/a/b").send().await.json();
        assert_eq!((&known["events"], &known["first"]), (&json!(2), &json!(ids[1])));
        let deleted = delete(client, "/topics?topic=a/b").await;
        assert_eq!((deleted.status.as_u16(), deleted.json()), (200, json!({ "topic": "a/b" })));
        let mut stream = resume(client, "topic=a/*", &ids[0]).await;
        stream.expect_event(event("sse-gap").json_at("/reason", "trimmed")).await;
        stream.expect_event("other").await;
        for path in ["/topics", "/topics/a?before=x", "/topics/a?topic=b", "/topics/a//b"] {
            assert_eq!(problem(&delete(client, path).await).0, 400, "{path}");
        }
        assert_eq!(delete(client, "/topics/never").await.status, 200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_not_had_an_event_of_the_topic_is_not_told_that_all_is_over() {
    everywhere(async |client| {
        let first = publish(client, "runs/1", "a").await;
        // an event of the topic, whose canonical topic is another
        let second = json_id(client, json!({ "topics": ["log", "runs/1"], "data": "b" })).await;
        assert_eq!(id(&post(client, "/publish/runs/1?end", "").await), second);
        let mut stream = resume(client, "topic=runs/1", &first).await;
        stream.expect_event("b").await;
        stream.expect_event(event("sse-end").id(&second)).await;
        assert_eq!(client.get("/events?topic=runs/1").last_event_id(&second).send().await.status, 204);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_goes_on_has_not_ended_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let hub = listen(directory.path(), true, |_| {}).await;
    let last = id(&post(&hub.client, "/publish/runs/1?end", "last").await);
    post(&hub.client, "/publish/runs/2?end", "over").await;
    assert_eq!(delete(&hub.client, &format!("/topics/runs/1?before={last}")).await.status, 200);
    let next = publish(&hub.client, "runs/1", "next").await;
    hub.stop().await;

    let hub = listen(directory.path(), true, |_| {}).await;
    let mut stream = subscribe(&hub.client, "topic=runs/1&since=earliest&envelope=json").await;
    for data in ["last", "next"] {
        stream.expect_event(event("message").json(json!({ "topic": "runs/1", "data": data }))).await;
    }
    let mut stream = resume(&hub.client, "topic=runs/1", &next).await;
    expect_nothing_before_now(&hub.client, &mut stream, "runs/1").await;
    assert_eq!(problem(&post(&hub.client, "/publish/runs/2", "").await).0, 409, "the other has");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_disk_has_is_read_after_a_restart_though_topics_were_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let few = |config: &mut sse_server::Config| {
        config.window.topics = 3;
        config.window.events = 2;
    };
    let hub = listen(directory.path(), true, few).await;
    for data in ["1", "2", "3"] {
        publish(&hub.client, "kept", data).await;
    }
    for run in 0..10 {
        publish(&hub.client, &format!("run-{run}"), "x").await;
    }
    publish(&hub.client, "kept", "4").await;
    hub.stop().await;
    let hub = listen(directory.path(), true, few).await;
    let mut stream = subscribe(&hub.client, "topic=kept&since=earliest").await;
    for data in ["1", "2", "3", "4"] {
        stream.expect_event(data).await;
    }
    hub.stop().await;
}
