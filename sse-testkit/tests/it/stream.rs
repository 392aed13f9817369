//! Streams in process, in virtual time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use sse_testkit::{Body, End, Seen, TestClient, any_event, data, event, event_stream, message};
use tokio::time::Instant;

use crate::support::{frames, scripted, sleep};

#[tokio::test(start_paused = true)]
async fn everything_comes_in_order_and_expectations_pass_over_asides() {
    let wire = ": hello\nretry: 500\ndata: a\n\nevent: add\ndata: b\nid: 7\n\n:\ndata: c\n\n";
    let mut stream = frames([wire]).get("/").connect().await;
    assert_eq!(stream.next().await, Some(Seen::Comment("hello".into())));
    assert_eq!(stream.next().await, Some(Seen::Retry(Duration::from_millis(500))));
    stream.expect_event("a").await;
    let added = stream.expect_event(event("add").data("b").id("7")).await;
    assert_eq!((&*added.name, &*added.data, &*added.id), ("add", "b", "7"));
    let last = stream.expect_event("c").await; // past the comment
    assert_eq!(last.id, "7");
    stream.expect_closed().await;
    stream.expect_closed().await;
    assert_eq!(stream.next().await, None);
    assert_eq!(stream.end(), Some(&End::Closed));
    assert_eq!(stream.raw(), wire);
}

#[tokio::test(start_paused = true)]
async fn any_cut_gives_the_same() {
    const WIRE: &str = "\u{feff}event: ü\r\ndata: a\r\ndata: b\r\n\r\nid: 8\r\rdata: c\n\n";
    for at in 0..=WIRE.len() {
        let client = TestClient::from_fn(async move |_| {
            let (left, right) = WIRE.as_bytes().split_at(at);
            event_stream(Body::chunks([left, right]))
        });
        let mut stream = client.get("/").connect().await;
        stream.expect_event(event("ü").data("a\nb")).await;
        stream.expect_event(message("c").id("8")).await;
        stream.expect_closed().await;
    }
}

#[tokio::test(start_paused = true)]
async fn several_expectations_at_once() {
    let wire = "data: a\n\nevent: n\ndata: [1, 2]\n\ndata: c\n\ndata: d\n\ndata: e\n\n";
    let mut stream = frames([wire]).get("/").connect().await;
    let events = stream.expect_events([message("a"), event("n").json(json!([1, 2])), any_event()]).await;
    assert_eq!(events[1].json()[1], 2);
    let rest = stream.collect_until(|event| event.data == "e").await;
    assert_eq!(rest.iter().map(|event| &*event.data).collect::<Vec<_>>(), ["d", "e"]);
}

#[tokio::test(start_paused = true)]
async fn matchers_may_borrow() {
    let mut stream = frames(["data: a\nid: 1\n\ndata: b\nid: 2\n\n"]).get("/").connect().await;
    let first = stream.expect_event(&String::from("a")).await;
    let newer = |id: &str| id > &*first.id;
    stream.expect_event(data(String::from("b")).id_with(newer)).await;
}

#[tokio::test(start_paused = true)]
async fn comments_and_retries() {
    let wire = "retry: 1\n: a\nretry: 2\n: b\nevent: noise\ndata: x\n\n: c\nretry: 3\n";
    let mut stream = frames([wire]).get("/").skip_events(["noise"]).connect().await;
    assert_eq!(stream.expect_comment().await, "a");
    assert_eq!(stream.expect_retry().await, Duration::from_millis(2));
    assert_eq!(stream.expect_comment().await, "b");
    assert_eq!(stream.expect_comment().await, "c");
    assert_eq!(stream.expect_retry().await, Duration::from_millis(3));
}

