//! HTTP/2, with clients that give their windows as they please.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use h2::{Reason, RecvStream, client};
use http::Request;
use sse_server::Config;
use tokio::{net::TcpStream, task::JoinHandle, time::timeout};

use crate::{
    sockets::{Listening, listen, until},
    support::{metric, publish, publish_ndjson},
};

/// A client's connection. It answers pings by itself.
struct Client {
    requests: client::SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

/// Connects with streams that begin with a window of `window` bytes.
async fn connect(address: SocketAddr, window: u32) -> Client {
    let socket = TcpStream::connect(address).await.unwrap();
    let mut builder = client::Builder::new();
    builder.initial_window_size(window).initial_connection_window_size(16 << 20).initial_max_send_streams(256);
    let (requests, connection) = builder.handshake(socket).await.unwrap();
    Client { requests, connection: tokio::spawn(connection) }
}

impl Client {
    /// The body of the response to a request, none of which has been read.
    async fn get(&self, path: &str) -> RecvStream {
        let request = Request::get(format!("http://localhost{path}")).body(()).unwrap();
        let mut ready = self.requests.clone().ready().await.unwrap();
        let response = ready.send_request(request, true).unwrap().0.await.unwrap();
        assert_eq!(response.status(), 200);
        response.into_body()
    }
}

/// A hub whose clients may take nothing for a second.
async fn impatient(set: impl FnOnce(&mut Config)) -> Listening {
    listen(|config| {
        config.stream.write_stall = Duration::from_secs(1);
        set(config);
    })
    .await
}

async fn ends(hub: &Listening, reason: &str) -> f64 {
    metric(&hub.client, &format!("sse_ends_total{{reason=\"{reason}\"}}")).await
}

/// The reason for which a stream is reset before anything of it comes.
async fn reset(body: &mut RecvStream) -> Option<Reason> {
    let end = timeout(Duration::from_secs(60), body.data()).await.expect("it is reset in time");
    end.expect("it is not ended in order").unwrap_err().reason()
}

/// Reads a body that is given the window back in pieces of `at_once`, until it ends or `done` is true of what was read.
async fn read(body: &mut RecvStream, at_once: usize, done: impl Fn(&[u8]) -> bool) -> Result<Vec<u8>, Reason> {
    let mut all = Vec::new();
    let mut owed = 0;
    while !done(&all) {
        match body.data().await {
            None => break,
            Some(Err(error)) => return Err(error.reason().expect("the connection is well")),
            Some(Ok(bytes)) => {
                all.extend_from_slice(&bytes);
                owed += bytes.len();
                while owed > 0 {
                    let back = owed.min(at_once);
                    body.flow_control().release_capacity(back).unwrap();
                    owed -= back;
                }
            }
        }
    }
    Ok(all)
}

#[tokio::test]
async fn a_stream_without_a_window_is_reset_and_the_others_of_its_connection_are_not() {
    let hub = impatient(|_| {}).await;
    let client = connect(hub.address, 0).await;
    let (mut shut, mut open) = (client.get("/events?topic=a").await, client.get("/events?topic=a").await);
    open.flow_control().release_capacity(0).unwrap();
    let whole = connect(hub.address, 65_535).await;
    let mut reader = whole.get("/events?topic=a").await;
    read(&mut reader, 1000, |all| all.ends_with(b"\n\n")).await.unwrap();
    assert_eq!(reset(&mut shut).await, Some(Reason::CANCEL));
    assert_eq!(reset(&mut open).await, Some(Reason::CANCEL));
    until("both are counted", async || ends(&hub, "lag").await == 2.0).await;
    publish(&hub.client, "a", "hello").await;
    read(&mut reader, 1000, |all| all.ends_with(b"data: hello\n\n")).await.unwrap();
    // the connection whose streams were reset serves others
    drop(client.get("/live").await);
    assert_eq!(metric(&hub.client, "sse_subscribers").await, 1.0);
}

#[tokio::test]
async fn a_response_that_nobody_takes_is_reset_and_its_memory_is_free() {
    let hub = impatient(|_| {}).await;
    let client = connect(hub.address, 0).await;
    let mut bodies = Vec::new();
    for path in ["/topics?limit=1000", "/metrics", "/live", "/"] {
        bodies.push(client.get(path).await);
    }
    until("it is counted", async || metric(&hub.client, "sse_pinned_bytes").await > 1000.0).await;
    for body in &mut bodies {
        assert_eq!(reset(body).await, Some(Reason::CANCEL));
    }
    until("all are counted", async || metric(&hub.client, "sse_cut_off_total").await == 4.0).await;
    assert_eq!(metric(&hub.client, "sse_pinned_bytes").await, 0.0);
}

#[tokio::test]
async fn a_page_of_topics_is_made_as_it_is_taken() {
    let hub = listen(|config| config.stream.write_stall = Duration::from_secs(3600)).await;
    let name = "\\\"".repeat(120);
    let lines: String = (0..1000).map(|i| format!("{{\"topic\":\"{i:04}{name}\",\"data\":\"\"}}\n")).collect();
    assert_eq!(publish_ndjson(&hub.client, lines).await.status, 200);

    // 10 of 400 KB each, of which nothing is taken: of each there is a piece
    let client = connect(hub.address, 0).await;
    let mut bodies = Vec::new();
    for _ in 0..10 {
        bodies.push(client.get("/topics?limit=1000").await);
    }
    let most = 10.0 * f64::from(16 << 10);
    until("all are waiting", async || metric(&hub.client, "sse_pinned_bytes").await > most / 4.0).await;
    assert!(metric(&hub.client, "sse_pinned_bytes").await < most);
    drop(bodies);

    // whoever takes it gets all of it
    let client = connect(hub.address, 1000).await;
    let page = read(&mut client.get("/topics?limit=1000").await, 100, |_| false).await.unwrap();
    let page: serde_json::Value = serde_json::from_slice(&page).unwrap();
    assert_eq!((page["topics"].as_array().unwrap().len(), &page["next"]), (1000, &serde_json::Value::Null));
    assert_eq!(hub.client.get("/topics?limit=1000").send().await.json(), page, "over HTTP/1.1");
}

#[tokio::test]
async fn large_responses_have_few_places_on_a_connection_and_others_do_not_wait_for_one() {
    let hub = listen(|config| config.stream.write_stall = Duration::from_secs(3600)).await;
    let client = connect(hub.address, 0).await;
    let mut asked = Vec::new();
    for _ in 0..100 {
        let request = Request::get("http://localhost/metrics").body(()).unwrap();
        let mut ready = client.requests.clone().ready().await.unwrap();
        asked.push(ready.send_request(request, true).unwrap().0);
    }
    let mut heads: FuturesUnordered<_> = asked.into_iter().collect();
    let mut taken = Vec::new();
    for _ in 0..16 {
        taken.push(heads.next().await.unwrap().unwrap());
    }
    // it came behind them, and has passed those that wait
    drop(client.get("/events?topic=a").await);
    assert!(heads.next().now_or_never().is_none());
    drop(taken.pop());
    taken.push(heads.next().await.unwrap().unwrap());
    assert!(heads.next().now_or_never().is_none());
}

#[tokio::test]
async fn what_is_kept_for_streams_with_shut_windows_has_a_bound() {
    let hub = listen(|config| {
        config.limits.pinned_bytes = 1 << 20;
        config.stream.write_stall = Duration::from_secs(3600);
    })
    .await;
    let client = connect(hub.address, 200).await;
    let mut streams = Vec::new();
    for i in 0..10 {
        let mut stream = client.get(&format!("/events?topic=t{i}")).await;
        // it leaves little of the window
        read(&mut stream, 1, |all| all.ends_with(b"\n\n")).await.unwrap();
        streams.push(stream);
        publish(&hub.client, &format!("t{i}"), &"x".repeat(250_000)).await;
    }
    until("the others are reset", async || ends(&hub, "lag").await == 6.0).await;
    until("that many are left", async || metric(&hub.client, "sse_subscribers").await == 4.0).await;
    let pinned = metric(&hub.client, "sse_pinned_bytes").await;
    assert!((1_000_000.0..=f64::from(1 << 20)).contains(&pinned), "{pinned}");
    drop((streams, client));
    until("nothing is left", async || metric(&hub.client, "sse_pinned_bytes").await == 0.0).await;
}

#[tokio::test]
async fn an_event_that_many_windows_wait_for_is_counted_once() {
    let hub = listen(|_| {}).await;
    let client = connect(hub.address, 200).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = client.get("/events?topic=a").await;
        read(&mut stream, 1, |all| all.ends_with(b"\n\n")).await.unwrap();
        streams.push(stream);
    }
    publish(&hub.client, "a", &"x".repeat(250_000)).await;
    until("it is counted", async || metric(&hub.client, "sse_pinned_bytes").await > 0.0).await;
    let pinned = metric(&hub.client, "sse_pinned_bytes").await;
    assert!((250_000.0..251_000.0).contains(&pinned), "{pinned}");
}

