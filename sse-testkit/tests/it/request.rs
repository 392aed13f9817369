//! What reaches the service, and what can be one.

use std::{
    future::{Ready, ready},
    io,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt;
use sse_testkit::{Body, BodyDropped, TestClient, event_stream};

use crate::support::{failure, sleep};

/// Answers with what it got: the head, and the body with a bar after each frame.
fn mirror() -> TestClient {
    TestClient::from_fn(async |request| {
        let (head, mut body) = request.into_parts();
        let mut text = format!("{} {} {:?}\n", head.method, head.uri, head.version);
        for (name, value) in &head.headers {
            text.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
        }
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap()),
                Err(error) => text.push_str(&error.to_string()),
            }
            text.push('|');
        }
        http::Response::new(text)
    })
}

#[tokio::test(start_paused = true)]
async fn a_request_is_as_over_a_socket() {
    let client = mirror();
    let response = client.get("/a?b=c").header("x-a", "1").header("X-A", "ü").send().await;
    assert_eq!(response.text(), "GET /a?b=c HTTP/1.1\nx-a: 1\nx-a: ü\nhost: localhost\n");
    let response = client.post("/").body(String::from("hello")).send().await;
    assert_eq!(response.text(), "POST / HTTP/1.1\nhost: localhost\ncontent-length: 5\nhello|");
    let response = client.post("/").header("host", "a.example").header("content-length", "9");
    assert_eq!(response.send().await.text(), "POST / HTTP/1.1\nhost: a.example\ncontent-length: 9\n");
    let response = client.post("/").send().await;
    assert_eq!(response.text(), "POST / HTTP/1.1\nhost: localhost\ncontent-length: 0\n");
    let response = client.request(Method::DELETE, "*").last_event_id("1").last_event_id("ü").send();
    assert_eq!(response.await.text(), "DELETE * HTTP/1.1\nlast-event-id: ü\nhost: localhost\n");
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_asked_for_unless_the_test_asks_for_something_else() {
    let client = TestClient::from_fn(async |request| {
        let accept = request.headers().get_all("accept").iter().collect::<Vec<_>>();
        event_stream(format!("data: {accept:?}\n\n"))
    });
    client.get("/").connect().await.expect_event(r#"["text/event-stream"]"#).await;
    let request = client.get("/").header("accept", "*/*");
    request.connect().await.expect_event(r#"["*/*"]"#).await;
    assert_eq!(client.get("/").send().await.text(), "data: []\n\n");
}

#[tokio::test(start_paused = true)]
async fn bodies_in_chunks() {
    let client = mirror();
    let response = client.post("/").body_stream(["a", "bc"]).send().await;
    assert_eq!(response.text(), "POST / HTTP/1.1\nhost: localhost\na|bc|");
    let response = client.post("/").body_stream(vec![Bytes::from_static(b"x")]).send().await;
    assert!(response.text().ends_with("\nx|"));

    let (sender, body) = Body::channel();
    let upload = tokio::spawn(client.post("/").body(body).send());
    for chunk in ["one ", "at ", "a ", "time"] {
        sleep(1000).await;
        sender.send(chunk).await.unwrap();
    }
    drop(sender);
    assert!(upload.await.unwrap().text().ends_with("\none |at |a |time|"));

    let (sender, body) = Body::channel();
    let upload = tokio::spawn(client.post("/").body(body).send());
    sender.send("half").await.unwrap();
    sender.abort().await;
    assert!(upload.await.unwrap().text().ends_with("\nhalf|the body was aborted|"));
}

#[tokio::test(start_paused = true)]
async fn the_sender_learns_that_the_server_does_not_read() {
    let client = TestClient::from_fn(async |_| http::Response::new(String::from("no")));
    let (sender, body) = Body::channel();
    assert_eq!(client.post("/").body(body).send().await.text(), "no");
    assert_eq!(sender.send("x").await, Err(BodyDropped));
}

#[tokio::test(start_paused = true)]
async fn a_body_is_sent_again_if_it_can_be() {
    let echo = TestClient::from_fn(async |request| event_stream(request.into_body()));
    let mut stream = echo.post("/").body_stream(["data: a", "\n\n"]).connect().await;
    stream.expect_event("a").await;
    stream.reconnect().await;
    stream.expect_event("a").await;

    let (sender, body) = Body::channel();
    let mut stream = echo.post("/").body(body).connect().await;
    sender.send("data: a\n\n").await.unwrap();
    stream.expect_event("a").await;
    let report = failure(async move { stream.reconnect().await }).await;
    assert!(
        report.starts_with(
            "expected an answer to POST /\n     \
             got a body that was written while it was sent, and can't be sent again\n"
        ),
        "{report}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_id_that_can_t_stand_in_a_header() {
    let client = TestClient::from_fn(async |_| event_stream("id: 7\u{1}\ndata: a\n\n"));
    let report = failure(async move {
        let mut stream = client.get("/").connect().await;
        stream.expect_event("a").await;
        stream.reconnect().await;
    });
    let report = report.await;
    assert!(
        report.starts_with(
            "expected a last event ID to reconnect with\n     \
             got \"7\\u{1}\", which can't stand in a header\n"
        ),
        "{report}"
    );
}

#[test]
#[should_panic(expected = r#""no slash" can't be a request's target: "#)]
fn a_bad_path() {
    let _ = mirror().get("no slash");
}

#[test]
#[should_panic(expected = r#""x y" can't name a header: "#)]
fn a_bad_header_name() {
    let _ = mirror().get("/").header("x y", "z");
}

#[test]
#[should_panic(expected = r#""a\nb" can't be the value of x-a: "#)]
fn a_bad_header_value() {
    let _ = mirror().get("/").header("x-a", "a\nb");
}

/// A service of another make: not ready at once, not `Sync`, its body in other buffers, its errors its own.
#[derive(Clone)]
struct Odd {
    calls: Arc<Mutex<u32>>,
    ready: std::cell::Cell<bool>,
}

impl tower_service::Service<http::Request<Body>> for Odd {
    type Response = http::Response<http_body_util::Full<io::Cursor<Vec<u8>>>>;
    type Error = io::Error;
    type Future = Ready<Result<Self::Response, io::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        if self.ready.replace(true) {
            return Poll::Ready(Ok(()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        assert!(self.ready.replace(false), "called before it was ready");
        *self.calls.lock().unwrap() += 1;
        if request.uri() == "/fail" {
            return ready(Err(io::Error::other("no more room")));
        }
        let body = io::Cursor::new(b"data: a\n\n".to_vec());
        let mut response = http::Response::new(http_body_util::Full::new(body));
        let kind = http::HeaderValue::from_static("text/event-stream");
        response.headers_mut().insert("content-type", kind);
        ready(Ok(response))
    }
}

#[tokio::test(start_paused = true)]
async fn any_service_will_do() {
    let calls = Arc::new(Mutex::new(0));
    let client = TestClient::new(Odd { calls: Arc::clone(&calls), ready: false.into() });
    client.get("/").connect().await.expect_event("a").await;
    client.clone().get("/").connect().await.expect_event("a").await;
    let report = failure(client.get("/fail").connect()).await;
    assert!(report.starts_with("expected an answer to GET /fail\n     got none: no more room\n"), "{report}");
    assert_eq!(*calls.lock().unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn any_function_will_do() {
    async fn function(_: http::Request<Body>) -> http::Response<String> {
        http::Response::new("function".into())
    }
    assert_eq!(TestClient::from_fn(function).get("/").send().await.text(), "function");

    let word = Arc::new(String::from("captured"));
    let by_value = TestClient::from_fn({
        let word = Arc::clone(&word);
        async move |_| {
            sleep(1).await;
            http::Response::new(word.to_string())
        }
    });
    let by_hand = TestClient::from_fn(move |_| {
        let word = word.to_string();
        async { http::Response::new(word) }
    });
    for client in [by_value, by_hand] {
        for _ in 0..2 {
            assert_eq!(client.get("/").send().await.text(), "captured");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_is_awaited_as_long_as_allowed() {
    let client = TestClient::from_fn(async |_| {
        sleep(9999).await;
        http::Response::new(String::from("late"))
    });
    assert_eq!(client.get("/").send().await.text(), "late");
    let report = failure(client.get("/").within(Duration::from_secs(9)).send()).await;
    assert!(report.contains("\n     got none within 9s\n"), "{report}");
}

#[test]
fn clients_and_what_they_make_can_be_sent_and_shown() {
    fn check<T: Send + std::fmt::Debug>(value: &T) -> String {
        format!("{value:?}")
    }
    fn shared<T: Send + Sync>(value: T) -> T {
        value
    }
    let client = shared(mirror());
    let request = client.get("/a");
    assert_eq!(check(&client), r#"TestClient { server: "localhost" }"#);
    assert!(check(&request).starts_with(r#"RequestBuilder { server: "localhost", method: GET"#));
    let (_, body) = Body::channel();
    assert_eq!(check(&shared(body)), "Body(channel)");
}