#[tokio::test(start_paused = true)]
async fn skipped_events_are_as_if_not_sent_but_their_ids_count() {
    let wire = "event: sse-cursor\ndata:\nid: 1\n\ndata: a\nid: 2\n\nevent: sse-cursor\ndata:\nid: 3\n\n";
    let client = frames([wire]);
    let mut stream = client.get("/").skip_events(["sse-cursor"]).connect().await;
    stream.expect_event("a").await;
    assert_eq!(stream.last_event_id(), "2");
    stream.expect_closed().await;
    assert_eq!(stream.last_event_id(), "3");
    // without it they are events as any
    let mut stream = client.get("/").connect().await;
    stream.expect_event(event("sse-cursor").data("")).await;
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_heartbeats_takes_no_time() {
    let client = scripted(async |feed| {
        loop {
            sleep(15_000).await;
            feed.send(":\n").await?;
            sleep(15_000).await;
            feed.send("event: sse-cursor\ndata:\nid: 7\n\n").await?;
        }
    });
    let every = Duration::from_secs(15);
    let began = std::time::Instant::now();
    for names in [&[][..], &["sse-cursor"]] {
        let mut stream = client.get("/").skip_events(names.iter().copied()).connect().await;
        for _ in 0..120 {
            assert_eq!(stream.expect_heartbeat(every).await, Seen::Comment(String::new()));
            assert!(stream.expect_heartbeat(every).await.event().is_some());
        }
        assert_eq!(stream.received_at(), Duration::from_secs(3600));
    }
    let mut stream = client.get("/").skip_events(["sse-cursor"]).connect().await;
    stream.expect_silence(Duration::from_secs(3600)).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_counts_from_the_last_thing_received() {
    let client = scripted(async |feed| {
        feed.send("event: sse-cursor\ndata:\n\n").await?;
        sleep(7000).await;
        feed.send("data: a\n\n").await?;
        sleep(15_000).await;
        feed.send(":\n").await?;
        sleep(8000).await;
        feed.send("retry: 3\n").await?;
        sleep(15_000).await;
        feed.send(":\n").await?;
        sleep(15_000).await;
        feed.send(":\n").await
    });
    let every = Duration::from_secs(15);
    let mut stream = client.get("/").skip_events(["sse-cursor"]).connect().await;
    stream.within(every).expect_event("a").await;
    stream.expect_heartbeat(every).await;
    stream.expect_heartbeat(every).await;
    assert_eq!(stream.received_at(), Duration::from_secs(45));
    // a test that comes late for it is no fault of the server
    sleep(40_000).await;
    stream.expect_heartbeat(every).await;
    // the opening cursor is skipped, so the first heartbeat is the one after it
    let client = scripted(async |feed| {
        feed.send("event: sse-cursor\ndata:\n\n").await?;
        sleep(15_000).await;
        feed.send("event: sse-cursor\ndata:\n\n").await
    });
    let mut stream = client.get("/").skip_events(["sse-cursor"]).connect().await;
    stream.expect_heartbeat(every).await;
    assert_eq!(stream.received_at(), every);
}

#[tokio::test(start_paused = true)]
async fn time_allowed() {
    let client = scripted(async |feed| {
        for _ in 0..3 {
            sleep(4900).await;
            feed.send("data: a\n\n").await?;
        }
        sleep(60_000).await;
        feed.send("data: b\n\n").await?;
        sleep(60_000).await;
        feed.send("data: c\n\n").await
    });
    let mut stream = client.get("/").connect().await;
    for _ in 0..3 {
        stream.expect_event("a").await; // 5 seconds for each
    }
    stream.within(Duration::from_secs(60)).expect_event("b").await; // at the last moment
    stream.within(Duration::MAX).expect_event("c").await;
    let mut stream = client.get("/").within(Duration::from_secs(75)).connect().await;
    stream.expect_events(["a", "a", "a", "b"]).await;
}

#[tokio::test(start_paused = true)]
async fn silence_takes_exactly_its_time() {
    let client = scripted(async |feed| {
        for _ in 0..100 {
            sleep(10_000).await;
            feed.send("data: a\n\n").await?;
        }
        Ok(())
    });
    let mut stream = client.get("/").connect().await;
    let began = Instant::now();
    for round in 1..=100 {
        // at the very moment when the silence is over
        stream.expect_silence(Duration::from_secs(10)).await;
        assert_eq!(began.elapsed(), Duration::from_secs(10 * round));
        stream.within(Duration::ZERO).expect_event("a").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_reads_is_a_stalled_reader() {
    let sent = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&sent);
    let client = TestClient::from_fn(async move |_| {
        let (feed, body) = Body::channel();
        tokio::spawn(async move {
            while feed.send("data: a\n\n").await.is_ok() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        event_stream(body)
    });
    let mut stream = client.get("/").connect().await;
    for taken in 0..10 {
        sleep(3_600_000).await;
        assert_eq!(sent.load(Ordering::Relaxed), taken + 1); // one waits in the channel
        stream.expect_event("a").await;
    }
    drop(stream);
}

#[tokio::test(start_paused = true)]
async fn the_server_learns_of_a_disconnect() {
    let (gone, told) = tokio::sync::oneshot::channel();
    let gone = Arc::new(std::sync::Mutex::new(Some(gone)));
    let client = scripted(async move |feed| {
        while feed.send(":\n").await.is_ok() {}
        gone.lock().unwrap().take().unwrap().send(()).unwrap();
        Ok(())
    });
    let mut stream = client.get("/").connect().await;
    stream.expect_comment().await;
    stream.disconnect();
    told.await.unwrap();
    assert_eq!(stream.next().await, None);
    assert_eq!(stream.end(), Some(&End::Disconnected));
}

/// Numbers its events, and goes on after the ID that it is given; the first event of the answer says what that was.
fn numbered() -> TestClient {
    TestClient::from_fn(async |request| {
        let headers = request.headers();
        let ids: Vec<_> = headers.get_all("last-event-id").iter().collect();
        let from = ids.first().map_or(0, |id| id.to_str().unwrap().parse().unwrap());
        let mut wire = format!("data: after {ids:?}, {:?}\n\n", headers.get("x-test"));
        for id in from + 1..=from + 3 {
            wire.push_str(&format!("data: {id}\nid: {id}\n\n"));
        }
        event_stream(wire)
    })
}

#[tokio::test(start_paused = true)]
async fn a_reconnect_resumes_after_what_the_test_has_read() {
    let mut stream = numbered().get("/").header("x-test", "t").connect().await;
    stream.expect_event("after [], Some(\"t\")").await;
    stream.expect_events(["1", "2"]).await;
    assert_eq!(stream.last_event_id(), "2"); // 3 has arrived, but nobody has seen it
    stream.reconnect().await;
    stream.expect_event("after [\"2\"], Some(\"t\")").await;
    stream.expect_events(["3", "4", "5"]).await;
    stream.expect_closed().await;
    stream.reconnect().await;
    stream.expect_event("after [\"5\"], Some(\"t\")").await;
    stream.expect_event("6").await;
    assert_eq!(stream.status(), 200);
    assert!(stream.raw().starts_with(b"data: after [\"5\"]"));
}

#[tokio::test(start_paused = true)]
async fn a_reconnect_before_any_id_sends_the_one_before() {
    let mut stream = numbered().get("/").last_event_id("7").connect().await;
    assert_eq!(stream.last_event_id(), "7");
    stream.reconnect().await;
    stream.expect_event(data("after [\"7\"], None").id("7")).await;
    stream.expect_event(message("8").id("8")).await;
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_block_is_lost_and_an_empty_id_resets() {
    let client = TestClient::from_fn(async |request| {
        event_stream(match request.headers().get("last-event-id") {
            None => "id: 1\n\ndata: x\nid: 2\n",
            Some(id) if id == "1" => "\ndata: y\nid:\n\n",
            Some(id) => panic!("{id:?}"),
        })
    });
    let mut stream = client.get("/").connect().await;
    stream.expect_closed().await;
    assert_eq!(stream.last_event_id(), "1");
    stream.reconnect().await;
    stream.expect_event("y").await;
    assert_eq!(stream.last_event_id(), "");
    stream.reconnect().await; // without the header
    stream.expect_closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_dropped_expectation_loses_nothing() {
    let client = scripted(async |feed| {
        feed.send("data: a\n\nda").await?;
        sleep(3000).await;
        feed.send("ta: b\n\n").await
    });
    let mut stream = client.get("/").connect().await;
    stream.expect_event("a").await;
    let second = Duration::from_secs(1);
    assert!(tokio::time::timeout(second, stream.next()).await.is_err());
    stream.expect_event("b").await;
}

#[tokio::test(start_paused = true)]
async fn content_type_with_parameters() {
    let client = TestClient::from_fn(async |_| {
        http::Response::builder()
            .header("content-type", "Text/Event-Stream; charset=utf-8")
            .body("data: a\n\n".to_owned())
            .unwrap()
    });
    client.get("/").connect().await.expect_status(200).expect_event("a").await;
}

#[tokio::test(start_paused = true)]
async fn a_watcher_sees_the_bytes_of_streams_and_of_nothing_else() {
    use std::sync::Mutex;

    let seen = Arc::new(Mutex::new(Vec::<String>::new()));
    let watcher = {
        let seen = Arc::clone(&seen);
        move || {
            let index = {
                let mut seen = seen.lock().unwrap();
                seen.push(String::new());
                seen.len() - 1
            };
            let seen = Arc::clone(&seen);
            move |piece: &[u8]| seen.lock().unwrap()[index].push_str(std::str::from_utf8(piece).unwrap())
        }
    };
    let client = TestClient::from_fn(async |request: http::Request<Body>| match request.uri().path() {
        "/stream" => event_stream(Body::chunks(["data: a\n", "\n:\n"])),
        _ => http::Response::new(Body::from("none")),
    })
    .watch_streams(watcher);
    let mut stream = client.get("/stream").connect().await;
    stream.expect_event("a").await;
    assert_eq!(client.get("/text").send().await.text(), "none");
    client.get("/stream").connect().await.expect_event("a").await;
    stream.expect_closed().await;
    assert_eq!(*seen.lock().unwrap(), ["data: a\n\n:\n", "data: a\n\n:\n"]);
}

#[tokio::test(start_paused = true)]
async fn a_hubs_end_is_its_event_the_end_of_the_stream_and_a_204_for_who_comes_back() {
    let end = "event: sse-end\nid: 7\ndata: {\"topics\":[\"runs/42\"]}\n\n";
    let client = TestClient::from_fn(async move |request| match request.headers().get("last-event-id") {
        None => event_stream(end),
        Some(_) => http::Response::builder().status(204).body("".into()).unwrap(),
    });
    let mut stream = client.get("/").connect().await;
    stream.expect_event(event("sse-end").json_at("/topics", json!(["runs/42"]))).await;
    stream.expect_closed().await;
    stream.reconnect().await;
    stream.expect_status(204);
}