#[tokio::test]
async fn a_reader_of_a_few_bytes_at_a_time_gets_past_a_large_event() {
    let hub = impatient(|_| {}).await;
    let client = connect(hub.address, 300).await;
    let mut stream = client.get("/events?topic=a").await;
    read(&mut stream, 10, |all| all.ends_with(b"\n\n")).await.unwrap();
    publish(&hub.client, "a", &"x".repeat(100_000)).await;
    let event = read(&mut stream, 10, |all| all.ends_with(b"xx\n\n")).await.unwrap();
    assert!(event.len() > 100_000);
}

#[tokio::test]
async fn a_few_bytes_at_a_time_do_not_keep_a_stream_beyond_its_age_or_a_shutdown() {
    for (reason, drains) in [("age", false), ("shutdown", true)] {
        let hub = impatient(|config| {
            config.stream.max_age = Duration::from_secs(if drains { 0 } else { 1 });
            config.server.drain = Duration::from_secs(1);
        })
        .await;
        let client = connect(hub.address, 100).await;
        let mut stream = client.get("/events?topic=a").await;
        // more than comes a few bytes at a time within its life
        for _ in 0..40 {
            publish(&hub.client, "a", &"x".repeat(250_000)).await;
        }
        if drains {
            hub.hub.drain();
        }
        let end = timeout(Duration::from_secs(60), read(&mut stream, 1, |_| false)).await;
        assert_eq!(end.expect("it ends in time").map(|all| all.len()), Err(Reason::CANCEL), "{reason}");
        until("it is counted", async || ends(&hub, reason).await == 1.0).await;
    }
}

