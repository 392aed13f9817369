//! What only real sockets show: ends, stalls, limits, and many clients at once.

use std::{net::SocketAddr, time::Duration};

use crate::support::{metric, problem, publish, publish_ndjson};
use sse_server::{Config, Hub, Listen, Server, Shutdown};
use sse_test_support::blocks::checked;
use sse_testkit::{Seen, TestClient, event};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::oneshot,
    time::timeout,
};

/// A hub that listens, until it is dropped.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    pub(crate) client: TestClient,
    pub(crate) hub: Hub,
    _stop: oneshot::Sender<()>,
}

pub(crate) async fn listen(set: impl FnOnce(&mut Config)) -> Listening {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let mut config = Config::in_memory();
    config.server.listen = vec![Listen::Tcp("127.0.0.1:0".parse().unwrap())];
    set(&mut config);
    let server = Server::bind(config).await.unwrap();
    let (address, hub) = (server.local_addr(), server.hub().clone());
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    Listening { address, client: checked(&TestClient::tcp(address)), hub, _stop: stop }
}

/// Sends a request as it stands.
pub(crate) async fn raw(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Reads until there is this text; what was read.
pub(crate) async fn read_until(stream: &mut (impl AsyncRead + Unpin), text: &str) -> String {
    let mut read = String::new();
    let mut buffer = [0; 4096];
    while !read.contains(text) {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "it ended without {text:?}: {read:?}");
        read.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    read
}

pub(crate) const SUBSCRIBE: &str = "GET /events?topic=a HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let asked = async {
        while !so().await {
            tokio::task::yield_now().await;
        }
    };
    let in_time = timeout(Duration::from_secs(30), asked).await;
    assert!(in_time.is_ok(), "in 30 s it did not come to pass that {what}");
}

/// Waits until nobody subscribes to `a`.
async fn all_gone(hub: &Listening) {
    until("all are gone", async || hub.client.get("/topics/a").send().await.status == 404).await;
}

#[tokio::test]
async fn a_client_that_sends_half_a_head_is_dropped() {
    let hub = listen(|config| {
        config.server.header_timeout = Duration::from_millis(200);
        config.server.idle_timeout = Duration::from_millis(200); // for who says nothing at all
    })
    .await;
    for half in ["", "G", "GET /events?topic=a HTTP/1.1\r\nhost:"] {
        let mut stream = raw(hub.address, half).await;
        let mut rest = Vec::new();
        let dropped = timeout(Duration::from_secs(30), stream.read_to_end(&mut rest)).await;
        dropped.expect("it is dropped in time").unwrap();
    }
}

#[tokio::test]
async fn a_client_that_vanished_by_fin_or_rst_is_gone_with_nothing_published() {
    let hub = listen(|_| {}).await;
    let mut closed = raw(hub.address, SUBSCRIBE).await;
    let mut reset = raw(hub.address, SUBSCRIBE).await;
    read_until(&mut closed, "sse-cursor").await;
    read_until(&mut reset, "sse-cursor").await;
    assert_eq!(hub.client.get("/topics/a").send().await.json()["subscribers"], 2);
    drop(closed);
    socket2::SockRef::from(&reset).set_linger(Some(Duration::ZERO)).unwrap();
    drop(reset);
    all_gone(&hub).await;
}

#[tokio::test]
async fn a_stream_s_client_that_sends_without_end_is_cut_off() {
    let hub = listen(|_| {}).await;
    let mut chatty = raw(hub.address, SUBSCRIBE).await;
    read_until(&mut chatty, "sse-cursor").await;
    chatty.write_all(&[b'x'; 1000]).await.unwrap();
    publish(&hub.client, "a", "a little is passed over").await;
    read_until(&mut chatty, "a little is passed over").await;
    let sending = async { while chatty.write_all(&[b'x'; 10_000]).await.is_ok() {} };
    timeout(Duration::from_secs(30), sending).await.expect("it is cut off");
    until("it is gone", async || metric(&hub.client, "sse_subscribers").await == 0.0).await;
    assert_eq!(metric(&hub.client, "sse_ends_total{reason=\"client\"}").await, 1.0);
}

