//! The processing model.

use std::{sync::mpsc, time::Duration};

use sse_testkit::{
    Body, BrowserClient, TestClient, any_event,
    browser::{BrowserEvent, ReadyState},
    event_stream, message,
};

use super::{browser, header, open, status};

const S: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_request_has_the_headers_of_a_browser_and_no_others() {
    let (sent, requests) = mpsc::channel();
    let browser = browser(move |_, request| {
        sent.send(request).unwrap();
        event_stream("data: a\nid: \u{fc}7\n\n")
    });
    let mut stream = browser.header("cookie", "a=1").header("cookie", "b=2").open("/events?topic=x");
    stream.expect_event("a").await;
    stream.expect_error().await;
    stream.expect_event("a").await;
    let fields = |request: http::Request<Body>| {
        assert_eq!((request.method().as_str(), request.uri().to_string()), ("GET", "/events?topic=x".into()));
        let mut fields: Vec<_> = request
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        fields.sort();
        fields
    };
    let mut first = vec!["accept: text/event-stream", "cache-control: no-cache", "cookie: a=1", "cookie: b=2"];
    first.push("host: localhost");
    assert_eq!(fields(requests.recv().unwrap()), first);
    first.push("last-event-id: \u{fc}7"); // as UTF-8
    assert_eq!(fields(requests.recv().unwrap()), first);
}

