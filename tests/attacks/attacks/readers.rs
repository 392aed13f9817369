//! Readers that take nothing, too little, or send where they should read.

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{Duration, interval},
};

use crate::{
    PATIENCE, eventually,
    http1::{ATTACKER, connect},
    http2::Connection,
    stage::{Attack, Stage},
    target::Launch,
};

attacks! {
    stalled_readers: stalled,
        Attack::right("they are ended, and a piece that they share is counted once").with(STALL)
            .seen_in("sse_ends_total{reason=\"lag\"}");
    stalled_readers_of_one_event: shared_piece,
        Attack::right("a piece that they share is counted once, so that nobody is cut off before its time")
            // of each over TLS a record of 16 KB is held besides
            .with(&[("SSE__LIMITS__PINNED_BYTES", "2097152"), ("SSE__STREAM__WRITE_STALL", "5m")])
            .seen_in("sse_pinned_bytes"), over_tls;
    readers_with_a_body_to_come: unfinished_body,
        Attack::right("what they hold is counted and bounded, and they are ended").with(STALL).scaled(WINDOW)
            .seen_in("sse_ends_total{reason=\"lag\"}"), over_tls;
    http2_readers_with_little_window: little_window,
        Attack::right("what they hold is counted and bounded, and they are ended").with(STALL).scaled(WINDOW)
            .seen_in("sse_ends_total{reason=\"lag\"}"), over_tls;
    steady_slow_reader: steady,
        Attack::right("it gets past a large event").with(STALL).seen_in("sse_ends_total{reason=\"lag\"}");
    readers_that_send: senders,
        Attack::right("a stream's client can't send without end").seen_in("sse_ends_total{reason=\"client\"}"), over_tls;
    odd_positions: odd_positions,
        Attack::right("a position that is none is told of, in part").seen_in("sse_gaps_total{reason=\"unknown\"}");
}

alone! {
    age_of_http2_readers_without_window: no_window;
}

const STALL: &[(&str, &str)] = &[("SSE__STREAM__WRITE_STALL", "1s")];

const WINDOW: &[(&str, &str)] = &[("SSE__WINDOW__BYTES", "1048576"), ("SSE__LIMITS__PINNED_BYTES", "8388608")];

/// As large as an event may be.
const LARGE: usize = 260_000;

/// A connection that takes little into the system's buffers.
async fn narrow(stage: &Stage, request: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    socket.bind((ATTACKER, 0).into()).expect("an address");
    let mut socket = socket.connect(stage.hub.address()).await.expect("the hub listens");
    socket.write_all(request.as_bytes()).await.expect("the hub reads");
    socket
}