#[tokio::test]
async fn a_stop_waits_for_streams_and_not_for_connections_that_have_none() {
    let mut config = Config::in_memory();
    config.server.listen = vec![Listen::Tcp("127.0.0.1:0".parse().unwrap())];
    let long = Duration::from_secs(300);
    (config.server.drain, config.server.header_timeout, config.server.body_timeout) = (long, long, long);
    config.stream.heartbeat = long;
    let server = Server::bind(config).await.unwrap();
    let address = server.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    let half_head = raw(address, "GET /events").await;
    let half_body = raw(address, "POST /publish/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nx").await;
    // it ignores that it is told to go away
    let http_2 = raw(address, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    let client = TestClient::tcp(address);
    until("all are there", async || metric(&client, "sse_connections").await == 4.0).await;
    stop.send(()).unwrap();
    let stopped =
        timeout(Duration::from_secs(60), running).await.expect("long before the window of 300 s ends").unwrap();
    assert!(matches!(stopped, Shutdown::CutOff(1..=3)), "{stopped:?}");
    drop((half_head, half_body, http_2));
}

#[tokio::test]
async fn http_1_0_gets_the_stream_until_the_end_of_the_connection() {
    let hub = listen(|_| {}).await;
    let mut stream = raw(hub.address, "GET /events?topic=a HTTP/1.0\r\n\r\n").await;
    let head = read_until(&mut stream, "sse-cursor").await;
    assert!(head.starts_with("HTTP/1.0 200 OK\r\n") && !head.contains("chunked"), "{head}");
    publish(&hub.client, "a", "hello").await;
    let event = read_until(&mut stream, "data: hello\n\n").await;
    assert!(event.starts_with("id: "), "{event}");
}

#[tokio::test]
async fn a_stream_asked_for_with_a_body_is_a_stream_like_the_others() {
    let hub = listen(|config| config.limits.pinned_bytes = 1 << 20).await;
    for framing in
        ["content-length: 100000\r\n\r\n", "content-length: 7\r\n\r\nab", "transfer-encoding: chunked\r\n\r\n5\r\nab"]
    {
        let head = "GET /events?topic=a HTTP/1.1\r\nhost: localhost\r\n";
        let mut stream = raw(hub.address, &format!("{head}{framing}")).await;
        read_until(&mut stream, "sse-cursor").await;
        stream.write_all(b"more of a body that nobody reads").await.unwrap();
        publish(&hub.client, "a", "hello").await;
        read_until(&mut stream, "data: hello\n\n").await;
        drop(stream);
        until("it is gone", async || metric(&hub.client, "sse_subscribers").await == 0.0).await;
    }
}

/// What a shard does, it does for a stream with a body as well.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_sends_a_body_and_reads_nothing_is_bounded_by_the_pinned_bytes() {
    let hub = listen(|config| {
        config.limits.pinned_bytes = 1 << 20;
        config.stream.write_stall = Duration::from_secs(3600);
    })
    .await;
    let mut stalled = Vec::new();
    for i in 0..10 {
        let head = format!("GET /events?topic=t{i} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n");
        let mut stream = raw(hub.address, &head).await;
        read_until(&mut stream, "sse-cursor").await;
        stalled.push(stream);
    }
    until("the others are cut off", async || {
        for i in 0..10 {
            publish(&hub.client, &format!("t{i}"), &"x".repeat(250_000)).await;
        }
        metric(&hub.client, "sse_ends_total{reason=\"lag\"}").await >= 6.0
    })
    .await;
    assert!(metric(&hub.client, "sse_pinned_bytes").await <= f64::from(1 << 20));
}

/// Over HTTP/1.1 as well, where the connection ends.
#[tokio::test]
async fn a_response_that_nobody_takes_ends_its_connection() {
    let hub = listen(|config| config.stream.write_stall = Duration::from_secs(1)).await;
    let lines: String =
        (0..1000).map(|i| format!("{{\"topic\":\"{i}{}\",\"data\":\"\"}}\n", "x".repeat(250))).collect();
    assert_eq!(publish_ndjson(&hub.client, lines).await.status, 200);
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(hub.address).await.unwrap();
    let ask = "GET /topics?limit=1000 HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(ask.repeat(20).as_bytes()).await.unwrap();
    until("it is counted", async || metric(&hub.client, "sse_stalled_connections").await == 1.0).await;
    let pinned = metric(&hub.client, "sse_pinned_bytes").await;
    assert!((1.0..200_000.0).contains(&pinned), "{pinned}");
    until("it is cut off", async || metric(&hub.client, "sse_cut_off_total").await == 1.0).await;
    assert_eq!(metric(&hub.client, "sse_pinned_bytes").await, 0.0);
    let mut rest = Vec::new();
    let ended = timeout(Duration::from_secs(30), stream.read_to_end(&mut rest)).await;
    drop(ended.expect("it has ended")); // with a reset or without
}

