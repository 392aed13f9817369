//! `POST /publish`: three ways in, and nothing that forges a field.

use std::time::Duration;

use crate::{
    contract::{everywhere, resume, subscribe},
    support::{default_hub, hub, id, metric, problem, publish, publish_json, publish_ndjson},
};
use serde_json::json;
use sse_testkit::{TestStream, event};

#[tokio::test(start_paused = true)]
async fn any_text_is_data_whatever_its_content_type_says() {
    let client = default_hub();
    let mut stream = client.get("/events?topic=a/b").skip_events(["sse-cursor"]).connect().await;
    let response = client
        .post("/publish/a/b?event=greeting")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("hello=1&x")
        .send()
        .await;
    assert_eq!(response.status, 200);
    assert_eq!(response.json(), json!({ "id": id(&response), "topic": "a/b", "duplicate": false }));
    stream.expect_event(event("greeting").data("hello=1&x").id(id(&response))).await;
    publish(&client, "a/b", "").await;
    stream.expect_event("").await;
}

#[tokio::test(start_paused = true)]
async fn json_values_arrive_as_they_were_written() {
    let client = default_hub();
    let mut stream = client.get("/events?topic=a").skip_events(["sse-cursor"]).connect().await;
    for (data, expect) in [
        (r#""text \"\u00e9\\ \n""#, "text \"é\\ \n"),
        (r#"{ "z": 1.00, "a" : [ 1e400, null ] }"#, r#"{"z":1.00,"a":[1e400,null]}"#),
        ("null", "null"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
    ] {
        let response = publish_json(&client, format!(r#"{{"topic":"a","data":{data}}}"#)).await;
        assert_eq!(response.status, 200, "{}", response.text());
        stream.expect_event(expect).await;
    }
    publish_json(&client, r#"{"topic":"a","data":1,"event":"e","retry":5000}"#).await;
    assert_eq!(stream.expect_retry().await, Duration::from_secs(5));
    stream.expect_event(event("e").data("1")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_called_message_has_no_name_however_it_comes_and_wherever_it_is_read() {
    /// The events of a stream, as they came.
    fn events(stream: &TestStream) -> Vec<String> {
        let raw = String::from_utf8(stream.raw().to_vec()).unwrap();
        raw.split_inclusive("\n\n")
            .filter(|block| block.contains("data: ") && !block.contains("sse-"))
            .map(String::from)
            .collect()
    }
    everywhere(async |client| {
        let before = publish(client, "a", "before").await;
        for query in ["topic=a", "topic=a&envelope=json"] {
            let mut live = subscribe(client, query).await;
            assert_eq!(publish_json(client, r#"{"topic":"a","event":"message","data":1}"#).await.status, 200);
            assert_eq!(publish_ndjson(client, r#"{"topic":"a","event":"message","data":2}"#).await.status, 200);
            assert_eq!(client.post("/publish/a?event=message").body("3").send().await.status, 200);
            let pour = client.post("/publish/a").header("content-type", "text/event-stream");
            assert_eq!(pour.body("event: message\ndata: 4\n\n").send().await.status, 200);
            for _ in 0..4 {
                live.expect_event(event("message")).await;
            }
            let live = events(&live);
            assert!(live.len() == 4 && live.iter().all(|event| event.starts_with("id: ")), "{live:?}");
            let mut again = resume(client, query, &before).await;
            while events(&again).last() != live.last() {
                again.expect_event(event("message")).await;
            }
            assert!(events(&again).ends_with(&live), "{:?}", events(&again));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_array_is_published_whole_or_not_at_all() {
    let client = default_hub();
    let mut stream = client.get("/events?topic=**").skip_events(["sse-cursor"]).connect().await;
    let response = publish_json(&client, r#" [{"topic":"a","data":1},{"topic":"b","data":2}]"#).await;
    let events = response.json()["events"].clone();
    assert_eq!((&events[0]["topic"], &events[1]["topic"]), (&json!("a"), &json!("b")));
    stream.expect_event(event("message").data("1").id(events[0]["id"].as_str().unwrap())).await;
    stream.expect_event(event("message").data("2").id(events[1]["id"].as_str().unwrap())).await;

    let response = publish_json(&client, r#"[{"topic":"a","data":3},{"topic":"a*b","data":4}]"#).await;
    assert_eq!(problem(&response).0, 400);
    assert_eq!(response.json()["index"], 1);
    stream.expect_silence(Duration::from_secs(10)).await;
    assert_eq!(publish_json(&client, "[]").await.json(), json!({ "events": [] }));
}

#[tokio::test(start_paused = true)]
async fn lines_are_published_as_they_come_until_a_bad_one() {
    let client = default_hub();
    let mut stream = client.get("/events?topic=a").skip_events(["sse-cursor"]).connect().await;
    let lines = "{\"topic\":\"a\",\"data\":1}\r\n\n{\"topic\":\"a\",\"data\":2}";
    let response = publish_ndjson(&client, lines).await;
    let summary = response.json();
    assert_eq!((&summary["published"], &summary["duplicates"]), (&json!(2), &json!(0)));
    let first = stream.expect_event("1").await;
    let last = stream.expect_event("2").await;
    assert_eq!(summary["first_id"], first.id);
    assert_eq!(summary["last_id"], last.id);

    let response =
        publish_ndjson(&client, "{\"topic\":\"a\",\"data\":3}\n{\"topic\":\"a\"}\n{\"topic\":\"a\",\"data\":5}\n")
            .await;
    let (status, detail) = problem(&response);
    assert_eq!((status, &response.json()["line"], &response.json()["published"]), (400, &json!(2), &json!(1)));
    assert!(detail.contains("no member `data`"), "{detail}");
    let third = stream.expect_event("3").await;
    assert_eq!(response.json()["last_id"], third.id);
    stream.expect_silence(Duration::from_secs(10)).await;
}

#[tokio::test(start_paused = true)]
async fn lines_cut_anywhere_are_the_same_lines() {
    let client = default_hub();
    let mut stream = client.get("/events?topic=a").skip_events(["sse-cursor"]).connect().await;
    let lines = "{\"topic\":\"a\",\"data\":\"é\"}\n{\"topic\":\"a\",\"data\":2}\n";
    let pieces: Vec<_> = lines.bytes().map(|byte| vec![byte]).collect();
    let request = client.post("/publish").header("content-type", "application/x-ndjson");
    let response = request.body_stream(pieces).send().await;
    assert_eq!(response.json()["published"], 2, "{}", response.text());
    stream.expect_events(["é", "2"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_byte_order_mark_is_passed_over_before_json_however_it_is_cut_and_is_text_in_text() {
    let client = default_hub();
    let mut stream = client.get("/events?topic=a").skip_events(["sse-cursor"]).connect().await;
    for (content_type, body) in [
        ("application/json", "\u{feff}{\"topic\":\"a\",\"data\":1}"),
        ("application/json", "\u{feff} [{\"topic\":\"a\",\"data\":1}]"),
        ("application/x-ndjson", "\u{feff}{\"topic\":\"a\",\"data\":1}\n"),
        ("application/x-ndjson", "\u{feff}\n{\"topic\":\"a\",\"data\":1}"),
    ] {
        let request = || client.post("/publish").header("content-type", content_type);
        let pieces: Vec<_> = body.bytes().map(|byte| vec![byte]).collect();
        for request in [request().body(body), request().body_stream(pieces)] {
            let response = request.send().await;
            assert_eq!(response.status, 200, "{body:?}: {}", response.text());
            stream.expect_event("1").await;
        }
    }
    for (content_type, body) in [
        ("application/json", "\u{feff}\u{feff}{\"topic\":\"a\",\"data\":1}"),
        ("application/x-ndjson", "\n\u{feff}{\"topic\":\"a\",\"data\":1}"),
    ] {
        let response = client.post("/publish").header("content-type", content_type).body(body).send().await;
        assert_eq!(problem(&response).0, 400, "{body:?}");
    }
    publish(&client, "a", "\u{feff}x").await;
    stream.expect_event("\u{feff}x").await;
}

#[tokio::test(start_paused = true)]
async fn a_key_makes_a_repeat_harmless() {
    let (_, client) = hub(|config| config.publish.key_window = Duration::from_secs(60));
    let send = async |topic: &str, key: &str, data: &str| {
        let request = client.post(&format!("/publish/{topic}")).header("idempotency-key", key);
        request.body(data.to_owned()).send().await
    };
    let first = send("a", "k", "x").await;
    let again = send("a", "k", "x").await;
    assert_eq!((id(&again), again.json()["duplicate"].clone()), (id(&first), json!(true)));
    let member = publish_json(&client, r#"{"topic":"a","data":"x","key":"k"}"#).await;
    assert_eq!((id(&member), member.json()["duplicate"].clone()), (id(&first), json!(true)));
    assert_eq!(send("b", "k", "x").await.json()["duplicate"], false, "another topic's key is another key");
    assert_eq!(problem(&send("a", "k", "y").await).0, 422);
    for bad in ["", "a b", "é", &"x".repeat(129)] {
        assert_eq!(problem(&send("a", bad, "x").await).0, 400, "{bad:?}");
    }
    assert_eq!(metric(&client, "sse_duplicates_total").await, 2.0);
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(send("a", "k", "x").await.json()["duplicate"], false);
}

#[tokio::test(start_paused = true)]
async fn a_key_in_the_header_covers_a_whole_array_or_all_lines() {
    let client = default_hub();
    let array = async |body: &str| {
        let request = client.post("/publish").header("content-type", "application/json");
        request.header("idempotency-key", "k").body(body.to_owned()).send().await
    };
    let two = r#"[{"topic":"a","data":1},{"topic":"a","data":1}]"#;
    let first = array(two).await.json();
    assert_ne!(first["events"][0]["id"], first["events"][1]["id"]);
    let again = array(two).await.json();
    for i in 0..2 {
        assert_eq!(again["events"][i]["id"], first["events"][i]["id"]);
        assert_eq!(again["events"][i]["duplicate"], true);
    }
    assert_eq!(problem(&array(r#"[{"topic":"a","data":1}]"#).await).0, 422, "a part of it is something else");
    assert_eq!(problem(&array(r#"[{"topic":"a","data":1,"key":"own"}]"#).await).0, 400);

    let other_form =
        client.post("/publish").header("content-type", "application/x-ndjson").header("idempotency-key", "k");
    assert_eq!(problem(&other_form.body("{\"topic\":\"a\",\"data\":1}\n").send().await).0, 422);

    let lines = async |body: &str| {
        let request = client.post("/publish").header("content-type", "application/x-ndjson");
        request.header("idempotency-key", "lines").body(body.to_owned()).send().await.json()
    };
    let broken = lines("{\"topic\":\"b\",\"data\":1}\nbroken\n").await;
    assert_eq!((&broken["published"], &broken["line"]), (&json!(1), &json!(2)));
    let whole = lines("\n\n{\"topic\":\"b\",\"data\":1}\n{\"topic\":\"b\",\"data\":2}\n").await;
    assert_eq!((&whole["published"], &whole["duplicates"]), (&json!(1), &json!(1)));
    assert_eq!(whole["first_id"], broken["last_id"]);
}

#[tokio::test(start_paused = true)]
async fn an_array_in_which_a_key_is_used_twice_for_other_content_publishes_nothing() {
    let client = default_hub();
    let body = r#"[{"topic":"a","data":1,"key":"k"},{"topic":"a","data":2,"key":"k"}]"#;
    assert_eq!(problem(&publish_json(&client, body).await).0, 422);
    assert_eq!(client.get("/topics/a").send().await.status, 404);
    let body = r#"[{"topic":"a","data":1,"key":"k"},{"topic":"a","data":1,"key":"k"}]"#;
    let events = publish_json(&client, body).await.json()["events"].clone();
    assert_eq!((&events[1]["duplicate"], &events[1]["id"]), (&json!(true), &events[0]["id"]));
}

/// CR, LF, CRLF and NUL in topic, event name, key and data, through every way in.
#[tokio::test(start_paused = true)]
async fn no_way_in_can_forge_a_field() {
    let client = default_hub();
    let mut stream = client.get("/events?topic=**").skip_events(["sse-cursor"]).connect().await;
    for (raw, escaped, encoded) in
        [("\r", "\\r", "%0D"), ("\n", "\\n", "%0A"), ("\r\n", "\\r\\n", "%0D%0A"), ("\0", "\\u0000", "%00")]
    {
        let evil = |separator: &str| format!("x{separator}data: evil{separator}{separator}id: 9");
        let json = evil(escaped);
        let lines = |member: &str| format!("{{\"topic\":\"a\",\"data\":1,\"{member}\":\"{json}\"}}");
        let topic = format!("{{\"topic\":\"{json}\",\"data\":1}}");
        for body in [topic, lines("event"), lines("key")] {
            assert_eq!(problem(&publish_json(&client, body.clone()).await).0, 400);
            assert_eq!(problem(&publish_json(&client, format!("[{body}]")).await).0, 400);
            assert_eq!(problem(&publish_ndjson(&client, body).await).0, 400);
        }
        let path = client.post(&format!("/publish/{}", evil(encoded).replace(' ', "%20"))).body("x").send().await;
        assert_eq!(problem(&path).0, 400);
        let query = format!("/publish/a?event={}", evil(encoded).replace(' ', "+"));
        assert_eq!(problem(&client.post(&query).body("x").send().await).0, 400);
        let subscribe = format!("/events?topic={}", evil(encoded).replace(' ', "+"));
        assert_eq!(problem(&client.get(&subscribe).send().await).0, 400);

        // in data it is carried: a line end as LF, all else as it is
        let expect = evil(if raw == "\0" { raw } else { "\n" });
        publish(&client, "a", &evil(raw)).await;
        stream.expect_event(&*expect).await;
        publish_json(&client, format!("{{\"topic\":\"a\",\"data\":\"{json}\"}}")).await;
        stream.expect_event(&*expect).await;
        publish_ndjson(&client, format!("{{\"topic\":\"a\",\"data\":\"{json}\"}}\n")).await;
        stream.expect_event(&*expect).await;
    }
    stream.expect_silence(Duration::from_secs(10)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_utf8_is_refused_and_named() {
    let client = default_hub();
    let bytes = b"ok \xFF".to_vec();
    for request in [
        client.post("/publish/a"),
        client.post("/publish").header("content-type", "application/json"),
        client.post("/publish").header("content-type", "application/x-ndjson"),
    ] {
        let (status, detail) = problem(&request.body(bytes.clone()).send().await);
        assert_eq!(status, 400);
        assert!(detail.contains("not UTF-8 from byte 3"), "{detail}");
    }
    assert_eq!(problem(&client.post("/publish/%FF").body("x").send().await).0, 400);
    assert_eq!(problem(&client.get("/events?topic=%FF").send().await).0, 400);
}

#[tokio::test(start_paused = true)]
async fn over_the_limit_is_413_before_the_body_is_read_whole() {
    let (_, client) = hub(|config| {
        config.publish.max_event_bytes = 1000;
        config.publish.max_request_bytes = 3000;
    });
    publish(&client, "a", &"x".repeat(1000)).await;
    let text = || client.post("/publish/a");
    let json = || client.post("/publish").header("content-type", "application/json");
    let lines = || client.post("/publish").header("content-type", "application/x-ndjson");
    let told = text().header("content-length", "1001").body("x".repeat(1001)).send().await;
    assert_eq!(problem(&told).0, 413);
    // a body without end: answered all the same
    let endless = |start: &str| std::iter::once(start.to_owned()).chain(std::iter::repeat_n("x".repeat(500), 1000));
    for request in [
        text().body_stream(endless("")),
        json().body_stream(endless("{\"topic\":\"")),
        json().body_stream(endless(" [{\"topic\":\"")),
        lines().body_stream(endless("{\"topic\":\"")),
    ] {
        let response = request.send().await;
        assert_eq!(problem(&response).0, 413);
        assert_eq!(response.headers["connection"], "close");
    }
    // an array may be longer than an event, but none of its events
    let event = format!(r#"{{"topic":"a","data":"{}"}}"#, "x".repeat(800));
    assert_eq!(json().body(format!("[{event},{event},{event}]")).send().await.status, 200);
    let cut = [" \n".to_owned(), format!("[{event},"), format!("{event},{event}]")];
    assert_eq!(json().body_stream(cut).send().await.status, 200, "however it is cut");
    let event = format!(r#"{{"topic":"a","data":"{}"}}"#, "x".repeat(1000));
    assert_eq!(problem(&json().body(format!("[{event}]")).send().await).0, 413);
    let many = "{\"topic\":\"a\",\"data\":1}\n".repeat(1000);
    assert_eq!(lines().body(many).send().await.json()["published"], 1000, "lines have no end");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_coming_is_given_up() {
    let client = default_hub();
    let (feed, body) = sse_testkit::Body::channel();
    feed.send("begun").await.unwrap();
    let response = client.post("/publish/a").body(body).within(Duration::from_secs(40)).send().await;
    assert_eq!(problem(&response).0, 408);
    drop(feed);
}

#[tokio::test(start_paused = true)]
async fn bodies_that_are_being_read_share_a_bound() {
    let (_, client) = hub(|config| {
        config.publish.max_bytes_in_flight = 1 << 20;
        config.publish.max_request_bytes = 1 << 20;
    });
    let json = || client.post("/publish").header("content-type", "application/json");
    let (feed, body) = sse_testkit::Body::channel();
    let held = tokio::spawn(json().body(body).send());
    feed.send(format!("[{}", " ".repeat(400_000))).await.unwrap();
    for _ in 0..3 {
        feed.send(" ").await.unwrap(); // taken only when what came before was
    }
    let refused = json().body(format!("[{}]", " ".repeat(150_000))).send().await;
    assert_eq!(problem(&refused).0, 503);
    assert_eq!(
        client.post("/publish/a").body("x".repeat(60_000)).send().await.status,
        200,
        "there is room for small ones"
    );
    assert!(refused.headers.contains_key("retry-after"));
    feed.send("]").await.unwrap();
    drop(feed);
    assert_eq!(held.await.unwrap().status, 200);
    assert_eq!(json().body(format!("[{}]", " ".repeat(150_000))).send().await.status, 200, "the room is given back");
}

#[tokio::test(start_paused = true)]
async fn who_publishes_too_quickly_is_told_when_to_come_again() {
    let (_, client) = hub(|config| config.limits.publish_rate = 3);
    for i in 0..3 {
        assert_eq!(client.post("/publish/a").body(i.to_string()).send().await.status, 200);
    }
    let refused = client.post("/publish/a").body("x").send().await;
    assert_eq!(refused.headers["retry-after"], "1");
    let (status, why) = problem(&refused);
    assert_eq!((status, why.contains("limits.publish_rate")), (429, true), "{why}");
    assert_eq!(metric(&client, "sse_refusals_total{reason=\"rate\"}").await, 1.0);
    let none = client.get("/events?topic=a&since=earliest").skip_events(["sse-cursor"]).connect().await;
    let mut stream = none;
    for i in 0..3 {
        stream.expect_event(&*i.to_string()).await;
    }
    // lines are published as far as they may be
    let (_, client) = hub(|config| config.limits.publish_bytes_rate = 1000);
    let line = |i: usize| format!("{{\"topic\":\"a\",\"data\":\"{i} {}\"}}\n", "x".repeat(600));
    let refused = publish_ndjson(&client, (0..2000).map(line).collect::<String>()).await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert_eq!((&refused.json()["published"], &refused.json()["line"]), (&json!(1), &json!(2)));
    let too_large = client.post("/publish/a").body("x".repeat(1001)).send().await;
    assert_eq!(problem(&too_large).0, 413);
}

#[tokio::test(start_paused = true)]
async fn who_begins_too_many_topics_is_refused_and_goes_on_with_those_that_are_there() {
    let (_, client) = hub(|config| config.limits.new_topics_rate = 2);
    let line = |topic: &str| format!("{{\"topic\":\"{topic}\",\"data\":\"x\"}}\n");
    let _reader = client.get("/events?topic=c").connect().await; // that somebody waits for it makes it no older
    // a topic is new once, also while what is published to it is on its way
    let all = publish_ndjson(&client, line("a").repeat(100) + &line("b") + &line("a") + &line("c")).await;
    assert_eq!((all.status.as_u16(), &all.json()["published"], &all.json()["line"]), (429, &json!(102), &json!(103)));
    let refused = client.post("/publish/c").body("x").send().await;
    let (status, why) = problem(&refused);
    assert_eq!((status, why.contains("limits.new_topics_rate")), (429, true), "{why}");
    for topic in ["a", "b"] {
        assert_eq!(client.post(&format!("/publish/{topic}")).body("x").send().await.status, 200);
    }
    let several = r#"{"topics":["a","c","d"],"data":"x"}"#;
    assert_eq!(publish_json(&client, several).await.status, 429);
}