async fn narrow_readers(stage: &Stage, number: usize, topic: &str) -> Vec<TcpStream> {
    let before = stage.hub.metric("sse_subscribers").await;
    let mut readers = Vec::new();
    for _ in 0..number {
        readers.push(narrow(stage, &format!("GET /events?topic={topic} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await);
    }
    all_subscribed(stage, before + number as u64).await;
    readers
}

async fn all_subscribed(stage: &Stage, number: u64) {
    eventually("all streams are open", async || stage.hub.metric("sse_subscribers").await >= number).await;
}

async fn lag_ends(stage: &Stage) -> u64 {
    stage.hub.metric("sse_ends_total{reason=\"lag\"}").await
}

async fn stalled(stage: &Stage) {
    let (number, before) = (stage.size(200, 2_000), lag_ends(stage).await);
    let readers = narrow_readers(stage, number, "stalled").await;
    for _ in 0..20 {
        assert_eq!(stage.hub.publish("stalled", &[b'x'; LARGE]).await.status, 200);
    }
    let all = before + number as u64;
    eventually("those who take nothing are ended for lag", async || lag_ends(stage).await >= all).await;
    drop(readers);
}

async fn shared_piece(stage: &Stage) {
    let (number, before) = (stage.size(60, 1_000), lag_ends(stage).await);
    let readers = narrow_readers(stage, number, "shared").await;
    assert_eq!(stage.hub.publish("shared", &[b'x'; LARGE]).await.status, 200);
    let all = number as u64;
    eventually("all of them stall, or are cut off", async || {
        stage.hub.metric("sse_stalled_connections").await >= all || lag_ends(stage).await > before
    })
    .await;
    assert_eq!(lag_ends(stage).await, before, "one event of 260 KB that {number} share is more than 2 MiB");
    drop(readers);
}

async fn unfinished_body(stage: &Stage) {
    let (number, before) = (stage.size(400, 1_400), stage.hub.metric("sse_subscribers").await);
    let mut readers = Vec::new();
    for topic in 0..number {
        let head = format!("GET /events?topic=t{topic} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n");
        readers.push(narrow(stage, &head).await);
    }
    // a hub that refuses them has done enough
    eventually("they are open, or refused", async || {
        let mut buffer = [0; 12];
        let refused = matches!(readers[0].try_read(&mut buffer), Ok(12)) && !buffer.ends_with(b"200");
        refused || stage.hub.metric("sse_subscribers").await >= before + number as u64
    })
    .await;
    let held = stage.hub.metric("sse_subscribers").await > before;
    for topic in 0..number {
        assert_eq!(stage.hub.publish(&format!("t{topic}"), &[b'x'; LARGE]).await.status, 200);
    }
    if held {
        eventually("they are ended", async || stage.hub.metric("sse_subscribers").await <= before).await;
    }
}

async fn little_window(stage: &Stage) {
    // one subscriber less for each that is ended, whatever it is counted as
    let before = stage.hub.metric("sse_subscribers").await;
    let (connections, streams) = (stage.size(4, 80), stage.size(100, 250));
    let mut held = Vec::new();
    for number in 0..connections {
        // room for the opening, and not for an event
        let mut connection = Connection::open(stage.hub.address(), 400).await.expect("the hub listens");
        connection.get((0..streams).map(|stream| format!("/events?topic=t{}", number * streams + stream))).await;
        held.push(connection);
    }
    let seen = || held.iter().map(|connection| connection.seen().answered()).sum::<usize>();
    eventually("all streams are answered", async || seen() >= connections * streams).await;
    for topic in 0..stage.size(connections * streams, 2_000) {
        assert_eq!(stage.hub.publish(&format!("t{topic}"), &[b'x'; LARGE]).await.status, 200);
    }
    if stage.size == crate::stage::Size::Small {
        eventually("they are ended", async || stage.hub.metric("sse_subscribers").await <= before).await;
    }
    stage.settled().await;
}

/// Age holds for who takes nothing, whatever else would end it later. The bystanders would be ended for theirs as well.
async fn no_window(_: &TempDir) {
    let settings = [("MAX_AGE", "2s"), ("WRITE_STALL", "5m"), ("LAG_TIME", "1day")];
    let launch = settings
        .iter()
        .fold(Launch::default(), |launch, (key, value)| launch.set(&format!("SSE__STREAM__{key}"), *value));
    let hub = launch.start();
    let mut connection = Connection::open(hub.address(), 0).await.expect("the hub listens");
    connection.get((0..20).map(|number| format!("/events?topic=aged{number}"))).await;
    let ended = async || {
        let of = async |reason: &str| hub.metric(&format!("sse_ends_total{{reason=\"{reason}\"}}")).await;
        of("age").await + of("lag").await >= 20
    };
    eventually("those who take nothing are ended for their age", ended).await;
}

async fn steady(stage: &Stage) {
    let first = stage.hub.publish("steady", b"x").await.json()["id"].as_str().map(ToOwned::to_owned);
    let first = first.expect("an id");
    assert_eq!(stage.hub.publish("steady", &[b'x'; LARGE]).await.status, 200);
    let socket = TcpSocket::new_v4().expect("a socket");
    // as on a network, with a buffer that the system tells of in steps: of loopback's segments it takes far more at once
    socket2::SockRef::from(&socket).set_tcp_mss(1_448).expect("a segment's size");
    socket.set_recv_buffer_size(16 << 10).expect("a small buffer");
    let mut socket = socket.connect(stage.hub.address()).await.expect("the hub listens");
    let request = format!("GET /events?topic=steady&last_event_id={first} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("the hub reads");
    let (mut taken, mut pace) = (0, interval(Duration::from_millis(33)));
    let mut buffer = [0; 2_000];
    while taken < LARGE {
        pace.tick().await;
        match tokio::time::timeout(PATIENCE, socket.read(&mut buffer)).await.expect("something comes") {
            Ok(0) | Err(_) => break,
            Ok(number) => taken += number,
        }
    }
    assert!(taken >= LARGE, "who reads 60 KB a second was cut off after {taken} of {LARGE} bytes");
}

async fn senders(stage: &Stage) {
    let mut socket = connect(ATTACKER, stage.hub.address()).await.expect("the hub listens");
    let request = b"GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\n\r\n";
    socket.write_all(request).await.expect("the hub reads");
    let most = stage.size(64 << 20, 1 << 30);
    let (piece, mut sent) = (vec![b'x'; 64 << 10], 0);
    while sent < most {
        match socket.write(&piece).await {
            Ok(number) if number > 0 => sent += number,
            _ => break,
        }
    }
    assert!(sent < most, "a stream's client has sent {sent} bytes, and may go on");
}

async fn odd_positions(stage: &Stage) {
    let long = "9".repeat(5_000);
    for id in ["0", "zzzzzzzzzzzz-zzzzzzzzzzz", "%F0%9F%98%80", "ABC-1", "-", &long] {
        let mut socket = connect(ATTACKER, stage.hub.address()).await.expect("the hub listens");
        let request = format!("GET /events?topic=a&last_event_id={id} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        socket.write_all(request.as_bytes()).await.expect("the hub reads");
        let mut answer = Vec::new();
        while !String::from_utf8_lossy(&answer).contains("\n\n") {
            if matches!(socket.read_buf(&mut answer).await, Ok(0) | Err(_)) {
                break;
            }
        }
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.contains("event: sse-gap") && answer.contains("unknown"), "{id:.40}: {answer:.400}");
        assert!(answer.len() < 1_024, "{id:.40} is shown whole");
    }
}
