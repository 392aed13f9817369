//! `GET /events`: what a subscriber gets, in virtual time, whichever driver brings it.

use std::time::Duration;

use http::Method;
use serde_json::json;
use sse_server::Lag;
use sse_testkit::{Seen, TestClient, TestStream, event};

use super::support::{default_hub, hub, metric, publish, publish_json};

const CURSOR: [&str; 1] = ["sse-cursor"];

/// A stream whose cursors are not of interest.
async fn subscribe(client: &TestClient, query: &str) -> TestStream {
    let stream = client.get(&format!("/events?{query}")).skip_events(CURSOR).connect().await;
    assert_eq!(stream.status(), 200);
    stream
}

/// A stream that begins with a gap; its reason, what was asked for, and the first event that follows.
async fn gap(client: &TestClient, query: &str) -> (TestStream, String, String, Option<String>) {
    let mut stream = subscribe(client, query).await;
    let gap = stream.expect_event(event("sse-gap")).await;
    let data = gap.json();
    let text = |member: &str| data[member].as_str().map(ToOwned::to_owned);
    (stream, text("reason").unwrap(), text("requested").unwrap(), text("first"))
}

#[tokio::test(start_paused = true)]
async fn the_head_and_the_first_bytes() {
    let client = default_hub();
    let mut stream = client.get("/events?topic=news").connect().await;
    assert_eq!(stream.status(), 200);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
        ("sse-heartbeat", "15"),
        ("connection", "close"),
        ("vary", "Origin"),
    ] {
        assert_eq!(stream.headers()[name], value);
    }
    let retry = stream.expect_retry().await;
    assert!((Duration::from_secs(2)..=Duration::from_secs(4)).contains(&retry), "{retry:?}");
    stream.expect_event(event("sse-cursor").data("{}")).await;
    assert!(!stream.last_event_id().is_empty());
    assert_eq!(stream.received_at(), Duration::ZERO, "at once");
}