#[tokio::test]
async fn http_2_by_prior_knowledge_carries_streams_and_publishes_on_one_connection() {
    use http_body_util::{BodyExt, Empty, Full};
    use hyper_util::{client::legacy::Client, rt::TokioExecutor};

    let hub = listen(|_| {}).await;
    let url = |path: &str| format!("http://{}{path}", hub.address).parse::<http::Uri>().unwrap();
    let client = || Client::builder(TokioExecutor::new()).http2_only(true).clone();
    let reader = client().build_http::<Empty<bytes::Bytes>>();
    let publisher = client().build_http::<Full<bytes::Bytes>>();
    let mut streams = Vec::new();
    for _ in 0..3 {
        let response = reader.get(url("/events?topic=a")).await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, http::Version::HTTP_2));
        assert!(!response.headers().contains_key("connection"));
        streams.push(response.into_body());
    }
    assert_eq!(metric(&hub.client, "sse_subscribers").await, 3.0);
    let request = http::Request::post(url("/publish/a")).body(Full::from("hello")).unwrap();
    assert_eq!(publisher.request(request).await.unwrap().status(), 200);
    for mut stream in streams {
        let mut read = Vec::new();
        while !read.ends_with(b"data: hello\n\n") {
            read.extend_from_slice(stream.frame().await.unwrap().unwrap().data_ref().unwrap());
        }
        assert!(read.starts_with(b"event: sse-cursor\n"), "{}", String::from_utf8_lossy(&read));
    }
    // the connection is still open: each stream was reset by itself
    until("all are gone", async || metric(&hub.client, "sse_subscribers").await == 0.0).await;
    drop(reader);
}

#[tokio::test]
async fn a_reader_that_stalls_costs_the_others_nothing_and_is_counted() {
    let hub = listen(|config| config.window.bytes = 4 << 20).await;
    let mut stalled = raw(hub.address, SUBSCRIBE).await;
    read_until(&mut stalled, "sse-cursor").await;
    let mut reader = hub.client.get("/events?topic=a").skip_events(["sse-cursor"]).connect().await;
    let data = "x".repeat(100_000);
    for i in 0..200 {
        let id = publish(&hub.client, "a", &format!("{i} {data}")).await;
        reader.expect_event(event("message").id(&id)).await;
    }
    until("it is counted", async || metric(&hub.client, "sse_stalled_connections").await == 1.0).await;
    assert!(metric(&hub.client, "sse_log_bytes").await <= f64::from(4 << 20));
    drop(stalled);
    until("it is forgotten", async || metric(&hub.client, "sse_stalled_connections").await == 0.0).await;
}

