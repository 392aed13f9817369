//! Answers that are no streams: taken by nobody, taken slowly, and what is in their heads.

use std::fmt::Write;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
};

use crate::{
    http1::ATTACKER,
    http2::Connection,
    stage::{Attack, Stage},
};

attacks! {
    answers_not_taken_over_http2: not_taken,
        Attack::right("what waits to be taken is bounded").seen_in("sse_pinned_bytes"), over_tls;
    answers_taken_slowly: taken_slowly,
        Attack::right("what waits to be taken is bounded").seen_in("sse_pinned_bytes");
    answers_pipelined_and_not_read: pipelined,
        Attack::right("the hub waits").seen_in("sse_connections");
    head_of_each_answer: heads,
        Attack::right("no answer is taken for something else than it is").seen_in("sse_refusals_total");
    script_of_the_page: page,
        Attack::right("only the page's own script runs there").seen_in("sse_connections");
}

/// A page of topics of some 600 KB.
async fn long_page(stage: &Stage) {
    let lines = (0..1_000).fold(String::new(), |mut lines, number| {
        let _ = writeln!(lines, r#"{{"topic":"{number:04}{}","data":""}}"#, "\\\"".repeat(252));
        lines
    });
    assert_eq!(stage.hub.publish_lines(lines.as_bytes()).await.status, 200);
}

async fn not_taken(stage: &Stage) {
    long_page(stage).await;
    let mut held = Vec::new();
    for _ in 0..stage.size(2, 10) {
        let mut connection = Connection::open(stage.hub.address(), 0).await.expect("the hub listens");
        connection.get(vec!["/topics?limit=1000".to_owned(); 128]).await;
        held.push(connection);
    }
    stage.settled().await;
}

async fn taken_slowly(stage: &Stage) {
    long_page(stage).await;
    let mut held = Vec::new();
    for _ in 0..stage.size(200, 1_500) {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("a small buffer");
        socket.bind((ATTACKER, 0).into()).expect("an address");
        let mut socket = socket.connect(stage.hub.address()).await.expect("the hub listens");
        socket.write_all(b"GET /topics?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("it reads");
        let mut begun = [0; 1_024];
        let _ = socket.read(&mut begun).await;
        held.push(socket);
    }
    stage.settled().await;
}

async fn pipelined(stage: &Stage) {
    long_page(stage).await;
    let requests = b"GET /topics?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(400);
    let mut held = Vec::new();
    for _ in 0..stage.size(20, 200) {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("a small buffer");
        let mut socket = socket.connect(stage.hub.address()).await.expect("the hub listens");
        socket.write_all(&requests).await.expect("the system takes them");
        held.push(socket);
    }
    stage.settled().await;
}

async fn heads(stage: &Stage) {
    stage.hub.publish("a", b"x").await;
    let mut faults = Vec::new();
    for line in ["GET /", "GET /topics", "GET /topics/a", "GET /metrics", "GET /live", "GET /nowhere", "GET /events"] {
        let answer = stage.hub.ask(line, &[], b"").await;
        if answer.header("x-content-type-options") != Some("nosniff") {
            faults.push(format!("{line}: its type may be guessed"));
        }
    }
    let publish = stage.hub.publish("a", b"x").await;
    if publish.header("x-content-type-options") != Some("nosniff") {
        faults.push("a publish: its type may be guessed".to_owned());
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

async fn page(stage: &Stage) {
    let page = stage.hub.ask("GET /", &[], b"").await;
    let policy = page.header("content-security-policy").expect("the page has a policy");
    let of = |name: &str| policy.split(';').find_map(|part| part.trim().strip_prefix(name)).unwrap_or_default();
    assert!(!of("script-src ").contains("unsafe-inline"), "{policy}");
    assert!(of("script-src ").contains("'sha"), "{policy}");
    assert!(of("frame-ancestors ").contains("'none'"), "{policy}");
}
