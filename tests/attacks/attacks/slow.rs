//! Connections that do nothing, or nearly nothing: silent ones, half heads, idle ones, and one client that has them all.

use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    MB, eventually,
    http1::{ATTACKER, OTHER, connect, exchange},
    http2::{Connection, PREFACE, SETTINGS, frame},
    stage::{Attack, Stage},
};

attacks! {
    silent_connections: silent,
        Attack::right("they are closed, and their descriptors are free").with(HEAD).seen_in("sse_connections");
    half_heads: half_heads,
        Attack::right("they are closed, and their memory comes back").with(HEAD).megabytes(160)
            .seen_in("sse_connections"), over_tls;
    half_a_preface: half_a_preface,
        Attack::right("they are closed").with(HEAD).seen_in("sse_connections");
    preface_in_two: preface_in_two,
        Attack::right("a preface may come in two pieces, wherever it is cut").seen_in("sse_connections");
    idle_http2_takes_all: idle_http2,
        Attack::right("one address does not take all connections").scaled(&[("SSE__LIMITS__CONNECTIONS", "1000")])
            .seen_in("sse_connections");
    streams_take_all: streams_take_all,
        Attack::right("others publish, and get a stream").scaled(&[("SSE__LIMITS__CONNECTIONS", "1000")])
            .seen_in("sse_refusals_total{reason=\"full\"}");
    comers_and_goers: churn,
        Attack::right("nothing stays of those who leave").seen_in("sse_ends_total"), over_tls;
    resets: resets,
        Attack::right("nothing stays of those who break off").seen_in("sse_ends_total");
}

const HEAD: &[(&str, &str)] = &[("SSE__SERVER__HEADER_TIMEOUT", "1s"), ("SSE__SERVER__IDLE_TIMEOUT", "1s")];

async fn sockets(stage: &Stage, number: usize, bytes: &[u8]) -> Vec<TcpStream> {
    let mut all = Vec::new();
    for _ in 0..number {
        let Ok(mut socket) = connect(ATTACKER, stage.hub.address()).await else { break };
        let _ = socket.write_all(bytes).await;
        all.push(socket);
    }
    all
}

/// Waits until the hub has no more descriptors than it had.
async fn closed(stage: &Stage, before: usize) {
    eventually("their descriptors are free", async || stage.hub.descriptors() <= before + 8).await;
}

async fn silent(stage: &Stage) {
    let before = stage.hub.descriptors();
    let held = sockets(stage, stage.size(1_000, 15_000), b"").await;
    closed(stage, before).await;
    drop(held);
}

async fn half_heads(stage: &Stage) {
    let (before, resident) = (stage.hub.descriptors(), stage.hub.resident());
    let head = format!("GET /live HTTP/1.1\r\nHost: localhost\r\nX: {}", "y".repeat(60_000));
    let held = sockets(stage, stage.size(1_000, 8_000), head.as_bytes()).await;
    closed(stage, before).await;
    drop(held);
    let bound = resident + 48 * MB;
    eventually("their memory comes back", async || stage.hub.resident() <= bound).await;
}

async fn half_a_preface(stage: &Stage) {
    let before = stage.hub.descriptors();
    let held = sockets(stage, stage.size(200, 5_000), &PREFACE[..10]).await;
    closed(stage, before).await;
    drop(held);
}

async fn preface_in_two(stage: &Stage) {
    let rest = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    let mut refused = Vec::new();
    for cut in 1..PREFACE.len() {
        let mut socket = connect(ATTACKER, stage.hub.address()).await.expect("the hub listens");
        socket.write_all(&rest[..cut]).await.expect("the hub reads");
        // so that the hub sees two pieces
        stage.meanwhile(1).await;
        let _ = socket.write_all(&rest[cut..]).await;
        let mut answer = [0; 9];
        let read = tokio::io::AsyncReadExt::read_exact(&mut socket, &mut answer).await;
        if read.is_err() || answer[3] != SETTINGS {
            refused.push(cut);
        }
    }
    assert!(refused.is_empty(), "a preface cut after {refused:?} bytes is no preface to the hub");
}

/// Opens a stream from another address, and says how its answer begins.
async fn newcomer(stage: &Stage, topic: &str) -> String {
    let mut socket = connect(OTHER, stage.hub.address()).await.expect("the hub listens");
    let request = format!("GET /events?topic={topic} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("the hub reads");
    let mut answer = Vec::new();
    let whole = |answer: &[u8]| String::from_utf8_lossy(answer).contains("\n\n");
    while !whole(&answer) {
        if matches!(tokio::io::AsyncReadExt::read_buf(&mut socket, &mut answer).await, Ok(0) | Err(_)) {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

async fn idle_http2(stage: &Stage) {
    let mut held = Vec::new();
    for _ in 0..stage.size(1_100, 15_000) {
        held.push(Connection::open(stage.hub.address(), 65_535).await.ok());
    }
    stage.settled().await;
    let answer = newcomer(stage, "newcomer").await;
    assert!(answer.contains("sse-cursor"), "a newcomer from another address got {answer:?}");
}

async fn streams_take_all(stage: &Stage) {
    let request = b"GET /events?topic=taken HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let held = sockets(stage, stage.size(1_100, 15_000), request).await;
    stage.settled().await;
    let answer = newcomer(stage, "newcomer").await;
    assert!(answer.contains("sse-cursor"), "a newcomer from another address got {answer:?}");
    drop(held);
}

async fn churn(stage: &Stage) {
    come_and_go(stage, |_| {}).await;
}

async fn resets(stage: &Stage) {
    come_and_go(stage, |socket| {
        let _ = socket2::SockRef::from(socket).set_linger(Some(std::time::Duration::ZERO));
    })
    .await;
}

/// Streams with patterns of their own come and go; afterwards there are as many descriptors, subscribers, groups and
/// nodes of patterns as before.
async fn come_and_go(stage: &Stage, before_it_leaves: impl Fn(&TcpStream)) {
    let gauges = ["sse_subscribers", "sse_groups", "sse_pattern_nodes"];
    let mut before = Vec::new();
    for gauge in gauges {
        before.push(stage.hub.metric(gauge).await);
    }
    let descriptors = stage.hub.descriptors();
    for number in 0..stage.size(2_000, 200_000) {
        let Ok(mut socket) = connect(ATTACKER, stage.hub.address()).await else { continue };
        let request = format!("GET /events?topic=x{number}/*/y{number}/** HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let _ = socket.write_all(request.as_bytes()).await;
        if number % 2 == 0 {
            let _ = tokio::io::AsyncReadExt::read(&mut socket, &mut [0; 256]).await;
        }
        before_it_leaves(&socket);
    }
    closed(stage, descriptors).await;
    for (gauge, before) in gauges.iter().zip(before) {
        eventually(gauge, async || stage.hub.metric(gauge).await <= before).await;
    }
    let live = exchange(OTHER, stage.hub.address(), b"GET /live HTTP/1.0\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(live.expect("an answer").status, 200);
}