#[tokio::test]
async fn too_much_is_refused_while_it_is_still_being_sent() {
    let hub = listen(|config| config.publish.max_event_bytes = 1000).await;
    for head in ["content-length: 1000000000\r\n\r\nx", "transfer-encoding: chunked\r\n\r\n7d0\r\n"] {
        let mut stream = raw(hub.address, &format!("POST /publish/a HTTP/1.1\r\nhost: localhost\r\n{head}")).await;
        stream.write_all(&[b'x'; 2000]).await.unwrap();
        let answer = read_until(&mut stream, "publish.max_event_bytes").await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        // the answer was not destroyed by what came after it
        let _ = stream.write_all(&[b'x'; 2000]).await;
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_so() {
    let hub = listen(|config| config.limits.connections = 2).await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = hub.client.get("/events?topic=a").connect().await;
        stream.expect_event(event("sse-cursor")).await;
        streams.push(stream);
    }
    let mut busy = hub.client.get("/events?topic=a").header("accept", "text/event-stream").connect().await;
    busy.expect_retry().await;
    busy.expect_event(event("sse-drain").data(r#"{"reason":"busy"}"#).id("")).await;
    busy.expect_closed().await;
    let refused = hub.client.post("/publish/a").body("x").send().await;
    assert_eq!(problem(&refused).0, 503);
    drop(streams);
    until("there is room", async || publish_status(&hub.client).await == 200).await;
}

#[tokio::test]
async fn one_address_has_so_many_streams_and_no_more() {
    let hub = listen(|config| config.limits.per_address = 1).await;
    let mut one = hub.client.get("/events?topic=a").connect().await;
    one.expect_event(event("sse-cursor")).await;
    let refused = hub.client.get("/events?topic=a").header("accept", "*/*").send().await;
    assert_eq!(problem(&refused).0, 429);
    drop(one);
    all_gone(&hub).await;
    let mut one = hub.client.get("/events?topic=a").connect().await;
    one.expect_event(event("sse-cursor")).await;
}

#[tokio::test]
async fn the_operators_routes_move_to_their_own_listener() {
    let mut config = Config::in_memory();
    config.server.listen = vec![Listen::Tcp("127.0.0.1:0".parse().unwrap())];
    config.server.admin_listen = Some(Listen::Tcp("127.0.0.1:0".parse().unwrap()));
    let server = Server::bind(config).await.unwrap();
    let (public, admin) =
        (checked(&TestClient::tcp(server.local_addr())), TestClient::tcp(server.admin_addr().unwrap()));
    let (_stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    for path in ["/topics", "/metrics"] {
        assert_eq!(public.get(path).send().await.status, 404, "{path}");
        assert_eq!(admin.get(path).send().await.status, 200, "{path}");
    }
    assert_eq!(publish_status(&public).await, 200);
    assert_eq!(publish_status(&admin).await, 404);
    assert_eq!(admin.get("/ready").send().await.status, 200);
}

async fn publish_status(client: &TestClient) -> u16 {
    client.post("/publish/a").body("x").send().await.status.as_u16()
}

/// The topics of the crowd's test, and what its sets are made of.
const TOPICS: [&str; 12] = ["a", "b", "c", "d", "a/1", "a/2", "b/1", "b/2", "a/1/x", "a/2/x", "b/1/x", "c/3/y"];
const SELECTORS: [&str; 16] =
    ["a", "b", "c", "d", "a/1", "b/2", "*", "a/*", "b/*", "*/1", "*/*", "a/**", "*/*/x", "**", "c/**", "never"];

/// A matcher of the test's own, to check the hub's against.
fn matches(selector: &str, topic: &str) -> bool {
    let (mut selector, mut topic) = (selector.split('/'), topic.split('/'));
    loop {
        match (selector.next(), topic.next()) {
            (None, None) | (Some("**"), Some(_)) => return true,
            (Some("*"), Some(_)) => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

/// Set number `i` of 50: overlapping, all different.
fn set(i: usize) -> Vec<&'static str> {
    (0..SELECTORS.len()).filter(|bit| ((i + 1) * 0x9E5) >> bit & 1 == 1).map(|bit| SELECTORS[bit]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_subscribers_get_exactly_their_events_a_third_of_them_cut_and_resumed() {
    const SUBSCRIBERS: usize = 1000;
    const SETS: usize = 50;
    const EVENTS: usize = 500;
    let distinct: std::collections::BTreeSet<_> = (0..SETS).map(set).collect();
    assert_eq!(distinct.len(), SETS);

    let hub = listen(|_| {}).await;
    let mut reading = Vec::new();
    for i in 0..SUBSCRIBERS {
        let query: String = set(i % SETS).iter().map(|selector| format!("topic={selector}&")).collect();
        let request = hub.client.get(&format!("/events?{query}topic=the-end")).within(Duration::from_secs(60));
        let mut stream = request.connect().await;
        stream.expect_event(event("sse-cursor")).await;
        reading.push(tokio::spawn(async move {
            // every third is cut again and again, each time after a number of events drawn anew
            let mut draw = i as u64;
            let mut patience = || {
                draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                if i % 3 == 0 { 1 + (draw >> 33) as usize % 37 } else { usize::MAX }
            };
            let mut seen = Vec::new();
            let mut until_cut = patience();
            loop {
                match stream.next().await {
                    Some(Seen::Event(event)) if event.name == "sse-cursor" => {}
                    Some(Seen::Event(event)) if event.data == "the end" => return seen,
                    Some(Seen::Event(event)) => {
                        assert_eq!(event.name, "message", "subscriber {i}: {}", event.data);
                        seen.push(event.data);
                        until_cut -= 1;
                    }
                    Some(_) => {}
                    None => panic!("subscriber {i} was cut off"),
                }
                if until_cut == 0 {
                    until_cut = patience();
                    stream.reconnect().await;
                }
            }
        }));
    }
    let mut published = Vec::new();
    for i in 0..EVENTS {
        let topic = TOPICS[i * 7 % TOPICS.len()];
        let data = format!("{i} {topic}");
        publish(&hub.client, topic, &data).await;
        published.push((topic, data));
    }
    publish(&hub.client, "the-end", "the end").await;
    for (i, read) in reading.into_iter().enumerate() {
        let wanted = |topic: &str| set(i % SETS).iter().any(|selector| matches(selector, topic));
        let expect: Vec<_> =
            published.iter().filter(|(topic, _)| wanted(topic)).map(|(_, data)| data.clone()).collect();
        assert_eq!(read.await.unwrap(), expect, "subscriber {i}");
    }
}
