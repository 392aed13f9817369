//! Event streams that are poured in: without an end, cut off, of what is no text, for more topics than there is room for.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    http1::{ATTACKER, Answer, connect, exchange},
    stage::{Attack, Stage},
};

attacks! {
    endless_pour: endless,
        Attack::right("a stream without an end takes no memory").seen_in("sse_published_total");
    pour_of_one_endless_event: one_event,
        Attack::right("an event that never becomes whole is refused, and it is said how many were published")
            .seen_in("sse_refusals_total{reason=\"too_large\"}");
    pour_of_empty_lines: empty_lines,
        Attack::right("lines that are no events cost no more than bytes").seen_in("sse_published_total");
    pour_of_noise: noise,
        Attack::right("what is no event stream is refused, or no event of it is").seen_in("sse_refusals_total");
    pour_cut_anywhere: cut,
        Attack::right("what was complete is published, and the topic has not ended").seen_in("sse_published_total"), over_tls;
}

fn head(topic: &str, more: &str) -> String {
    format!(
        "POST /publish/{topic}?end HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/event-stream\r\n{more}\
         Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

async fn pour(stage: &Stage, topic: &str, body: &[u8]) -> Answer {
    let bytes = [head(topic, "").as_bytes(), &chunk(body), b"0\r\n\r\n"].concat();
    exchange(ATTACKER, stage.hub.address(), &bytes).await.expect("an answer")
}

async fn endless(stage: &Stage) {
    let mut socket = connect(ATTACKER, stage.hub.address()).await.expect("the hub listens");
    socket.write_all(head("flood", "").as_bytes()).await.expect("the hub reads");
    let piece = chunk(&format!("data: {}\n\n", "x".repeat(1_000)).into_bytes().repeat(64));
    // a gigabyte, at full size
    for _ in 0..stage.size(100, 16_000) {
        socket.write_all(&piece).await.expect("the hub reads on");
    }
    stage.meanwhile(5).await;
}

async fn one_event(stage: &Stage) {
    let mut socket = connect(ATTACKER, stage.hub.address()).await.expect("the hub listens");
    let begun = [head("one", "").as_bytes(), &chunk(b"data: whole\n\ndata: ")].concat();
    socket.write_all(&begun).await.expect("the hub reads");
    let piece = chunk(&vec![b'x'; 1 << 20]);
    for _ in 0..stage.size(8, 1_024) {
        if socket.write_all(&piece).await.is_err() {
            break; // it has had enough
        }
    }
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer);
    // the answer may be lost behind what was still being sent
    assert!(text.is_empty() || text.contains("413") && text.contains(r#""published":1"#), "{text}");
    assert_eq!(stage.hub.ask_beside("GET /topics/one", &[], b"").await.json()["events"], 1);
}

async fn empty_lines(stage: &Stage) {
    let lines = stage.size(2 << 20, 64 << 20);
    let cost = async |bytes: Vec<u8>| stage.cost(pour(stage, &format!("lines-{}", bytes[0]), &bytes)).await;
    let letters = cost([b":".as_slice(), &vec![b'x'; lines], b"\n"].concat()).await;
    let empty = cost(vec![b'\n'; lines]).await;
    assert!(empty < letters * 20, "empty lines took {empty:?} of the processor, a long one {letters:?}");
}

async fn noise(stage: &Stage) {
    for (topic, body, status) in [
        ("zip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03data: \xff\xfe\n\n".as_slice(), 200),
        ("invalid", b"data: 1\n\ndata: \xff\n\n", 400),
        ("name", b"event: sse-gap\ndata: 1\n\n", 400),
        ("nothing", b"", 200),
    ] {
        let answer = pour(stage, topic, body).await;
        assert_eq!(answer.status, status, "{topic}: {}", answer.text());
    }
    let encoded = head("encoded", "Content-Encoding: gzip\r\n");
    let bytes = [encoded.as_bytes(), &chunk(b"x"), b"0\r\n\r\n"].concat();
    assert_eq!(exchange(ATTACKER, stage.hub.address(), &bytes).await.expect("an answer").status, 415);
}

async fn cut(stage: &Stage) {
    let body = chunk("data: é\r\n\r\nevent: n\ndata: 2\n\n".as_bytes());
    for end in 0..body.len() {
        let topic = format!("cut-{end}");
        let mut socket = connect(ATTACKER, stage.hub.address()).await.expect("the hub listens");
        let bytes = [head(&topic, "").as_bytes(), &body[..end]].concat();
        let _ = socket.write_all(&bytes).await;
        let _ = socket.shutdown().await;
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
        drop(socket);
        let status = stage.hub.ask_beside(&format!("POST /publish/{topic}"), &[], b"it goes on").await.status;
        assert_eq!(status, 200, "cut at {end}, it has not ended");
    }
}
