//! What a page and a test can do with a stream.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sse_testkit::{
    Body, BodyDropped, BrowserClient, TestClient,
    browser::{BrowserEvent, ReadyState},
    event, event_stream, message,
};
use tokio::time::{sleep, timeout};

use super::{browser, header, open, status};
use crate::support::scripted;

const S: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn close_is_silent_and_for_good_and_the_server_learns_of_it() {
    let gone = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&gone);
    let client = scripted(async move |feed| {
        feed.send("data: a\n\ndata: b\n\n").await?;
        loop {
            sleep(S).await;
            if let Err(error) = feed.send(":\n").await {
                told.store(true, Ordering::Relaxed);
                return Err::<(), BodyDropped>(error);
            }
        }
    });
    let mut stream = BrowserClient::new(client).open("/");
    stream.expect_event("a").await;
    stream.close();
    assert_eq!(stream.ready_state(), ReadyState::Closed);
    assert_eq!(stream.next().await, None); // `b` is lost
    stream.expect_silence(10 * S).await;
    assert!(gone.load(Ordering::Relaxed));
    stream.go_online();
    stream.close();
    assert_eq!(stream.next().await, None);
    assert_eq!(stream.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn close_before_the_request_before_the_answer_and_while_it_waits() {
    let client = TestClient::from_fn(async |_| {
        sleep(S).await;
        event_stream("data: a\n\n")
    });
    let browser = BrowserClient::new(client);
    for (time, requests) in [(Duration::ZERO, 0), (S / 2, 1), (2 * S, 1)] {
        let mut stream = browser.open("/");
        if !time.is_zero() {
            let _ = timeout(time, async { while stream.next().await.is_some() {} }).await;
        }
        stream.close();
        stream.expect_silence(60 * S).await;
        assert_eq!((stream.next().await, stream.requests().len()), (None, requests));
    }
}

#[tokio::test(start_paused = true)]
async fn a_future_that_is_dropped_loses_nothing() {
    let client = TestClient::from_fn(async |request: http::Request<Body>| {
        sleep(S).await;
        let again = request.headers().contains_key("last-event-id");
        let (feed, body) = Body::channel();
        tokio::spawn(async move {
            sleep(S).await;
            feed.send(if again { "data: b\nid: 2\n\n" } else { "data: a\nid: 1\n\n" }).await
        });
        event_stream(body)
    });
    let mut stream = BrowserClient::new(client).open("/");
    let mut seen = Vec::new();
    while seen.len() < 6 {
        if let Ok(event) = timeout(S / 10, stream.next()).await {
            seen.push(event.unwrap().to_string());
        }
    }
    let event = |data, id| format!("event \"message\", data \"{data}\", id \"{id}\"");
    let error = "error, CONNECTING: the stream ended".to_owned();
    let open = "open".to_owned();
    assert_eq!(seen, [open.clone(), event("a", 1), error.clone(), open, event("b", 2), error]);
    let at: Vec<_> = stream.requests().iter().map(|request| request.at).collect();
    assert_eq!(at, [Duration::ZERO, 5 * S]);
}

#[tokio::test(start_paused = true)]
async fn the_last_event_id_is_that_of_what_the_page_has_seen() {
    let mut stream = browser(|_, _| open("data: a\nid: 1\n\ndata: b\nid: 2\n\nid: 3\n\n")).open("/");
    stream.expect_open().await;
    assert_eq!(stream.last_event_id(), "");
    stream.expect_event("a").await;
    assert_eq!(stream.last_event_id(), "1");
    stream.expect_event("b").await;
    assert_eq!(stream.last_event_id(), "2");
    stream.expect_silence(S).await;
    assert_eq!(stream.last_event_id(), "3");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_seen_before_the_network_was_gone_comes_again() {
    let browser = browser(|n, request| {
        let id = header(&request, "last-event-id");
        match (n, id.as_deref()) {
            (0, None) => open("data: a\nid: 1\n\ndata: b\nid: 2\n\n"),
            (1, Some("1")) => open("data: b\nid: 2\n\n"),
            other => panic!("{other:?}"),
        }
    });
    let mut stream = browser.open("/");
    stream.expect_event("a").await;
    stream.go_offline();
    stream.go_offline();
    assert_eq!(stream.expect_error().await, "the network is gone");
    stream.expect_silence(3600 * S).await;
    stream.go_online();
    stream.expect_event(message("b").id("2")).await;
    assert_eq!(stream.requests()[1].at, 3600 * S);
}

#[tokio::test(start_paused = true)]
async fn a_network_that_comes_back_soon_does_not_shorten_the_wait() {
    let mut stream = browser(|_, _| open("data: a\n\n")).open("/");
    stream.go_offline(); // before anything was sent: there is nothing to see of it
    stream.expect_silence(S).await;
    stream.go_online();
    stream.expect_event("a").await;
    stream.go_offline();
    stream.go_online();
    stream.expect_error().await;
    stream.expect_event("a").await;
    let at: Vec<_> = stream.requests().iter().map(|request| request.at).collect();
    assert_eq!(at, [S, 4 * S]);
}

#[tokio::test(start_paused = true)]
async fn the_page_sees_the_events_that_it_listens_to() {
    let wire =
        "data: a\nid: 1\n\nevent: add\ndata: b\nid: 2\n\nevent: message\ndata: c\n\nevent: del\ndata: d\nid: 3\n\n";
    let client = TestClient::from_fn(async move |_| event_stream(wire));
    let browser = BrowserClient::new(client);
    let datas = async |browser: BrowserClient| {
        let mut stream = browser.open("/");
        let mut datas = String::new();
        while let Some(BrowserEvent::Open | BrowserEvent::Event(_)) = stream.next().await.inspect(|event| {
            if let BrowserEvent::Event(event) = event {
                datas.push_str(&event.data);
            }
        }) {}
        assert_eq!(stream.last_event_id(), "3", "IDs count all the same");
        datas
    };
    assert_eq!(datas(browser.clone()).await, "abcd");
    assert_eq!(datas(browser.clone().listen(["add", "del"])).await, "bd");
    assert_eq!(datas(browser.clone().listen(["add"]).listen(["message"])).await, "abc");
    assert_eq!(datas(browser.clone().listen([""; 0])).await, "");
    assert_eq!(datas(browser.skip_events(["add"]).listen(["add", "del"])).await, "d");
}

#[tokio::test(start_paused = true)]
async fn events_over_several_connections() {
    let browser = browser(|n, _| match n {
        3 => event_stream("event: end\ndata: x\n\ndata: more\n\n"),
        4 => status(204),
        _ => event_stream(format!("data: {n}\nid: {n}\n\n")),
    });
    let mut stream = browser.within(60 * S).open("/");
    let events = stream.collect_until(|event| event.name == "end").await;
    assert_eq!(events.iter().map(|event| &*event.data).collect::<Vec<_>>(), ["0", "1", "2", "x"]);
    stream.expect_event("more").await;
    stream.expect_error().await;
    stream.expect_closed().await;
}

#[tokio::test(start_paused = true)]
async fn the_usual_patience_reaches_over_a_reconnection() {
    let mut stream =
        browser(|n, _| event_stream(if n == 0 { "retry: 600000\n" } else { "event: b\ndata:\n\n" })).open("/");
    stream.expect_error().await;
    stream.expect_event(event("b")).await;
    assert_eq!(stream.received_at(), 600 * S);
}

#[test]
#[should_panic(expected = "\"last-event-id\" is set by the browser itself")]
fn a_header_that_is_the_browsers_own() {
    let _ = BrowserClient::new(TestClient::from_fn(async |_| event_stream(""))).header("Last-Event-ID", "7");
}

#[tokio::test(start_paused = true)]
async fn it_can_be_debugged_and_sent() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let browser = browser(|_, _| open("data: a\nid: 1\n\n"));
    assert!(format!("{browser:?}").starts_with("BrowserClient { client: TestClient"));
    let mut stream = is_send(browser.open("/"));
    is_send(stream.expect_open()).await;
    let debug = format!("{stream:?}");
    assert!(
        debug.starts_with("BrowserStream { ready_state: Open, last_event_id: \"\", received_at: 0ns, requests: 1"),
        "{debug}"
    );
}
