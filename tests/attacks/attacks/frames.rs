//! HTTP/2 below requests: resets, floods of frames, heads without an end.

use crate::{
    eventually,
    http2::{
        CONTINUATION, Connection, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS,
        WINDOW_UPDATE, block, frame,
    },
    stage::{Attack, Stage},
};

attacks! {
    rapid_resets: rapid_resets, Attack::right("nothing stays of them").seen_in("sse_connections"), over_tls;
    rapid_resets_of_publishes: publish_resets, Attack::right("nothing stays of them").seen_in("sse_connections");
    continuations: continuations, Attack::right("the connection is closed").seen_in("sse_connections");
    header_bomb: header_bomb, Attack::right("the connection is closed, or the requests refused")
        .seen_in("sse_connections");
    empty_data: empty_data, Attack::right("the connection is closed").seen_in("sse_connections");
    flood_of_settings: settings_flood, Attack::right("nobody waits, and nothing is kept").seen_in("sse_connections");
    flood_of_pings: ping_flood, Attack::right("nobody waits, and nothing is kept").seen_in("sse_connections"), over_tls;
    flood_of_priorities: priority_flood, Attack::right("nobody waits, and nothing is kept").seen_in("sse_connections");
    flood_of_windows: window_flood, Attack::right("nobody waits, and nothing is kept").seen_in("sse_connections");
    streams_beyond_all: many_streams, Attack::right("what is beyond the limit is refused").seen_in("sse_subscribers");
    odd_heads: odd_heads, Attack::right("each is refused").seen_in("sse_refusals_total");
}

async fn open(stage: &Stage) -> Connection {
    Connection::open(stage.hub.address(), 65_535).await.expect("the hub listens")
}

/// Sends frames until the hub closes, at most so many; false if it never does.
async fn closes(stage: &Stage, connection: &Connection, frames: &[u8], times: usize) -> bool {
    for _ in 0..times {
        if !connection.send(frames).await || connection.seen().goaway || connection.seen().closed {
            return true;
        }
    }
    stage.meanwhile(5).await;
    connection.seen().goaway || connection.seen().closed
}

async fn rapid_resets(stage: &Stage) {
    let path = |number: u32| format!("/events?topic=x{number}/*");
    resets(stage, |number| block("GET", &path(number), &[]), END_HEADERS | END_STREAM).await;
}

async fn publish_resets(stage: &Stage) {
    resets(stage, |_| block("POST", "/publish/a", &[]), END_HEADERS).await;
}

async fn resets(stage: &Stage, head: impl Fn(u32) -> Vec<u8>, flags: u8) {
    let gauges = ["sse_subscribers", "sse_groups"];
    let before = [stage.hub.metric(gauges[0]).await, stage.hub.metric(gauges[1]).await];
    for _ in 0..stage.size(5, 100) {
        let mut connection = open(stage).await;
        for _ in 0..20 {
            let mut bytes = Vec::new();
            for _ in 0..100 {
                let stream = connection.stream();
                bytes.extend(frame(HEADERS, flags, stream, &head(stream)));
                bytes.extend(frame(RST_STREAM, 0, stream, &8u32.to_be_bytes()));
            }
            if !connection.send(&bytes).await {
                break;
            }
        }
    }
    for (gauge, before) in gauges.iter().zip(before) {
        eventually(gauge, async || stage.hub.metric(gauge).await <= before).await;
    }
}

async fn continuations(stage: &Stage) {
    for payload in [&[][..], &[0; 16_000][..]] {
        let mut connection = open(stage).await;
        let stream = connection.stream();
        connection.send(&frame(HEADERS, 0, stream, &block("GET", "/live", &[]))).await;
        let more = frame(CONTINUATION, 0, stream, payload).repeat(20);
        assert!(closes(stage, &connection, &more, 1_000).await, "20,000 frames of {} bytes", payload.len());
    }
}

async fn header_bomb(stage: &Stage) {
    let mut connection = open(stage).await;
    let stream = connection.stream();
    // one field into the dynamic table, and then references to it
    let mut first = block("GET", "/live", &[]);
    first.extend_from_slice(&[0x40, 1, b'x', 0x7f, 0xa1, 0x1e]);
    first.resize(first.len() + 4_000, b'y');
    connection.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &first)).await;
    for _ in 0..stage.size(20, 500) {
        let stream = connection.stream();
        let mut bomb = block("GET", "/live", &[]);
        bomb.resize(bomb.len() + 12_000, 0xbe);
        if !connection.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &bomb)).await {
            break;
        }
    }
    stage.settled().await;
    assert!(connection.seen().fine <= 1, "requests of {} bytes of fields are answered", 12_000 * 4_000);
}

async fn empty_data(stage: &Stage) {
    let mut connection = open(stage).await;
    let stream = connection.post("/publish", "application/x-ndjson").await;
    let nothing = frame(DATA, 0, stream, &[]).repeat(1_000);
    assert!(closes(stage, &connection, &nothing, 1_000).await, "a million empty frames");
}

/// Floods over some connections, whose answers are read.
async fn flood(stage: &Stage, frames: &[u8]) {
    let many = frames.repeat(500);
    let mut connections = Vec::new();
    for _ in 0..4 {
        connections.push(open(stage).await);
    }
    for _ in 0..stage.size(20, 2_000) {
        for connection in &connections {
            connection.send(&many).await;
        }
    }
    stage.meanwhile(3).await;
}

async fn settings_flood(stage: &Stage) {
    flood(stage, &frame(SETTINGS, 0, 0, &[])).await;
}

async fn ping_flood(stage: &Stage) {
    flood(stage, &frame(PING, 0, 0, &[7; 8])).await;
}

async fn priority_flood(stage: &Stage) {
    flood(stage, &frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 7])).await;
}

async fn window_flood(stage: &Stage) {
    flood(stage, &frame(WINDOW_UPDATE, 0, 0, &1u32.to_be_bytes())).await;
}

async fn many_streams(stage: &Stage) {
    let before = stage.hub.metric("sse_subscribers").await;
    let mut connection = open(stage).await;
    connection.get((0..10_000).map(|number| format!("/events?topic=beyond{}", number % 10))).await;
    stage.settled().await;
    let open = stage.hub.metric("sse_subscribers").await - before;
    assert!(open <= 256, "{open} streams on one connection");
}

async fn odd_heads(stage: &Stage) {
    for (method, path) in [("CONNECT", ""), ("CONNECT", "/"), ("GET", "*"), ("GET", ""), ("GET", "x")] {
        let mut connection = open(stage).await;
        let stream = connection.stream();
        let head = block(method, path, &[]);
        connection.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &head)).await;
        eventually("it is answered", async || {
            let seen = connection.seen();
            seen.answered() > 0 || seen.goaway || seen.closed
        })
        .await;
        assert_eq!(connection.seen().fine, 0, "{method} {path:?}");
    }
}