#[tokio::test(start_paused = true)]
async fn the_ready_state_goes_with_what_is_fired() {
    let browser = browser(|n, _| if n == 0 { event_stream("data: a\n\n") } else { status(204) });
    let mut stream = browser.open("/");
    assert_eq!(stream.ready_state(), ReadyState::Connecting);
    assert_eq!(stream.next().await, Some(BrowserEvent::Open));
    assert_eq!(stream.ready_state(), ReadyState::Open);
    assert!(matches!(stream.next().await, Some(BrowserEvent::Event(event)) if event.data == "a"));
    assert_eq!(stream.ready_state(), ReadyState::Open);
    let error = |ready_state, why: &str| Some(BrowserEvent::Error { ready_state, why: why.into() });
    assert_eq!(stream.next().await, error(ReadyState::Connecting, "the stream ended"));
    assert_eq!(stream.ready_state(), ReadyState::Connecting);
    let why = "the server wants no more of this client (status 204)";
    assert_eq!(stream.next().await, error(ReadyState::Closed, why));
    assert_eq!(stream.ready_state(), ReadyState::Closed);
    assert_eq!(stream.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn it_comes_back_after_the_reconnection_time_exactly() {
    let mut stream = browser(|_, _| event_stream("data: a\nid: 1\n\n")).open("/");
    for n in 0..4 {
        stream.expect_open().await;
        assert_eq!(stream.received_at(), n * 3 * S);
        stream.expect_event("a").await;
        assert_eq!(stream.expect_error().await, "the stream ended");
        assert_eq!(stream.received_at(), n * 3 * S);
    }
    let requests: Vec<_> = stream.requests().iter().map(|request| (&*request.last_event_id, request.at)).collect();
    assert_eq!(requests, [("", Duration::ZERO), ("1", 3 * S), ("1", 6 * S), ("1", 9 * S)]);
}

#[tokio::test(start_paused = true)]
async fn the_servers_reconnection_time_holds_from_then_on() {
    let retries = ["retry: 250\n", "", "retry: x1\nretry: -1\n", "retry: 0\n", "retry: 86400000\n", ""];
    let mut stream = browser(move |n, _| event_stream(retries[n])).within(100_000 * S).open("/");
    for _ in 0..6 {
        stream.expect_open().await;
        stream.expect_error().await;
    }
    let at: Vec<_> = stream.requests().iter().map(|request| request.at.as_millis()).collect();
    assert_eq!(at, [0, 250, 500, 750, 750, 86_400_750]);
}

#[tokio::test(start_paused = true)]
async fn a_reconnection_time_of_its_own() {
    let browser = browser(|n, _| event_stream(if n == 1 { "retry: 20\n" } else { "" })).reconnection_time(7 * S);
    let mut stream = browser.open("/");
    stream.expect_error().await;
    stream.expect_error().await;
    stream.expect_error().await;
    let at: Vec<_> = stream.requests().iter().map(|request| request.at.as_millis()).collect();
    assert_eq!(at, [0, 7000, 7020]);
}

#[derive(Clone)]
struct Dead;

impl tower_service::Service<http::Request<Body>> for Dead {
    type Response = http::Response<Body>;
    type Error = std::io::Error;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        std::future::ready(Err(std::io::Error::other("unplugged")))
    }
}

#[tokio::test(start_paused = true)]
async fn a_network_error_before_the_answer_is_tried_again_and_waits_do_not_grow() {
    let mut stream = BrowserClient::new(TestClient::new(Dead)).open("/");
    for n in 0..20 {
        assert_eq!(stream.expect_error().await, "no answer: unplugged");
        assert_eq!(stream.received_at(), n * 3 * S);
        assert_eq!(stream.ready_state(), ReadyState::Connecting);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_off_is_tried_again_and_what_was_unfinished_is_lost() {
    let starts = ["data: a\nid: 1\n\ndata: b\nid: 2\nretry: 500\n", "\ndata: c\r", "\ndata: d\n\ndata: e"];
    let browser = browser(move |n, _| {
        let (feed, body) = Body::channel();
        tokio::spawn(async move {
            feed.send(starts[n]).await?;
            feed.abort().await;
            Ok::<_, sse_testkit::BodyDropped>(())
        });
        event_stream(body)
    });
    let mut stream = browser.open("/");
    stream.expect_event(message("a").id("1")).await;
    assert_eq!(stream.expect_error().await, "the stream broke off: the body was aborted");
    stream.expect_error().await; // a blank line ends nothing of the connection before, nor does the LF after it
    stream.expect_event(message("d").id("1")).await;
    stream.expect_error().await;
    let requests: Vec<_> = stream.requests().iter().map(|r| (&*r.last_event_id, r.at.as_millis())).collect();
    assert_eq!(requests, [("", 0), ("1", 500), ("1", 1000)]);
}

#[tokio::test(start_paused = true)]
async fn any_status_but_200_closes_it_for_good() {
    for code in [201, 202, 204, 205, 206, 300, 304, 305, 400, 401, 404, 410, 429, 500, 503] {
        let browser = browser(move |_, _| {
            let mut answer = status(code);
            answer.headers_mut().insert("content-type", "text/event-stream".parse().unwrap());
            answer.headers_mut().insert("location", "/elsewhere".parse().unwrap()); // says nothing here
            answer.headers_mut().insert("retry-after", "1".parse().unwrap()); // no browser heeds it
            answer
        });
        let mut stream = browser.open("/");
        let why = stream.expect_closed().await;
        assert!(why.contains(&code.to_string()), "{why}");
        stream.expect_silence(3600 * S).await;
        assert_eq!(stream.next().await, None);
        assert_eq!(stream.requests().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_no_event_stream_closes_it_for_good() {
    let typed = |kind: Option<&'static str>| {
        browser(move |_, _| {
            let mut answer = open("data: a\n\n");
            answer.headers_mut().remove("content-type");
            if let Some(kind) = kind {
                answer.headers_mut().insert("content-type", kind.parse().unwrap());
            }
            answer
        })
        .open("/")
    };
    for right in ["text/event-stream", "Text/Event-STREAM;charset=latin1", " text/event-stream ; x=\"y\""] {
        typed(Some(right)).expect_event("a").await;
    }
    for (wrong, shown) in [
        (None, "no content type"),
        (Some(""), "\"\""),
        (Some("text/plain"), "\"text/plain\""),
        (Some("text/event-streams"), "\"text/event-streams\""),
        (Some("application/x;text/event-stream"), "\"application/x;text/event-stream\""),
    ] {
        let mut stream = typed(wrong);
        assert_eq!(stream.expect_closed().await, format!("the answer is no event stream: {shown}"));
        stream.expect_silence(3600 * S).await;
        assert_eq!(stream.requests().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_byte_order_mark_begins_any_stream() {
    let mut stream = browser(|_, _| event_stream("\u{feff}data: a\n\n\u{feff}data: b\n\n")).open("/");
    for _ in 0..3 {
        stream.expect_event("a").await; // the second is part of a field's name
        stream.expect_error().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_without_data_counts() {
    let starts = ["data: a\nid: 1\n\nid: 2\n\n", "data: b\n\nid:\n\n", "data: c\n\nid: 3\n", "data: d\nid: 4\0\n\n"];
    let mut stream =
        browser(move |n, _| starts.get(n).map_or_else(|| status(204), |start| event_stream(*start))).open("/");
    for (data, id) in [("a", "1"), ("b", "2"), ("c", ""), ("d", "")] {
        stream.expect_event(message(data).id(id)).await;
        stream.expect_error().await;
    }
    stream.expect_closed().await;
    let ids: Vec<_> = stream.requests().iter().map(|request| &*request.last_event_id).collect();
    assert_eq!(ids, ["", "2", "", "", ""]); // the empty one is not sent
}

#[tokio::test(start_paused = true)]
async fn an_empty_last_event_id_is_not_sent() {
    let browser = browser(|n, request| {
        assert_eq!(header(&request, "last-event-id"), (n == 1).then(|| "1".into()));
        event_stream(["data: a\nid: 1\n\n", "data: b\nid\n\n", "data: c\n\n"][n])
    });
    let mut stream = browser.open("/");
    stream.collect_until(|event| event.data == "c").await;
}

#[tokio::test(start_paused = true)]
async fn an_id_that_no_header_can_hold_is_told() {
    let mut stream = browser(|_, _| event_stream("data: a\nid: \u{1}\n\n")).open("/");
    stream.expect_event(any_event().id("\u{1}")).await;
    stream.expect_error().await;
    let why = stream.expect_closed().await;
    assert_eq!(why, "the last event ID \"\\u{1}\", which this client can't send in a header");
    assert_eq!(stream.requests().len(), 1);
}