#[tokio::test(start_paused = true)]
async fn the_reconnection_time_differs_from_stream_to_stream() {
    let client = default_hub();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..10 {
        seen.insert(client.get("/events?topic=a").connect().await.expect_retry().await);
    }
    assert!(seen.len() > 1, "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn an_event_arrives_with_its_id_and_a_resume_goes_on_right_after_it() {
    let client = default_hub();
    let mut stream = subscribe(&client, "topic=news").await;
    let first = publish(&client, "news", "hello").await;
    stream.expect_event(event("message").data("hello").id(&first)).await;
    drop(stream);

    publish(&client, "other", "not for us").await;
    let second = publish(&client, "news", "while away").await;
    let by_header = client.get("/events?topic=news").last_event_id(&first);
    let by_query = client.get(&format!("/events?topic=news&last_event_id={first}"));
    let by_alias = client.get(&format!("/events?topic=news&lastEventId={first}"));
    for request in [by_header, by_query, by_alias] {
        let mut stream = request.connect().await;
        stream.expect_event(event("sse-cursor").id(&first)).await;
        stream.expect_event(event("message").data("while away").id(&second)).await;
        stream.expect_silence(Duration::from_secs(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_header_wins_over_the_query_which_wins_over_since() {
    let client = default_hub();
    let first = publish(&client, "a", "1").await;
    let second = publish(&client, "a", "2").await;
    publish(&client, "a", "3").await;
    let query = format!("/events?topic=a&last_event_id={first}&since=earliest");

    let mut stream = client.get(&query).last_event_id(&second).skip_events(CURSOR).connect().await;
    stream.expect_event("3").await;
    let mut stream = client.get(&query).skip_events(CURSOR).connect().await;
    stream.expect_event("2").await;
    let mut stream = client.get(&query).last_event_id("").skip_events(CURSOR).connect().await;
    stream.expect_event("2").await;
    let mut stream = subscribe(&client, "topic=a&last_event_id=&since=earliest").await;
    stream.expect_event("1").await;
}

#[tokio::test(start_paused = true)]
async fn of_several_ids_in_the_query_the_last_counts() {
    let client = default_hub();
    let first = publish(&client, "a", "1").await;
    let second = publish(&client, "a", "2").await;
    publish(&client, "a", "3").await;
    for (ids, expected) in [
        (format!("last_event_id={first}&lastEventId={second}"), "3"),
        (format!("lastEventId={second}&last_event_id={first}"), "2"),
        (format!("last_event_id={first}&last_event_id={second}&last_event_id="), "3"),
        (format!("lastEventId=&lastEventId={first}"), "2"),
    ] {
        let mut stream = subscribe(&client, &format!("topic=a&{ids}")).await;
        stream.expect_event(expected).await;
    }
}

#[tokio::test(start_paused = true)]
async fn ids_in_several_headers_count_only_if_they_are_the_same() {
    let client = default_hub();
    let first = publish(&client, "a", "1").await;
    let second = publish(&client, "a", "2").await;
    let of = |ids: &[&str]| {
        ids.iter().fold(client.get("/events?topic=a"), |request, id| request.header("last-event-id", id))
    };
    for ids in [&["", &first][..], &[&first, ""], &[&first, &first], &["", &first, "", &first]] {
        let mut stream = of(ids).connect().await;
        stream.expect_event(event("sse-cursor").id(&first)).await;
        stream.expect_event("2").await;
    }
    let mut stream = of(&[&first, &second]).connect().await;
    let gap = stream.expect_event(event("sse-gap")).await;
    let gap: serde_json::Value = serde_json::from_str(&gap.data).unwrap();
    assert_eq!((&gap["reason"], &gap["requested"]), (&"unknown".into(), &format!("{first}, {second}").into()));
}

#[tokio::test(start_paused = true)]
async fn what_is_published_between_opening_and_the_first_event_is_not_missed() {
    let client = default_hub();
    let mut stream = client.get("/events?topic=a").connect().await;
    stream.expect_event(event("sse-cursor")).await;
    publish(&client, "a", "1").await;
    publish(&client, "a", "2").await;
    stream.reconnect().await;
    stream.expect_events([event("sse-cursor"), event("message").data("1"), event("message").data("2")]).await;
}

#[tokio::test(start_paused = true)]
async fn several_selectors_give_their_union_each_event_once() {
    let client = default_hub();
    let mut stream = subscribe(&client, "topic=a&topic=a&topic=*&topic=b/**&topic=a/x").await;
    for topic in ["a", "b/c/d", "c/d", "a/x", "d"] {
        publish(&client, topic, topic).await;
    }
    stream.expect_events(["a", "b/c/d", "a/x", "d"]).await;
    stream.expect_silence(Duration::from_secs(10)).await;
}

#[tokio::test(start_paused = true)]
async fn heartbeats_come_at_the_interval_and_only_when_idle() {
    let client = default_hub();
    let mut stream = client.get("/events?topic=a").connect().await;
    stream.expect_event(event("sse-cursor")).await;
    let other = publish(&client, "other", "moves the head").await;
    let started = stream.received_at();
    stream.within(Duration::from_secs(16)).expect_event(event("sse-cursor").data("{}").id(&other)).await;
    assert_eq!(stream.received_at() - started, Duration::from_secs(15));

    tokio::time::advance(Duration::from_secs(10)).await;
    publish(&client, "a", "not idle").await;
    stream.expect_event("not idle").await;
    let after = stream.received_at();
    stream.within(Duration::from_secs(16)).expect_event(event("sse-cursor")).await;
    assert_eq!(stream.received_at() - after, Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_comments() {
    let (_, client) = hub(|config| config.stream.max_age = Duration::ZERO);
    let mut stream = client.get("/events?topic=a&heartbeat=comment").connect().await;
    stream.expect_event(event("sse-cursor")).await;
    for _ in 0..240 {
        stream.expect_heartbeat(Duration::from_secs(15)).await;
    }
    assert_eq!(metric(&client, "sse_heartbeats_total").await, 240.0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_at_its_age_and_goes_on_without_loss() {
    let (_, client) = hub(|config| config.stream.max_age = Duration::from_secs(100));
    let mut stream = subscribe(&client, "topic=a").await;
    let id = publish(&client, "a", "1").await;
    stream.expect_event("1").await;
    let drain = event("sse-drain").json(json!({ "reason": "age" })).id(&id);
    stream.within(Duration::from_secs(111)).expect_event(drain).await;
    assert!(stream.received_at() >= Duration::from_secs(90));
    stream.expect_closed().await;
    publish(&client, "a", "2").await;
    stream.reconnect().await;
    stream.expect_event("2").await;
    assert_eq!(metric(&client, "sse_ends_total{reason=\"age\"}").await, 1.0);
}

#[tokio::test(start_paused = true)]
async fn since_earliest_never_gaps_and_since_a_time_tells_what_it_lost() {
    let (_, client) = hub(|config| config.window.events = 3);
    for i in 0..5 {
        publish(&client, "a", &i.to_string()).await;
        tokio::time::advance(Duration::from_secs(60)).await;
    }
    // at 0, 60, 120, 180 and 240 s; it is 300 s now, and the first two are gone
    let mut stream = subscribe(&client, "topic=a&since=earliest").await;
    stream.expect_events(["2", "3", "4"]).await;
    let mut stream = subscribe(&client, "topic=a&since=2m30s").await;
    stream.expect_events(["3", "4"]).await;
    let (mut stream, reason, requested, _) = gap(&client, "topic=a&since=1h").await;
    assert_eq!((&*reason, &*requested), ("trimmed", "1h"));
    stream.expect_events(["2", "3", "4"]).await;
    let mut stream = subscribe(&client, "topic=never&since=1h").await;
    stream.expect_silence(Duration::from_secs(10)).await;
}

#[tokio::test(start_paused = true)]
async fn a_resume_that_is_not_exact_says_why_and_then_sends_all_there_is() {
    let (_, client) = hub(|config| config.window.events = 2);
    let trimmed_away = {
        let mut stream = client.get("/events?topic=a").connect().await;
        stream.expect_event(event("sse-cursor")).await.id
    };
    for i in 0..4 {
        publish(&client, "a", &i.to_string()).await;
    }
    let other_epoch = {
        let mut stream = default_hub().get("/events?topic=a").connect().await;
        stream.expect_event(event("sse-cursor")).await.id
    };
    let beyond = format!("{}vvvvvvvvvvv", &trimmed_away[..13]);
    for (id, expect) in [
        (trimmed_away.as_str(), "trimmed"),
        (&other_epoch, "epoch"),
        (&beyond, "unknown"),
        ("garbage", "unknown"),
        ("%F0%9F%98%80%0D", "unknown"),
    ] {
        let (mut stream, reason, requested, first) = gap(&client, &format!("topic=a&last_event_id={id}")).await;
        assert_eq!(reason, expect);
        if !id.starts_with('%') {
            assert_eq!(requested, id);
        }
        let second_last = stream.expect_event("2").await;
        assert_eq!(first.as_deref(), Some(second_last.id.as_str()));
        stream.expect_event("3").await;
        stream.expect_silence(Duration::from_secs(10)).await;
    }
    assert_eq!(metric(&client, "sse_gaps_total{reason=\"unknown\"}").await, 3.0);
}

#[tokio::test(start_paused = true)]
async fn a_gap_with_nothing_after_it_has_no_first_and_can_be_resumed() {
    let client = default_hub();
    publish(&client, "other", "x").await;
    let (mut stream, reason, _, first) = gap(&client, "topic=a&last_event_id=nonsense").await;
    assert_eq!((&*reason, first), ("unknown", None));
    publish(&client, "a", "later").await;
    stream.reconnect().await;
    stream.expect_event("later").await;
}

#[tokio::test(start_paused = true)]
async fn trimming_one_topic_gaps_no_reader_of_another() {
    let (_, client) = hub(|config| config.window.events = 2);
    let id = publish(&client, "quiet", "x").await;
    for _ in 0..10 {
        publish(&client, "busy", "x").await;
    }
    let mut stream = client.get("/events?topic=quiet").last_event_id(&id).connect().await;
    stream.expect_event(event("sse-cursor").id(&id)).await;
    gap(&client, &format!("topic=busy&last_event_id={id}")).await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stalls_beyond_the_window_is_ended_or_told() {
    for (lag, expect) in [(Lag::Disconnect, "sse-drain"), (Lag::Gap, "sse-gap")] {
        let (_, client) = hub(|config| {
            config.window.events = 10;
            config.stream.lag = lag;
        });
        let mut stalled = subscribe(&client, "topic=a").await;
        stalled.expect_retry().await;
        for i in 0..100 {
            publish(&client, "a", &i.to_string()).await;
        }
        // what its connection had room for comes first
        let told = loop {
            match stalled.next().await {
                Some(Seen::Event(told)) if told.name == expect => break told,
                Some(Seen::Event(told)) => assert_eq!(told.name, "message"),
                other => assert!(matches!(other, Some(Seen::Retry(_))), "{other:?}"),
            }
        };
        if lag == Lag::Gap {
            assert!(told.data.contains("\"lagged\""), "{}", told.data);
        } else {
            assert_eq!(told.data, r#"{"reason":"lag"}"#);
            stalled.expect_closed().await;
            stalled.reconnect().await;
            stalled.expect_event(event("sse-gap").json_at("/reason", "trimmed")).await;
        }
        for i in 90..100 {
            stalled.expect_event(&*i.to_string()).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_envelope_says_where_an_event_came_from() {
    let client = default_hub();
    let mut stream = subscribe(&client, "topic=a/*&envelope=json").await;
    let mut plain = subscribe(&client, "topic=a/*").await;
    publish(&client, "a/x", "text\r\nof two").await;
    publish_json(&client, r#"{"topic":"a/y","event":"e","data":{"z":1.0,"a":[1,2]}}"#).await;
    publish_json(&client, r#"{"topic":"a/y","data":"{\"not\":\"json\"}"}"#).await;
    stream.expect_event(event("message").data(r#"{"topic":"a/x","data":"text\nof two"}"#)).await;
    stream.expect_event(event("e").data(r#"{"topic":"a/y","data":{"z":1.0,"a":[1,2]}}"#)).await;
    stream.expect_event(event("message").data(r#"{"topic":"a/y","data":"{\"not\":\"json\"}"}"#)).await;
    plain.expect_event("text\nof two").await;
    plain.expect_event(event("e").data(r#"{"z":1.0,"a":[1,2]}"#)).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_every_stream_within_its_window_after_all_that_was_published() {
    let (hub, client) = hub(|config| config.server.drain = Duration::from_secs(10));
    let mut streams = Vec::new();
    for _ in 0..50 {
        streams.push(subscribe(&client, "topic=a").await);
    }
    let id = publish(&client, "a", "last").await;
    hub.drain();
    let mut ends = Vec::new();
    for mut stream in streams {
        stream.expect_event("last").await;
        let drain = event("sse-drain").json(json!({ "reason": "shutdown" })).id(&id);
        stream.within(Duration::from_secs(10)).expect_event(drain).await;
        stream.expect_closed().await;
        ends.push(stream.received_at());
    }
    assert!(ends.iter().max().unwrap() < &Duration::from_secs(10));
    assert_eq!(hub.subscribers(), 0);

    let refused = client.post("/publish/a").body("x").send().await;
    assert_eq!(refused.status, 503);
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(client.get("/ready").send().await.status, 503);
    assert_eq!(client.get("/live").send().await.status, 200);
    let mut busy = client.get("/events?topic=a").header("accept", "text/event-stream").connect().await;
    assert_eq!(busy.status(), 200);
    busy.expect_retry().await;
    busy.expect_event(event("sse-drain").json(json!({ "reason": "shutdown" })).id("")).await;
    busy.expect_closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_head_request_gets_the_head_and_is_no_subscriber() {
    let (hub, client) = hub(|_| {});
    let response = client.request(Method::HEAD, "/events?topic=a").send().await;
    assert_eq!(response.status, 200);
    assert_eq!(response.headers["content-type"], "text/event-stream");
    assert!(response.body.is_empty());
    assert_eq!(hub.subscribers(), 0);
}

#[tokio::test(start_paused = true)]
async fn subscribers_are_counted_while_they_are_there() {
    let (hub, client) = hub(|_| {});
    let one = subscribe(&client, "topic=a").await;
    let two = subscribe(&client, "topic=a&topic=b/*").await;
    let count = async |topic: &str| client.get(&format!("/topics/{topic}")).send().await.json()["subscribers"].clone();
    assert_eq!((count("a").await, count("b/x").await), (json!(2), json!(1)));
    assert_eq!(metric(&client, "sse_subscribers").await, 2.0);
    drop(one);
    let gone = async |left: usize| {
        while hub.subscribers() > left {
            tokio::task::yield_now().await;
        }
    };
    gone(1).await;
    assert_eq!(count("a").await, json!(1));
    drop(two);
    gone(0).await;
    assert_eq!(client.get("/topics/a").send().await.status, 404);
    assert_eq!(hub.subscribers(), 0);
    assert_eq!(metric(&client, "sse_ends_total{reason=\"client\"}").await, 2.0);
}
