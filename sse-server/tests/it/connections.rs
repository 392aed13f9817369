//! Connections: how they begin, idle and end.

use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use sse_server::Config;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    sockets::{Listening, SUBSCRIBE, listen, raw, read_until, until},
    support::{metric, publish},
};

const LONG: Duration = Duration::from_secs(300);
const SHORT: Duration = Duration::from_millis(200);

/// The preface of HTTP/2, and settings.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const ALIVE: &str = "GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Waits until the hub has closed the connection.
async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let ended = timeout(Duration::from_secs(60), stream.read_to_end(&mut rest)).await;
    let _ = ended.expect("the hub closes it"); // by a reset, if it had input to read
}

/// Waits for longer than `header_timeout`: the time of a client that stops within a head.
async fn a_head_s_time(hub: &Listening) {
    closed(&mut raw(hub.address, "GET /li").await).await;
}

async fn ends_with(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await;
    read.expect("it is answered and closed").unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_preface_may_come_in_two_pieces() {
    let hub = listen(|_| {}).await;
    for cut in 1..24 {
        let mut stream = TcpStream::connect(hub.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(&HELLO[..cut]).await.unwrap();
        // a round trip, in which the hub reads the first piece
        assert_eq!(hub.client.get("/live").send().await.status, 200);
        stream.write_all(&HELLO[cut..]).await.unwrap();
        let mut frame = [0; 9];
        stream.read_exact(&mut frame).await.unwrap();
        assert_eq!(frame[3], 4, "its settings, not an answer of HTTP/1: cut at {cut}");
    }
}

#[tokio::test]
async fn a_target_without_a_path_is_refused_before_all_else() {
    let hub = listen(|_| {}).await;
    for (line, status) in [("CONNECT localhost:80", 405), ("GET localhost:80", 400), ("POST localhost", 400)] {
        let mut stream = raw(hub.address, &format!("{line} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
        let answer = read_until(&mut stream, "\"detail\"").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
    }
}

#[tokio::test]
async fn who_ends_their_side_after_the_request_gets_the_answer() {
    let dir = tempfile::tempdir().unwrap();
    let on_disk = |config: &mut Config| {
        (config.store.kind, config.store.path) = (sse_server::StoreKind::Redb, dir.path().to_owned());
        config.store.durability = sse_server::Durability::Always;
    };
    let hub = listen(on_disk).await;
    for _ in 0..20 {
        let request = "POST /publish/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nx";
        for (request, expected) in [(request, "\"id\""), (ALIVE, "200 OK")] {
            let mut stream = raw(hub.address, request).await;
            stream.shutdown().await.unwrap();
            let answer = ends_with(&mut stream).await;
            assert!(answer.contains(expected), "{request}: {answer:?}");
        }
    }
    assert_eq!(metric(&hub.client, "sse_published_total").await, 20.0);
}

#[tokio::test]
async fn a_publisher_that_leaves_before_its_answer_is_counted_if_its_event_is_there() {
    let hub = listen(|_| {}).await;
    let mut stream = hub.client.get("/events?topic=a").connect().await;
    for i in 0..20 {
        let length = i.to_string().len();
        let head = format!("POST /publish/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{i}");
        drop(raw(hub.address, &head).await);
    }
    publish(&hub.client, "a", "the end").await;
    let mut events = 0;
    while let Some(seen) = stream.next().await {
        if let sse_testkit::Seen::Event(event) = seen
            && event.name == "message"
        {
            events += 1;
            if event.data == "the end" {
                break;
            }
        }
    }
    let published = metric(&hub.client, "sse_published_total").await;
    assert!(published >= f64::from(events), "{published} are counted, {events} were delivered");
}

#[tokio::test]
async fn a_stream_whose_client_ends_its_side_ends_on_every_driver() {
    for handoff in [true, false] {
        let hub = listen(|config| {
            config.server.handoff = handoff;
            config.stream.heartbeat = LONG; // which would find it, too
        })
        .await;
        let mut stream = raw(hub.address, SUBSCRIBE).await;
        read_until(&mut stream, "sse-cursor").await;
        assert_eq!(metric(&hub.client, "sse_subscribers").await, 1.0);
        stream.shutdown().await.unwrap();
        until("it is gone", async || metric(&hub.client, "sse_subscribers").await == 0.0).await;
        let mut at_once = raw(hub.address, SUBSCRIBE).await;
        at_once.shutdown().await.unwrap();
        closed(&mut at_once).await;
        until("it is gone", async || metric(&hub.client, "sse_subscribers").await == 0.0).await;
    }
}

#[tokio::test]
async fn an_idle_connection_may_be_used_again_after_more_than_a_head_s_time() {
    let hub = listen(|config| config.server.header_timeout = SHORT).await;
    let mut kept = raw(hub.address, ALIVE).await;
    read_until(&mut kept, "200 OK").await;
    for _ in 0..2 {
        a_head_s_time(&hub).await;
        kept.write_all(ALIVE.as_bytes()).await.unwrap();
        read_until(&mut kept, "200 OK").await;
    }
    // but once a head has begun, it has to end
    kept.write_all(b"GET /live HT").await.unwrap();
    closed(&mut kept).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_at_last() {
    let hub = listen(|config| config.server.idle_timeout = SHORT).await;
    let mut kept = raw(hub.address, ALIVE).await;
    closed(&mut kept).await;
}

#[tokio::test]
async fn a_connection_of_http_2_without_requests_is_closed_though_it_is_alive() {
    let hub = listen(|config| {
        (config.server.header_timeout, config.stream.heartbeat) = (SHORT, LONG);
    })
    .await;
    let mut stream = TcpStream::connect(hub.address).await.unwrap();
    stream.write_all(HELLO).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let answering = async {
        let mut head = [0; 9];
        while reader.read_exact(&mut head).await.is_ok() {
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            reader.read_exact(&mut payload).await.unwrap();
            if head[3] == 6 && head[4] & 1 == 0 {
                head[4] = 1;
                let _ = writer.write_all(&[&head[..], &payload].concat()).await;
            }
        }
    };
    timeout(Duration::from_secs(60), answering).await.expect("the hub closes it");
    until("it is gone", async || metric(&hub.client, "sse_connections").await == 1.0).await;
}

#[tokio::test]
async fn a_stream_over_http_2_is_not_idle() {
    let hub = listen(|config| (config.server.header_timeout, config.server.idle_timeout) = (SHORT, SHORT)).await;
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Empty<bytes::Bytes>>();
    let url = format!("http://{}/events?topic=a", hub.address);
    let mut stream = client.get(url.parse().unwrap()).await.unwrap().into_body();
    for i in 0..3 {
        a_head_s_time(&hub).await;
        publish(&hub.client, "a", &format!("number {i}")).await;
        let mut read = String::new();
        while !read.contains(&format!("number {i}\n")) {
            read += std::str::from_utf8(stream.frame().await.unwrap().unwrap().data_ref().unwrap()).unwrap();
        }
    }
}

#[tokio::test]
async fn a_flood_of_control_frames_ends_its_connection() {
    let hub = listen(|_| {}).await;
    for (kind, payload) in [(4, 0), (6, 8), (2, 5), (8, 4), (250, 0)] {
        let mut stream = TcpStream::connect(hub.address).await.unwrap();
        stream.write_all(HELLO).await.unwrap();
        let (mut reader, mut writer) = stream.split();
        let mut frame = vec![0, 0, payload, kind, 0, 0, 0, 0, if kind == 2 { 1 } else { 0 }];
        frame.resize(frame.len() + usize::from(payload), 1);
        let flood = frame.repeat(1000);
        let mut answers = vec![0; 1 << 16];
        let flooding = async {
            let reading = async { while reader.read(&mut answers).await.is_ok_and(|count| count > 0) {} };
            let sending = async {
                for _ in 0..1000 {
                    if writer.write_all(&flood).await.is_err() {
                        return;
                    }
                }
                panic!("a million frames of kind {kind} were taken");
            };
            tokio::select! {
                () = reading => {}
                () = sending => {}
            }
        };
        timeout(Duration::from_secs(60), flooding).await.expect("it ends");
    }
    assert_eq!(hub.client.get("/live").send().await.status, 200);
}