#[tokio::test]
async fn a_connection_that_asks_for_nothing_is_closed() {
    let hub = listen(|config| config.server.header_timeout = Duration::from_millis(200)).await;
    let mut idle = connect(hub.address, 65_535).await;
    let busy = connect(hub.address, 65_535).await;
    let mut stream = busy.get("/events?topic=a").await;
    timeout(Duration::from_secs(60), &mut idle.connection).await.expect("it is closed in time").unwrap().unwrap();
    // one with a stream is not idle
    publish(&hub.client, "a", "hello").await;
    read(&mut stream, 1000, |all| all.ends_with(b"data: hello\n\n")).await.unwrap();
}

#[tokio::test]
async fn requests_have_their_lengths_and_bodies() {
    let hub = listen(|_| {}).await;
    let client = connect(hub.address, 65_535).await;
    let ask = async |method: &str, path: &str, body: &[u8]| {
        let request = Request::builder().method(method).uri(format!("http://localhost{path}")).body(()).unwrap();
        let mut ready = client.requests.clone().ready().await.unwrap();
        let (response, mut sending) = ready.send_request(request, body.is_empty()).unwrap();
        if !body.is_empty() {
            sending.send_data(Bytes::copy_from_slice(body), true).unwrap();
        }
        let (head, mut body) = response.await.unwrap().into_parts();
        (head, read(&mut body, 1000, |_| false).await.unwrap())
    };
    // larger than the windows
    let (head, body) = ask("POST", "/publish/a", &[b'x'; 200_000]).await;
    assert_eq!((head.status.as_u16(), &head.headers["content-length"]), (200, &body.len().into()));
    assert!(head.headers.contains_key("date") && !head.headers.contains_key("connection"));
    let (head, body) = ask("HEAD", "/live", b"").await;
    assert_eq!((head.status.as_u16(), &head.headers["content-length"], body.len()), (200, &5.into(), 0));
    let (head, body) = ask("HEAD", "/events?topic=a", b"").await;
    assert_eq!((head.status.as_u16(), body.len()), (200, 0));
    let (head, _) = ask("GET", "/nowhere", b"ignored").await;
    assert_eq!(head.status.as_u16(), 404);
}
