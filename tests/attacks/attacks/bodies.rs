//! Bodies: in small pieces, without an end, cut off, repeated.

use futures_util::future::join_all;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    MB, eventually,
    http1::{ATTACKER, connect, exchange, first_status},
    http2::Connection,
    stage::{Attack, Stage},
};

attacks! {
    white_space_in_pieces_as_text: spaces_as_text,
        Attack::right("white space costs no more than letters").seen_in("sse_published_total");
    white_space_in_pieces_as_json: spaces_as_json,
        Attack::right("white space costs no more than letters").seen_in("sse_published_total"), over_tls;
    half_lines: half_lines,
        Attack::right("lines that are not whole are counted, and small publishes keep their room")
            .scaled(IN_FLIGHT).megabytes(72).seen_in("sse_refusals_total{reason=\"full\"}"), over_tls;
    half_lines_over_http2: half_lines_over_http2,
        Attack::right("lines that are not whole are counted, and small publishes keep their room")
            .scaled(IN_FLIGHT).megabytes(72).seen_in("sse_refusals_total{reason=\"full\"}");
    half_arrays: half_arrays,
        Attack::right("small publishes keep their room").scaled(IN_FLIGHT).megabytes(64)
            .seen_in("sse_refusals_total{reason=\"full\"}");
    endless_lines: endless_lines,
        Attack::right("a body without an end takes no memory").seen_in("sse_published_total");
    endless_text: endless_text,
        Attack::right("too much is refused before it is there").seen_in("sse_refusals_total{reason=\"too_large\"}");
    smuggled_request: smuggled,
        Attack::right("what follows a body of two lengths is never a request").seen_in("sse_connections");
    pipelined_behind_a_stream: behind_a_stream,
        Attack::right("what follows the request of a stream is dropped").seen_in("sse_published_total");
    half_closed_publishers: half_closed,
        Attack::right("who ends its side after the request is answered").on_disk().seen_in("sse_published_total");
    long_keyed_upload_twice: keyed_upload,
        Attack::right("a repeated upload publishes nothing twice").with(&[("SSE__PUBLISH__KEYS", "1000")])
            .seen_in("sse_duplicates_total");
    many_keys: many_keys,
        Attack::right("keys that went before their time are counted").with(&[("SSE__PUBLISH__KEYS", "100")])
            .seen_in("sse_keys");
    loud_publisher: loud,
        Attack::right("the readers of another topic keep their place").with(&[("SSE__STORE__KIND", "memory")])
            .scaled(&[("SSE__WINDOW__EVENTS", "2000")]).seen_in("sse_published_total");
}

/// What is counted is held, and on each of some hundred connections what the HTTP library reads at once.
const IN_FLIGHT: &[(&str, &str)] = &[("SSE__PUBLISH__MAX_BYTES_IN_FLIGHT", "16777216")];

/// What is sent of a line or an event that never becomes whole: just below the most that is allowed.
const BEGUN: usize = 262_000;

const LINES_HEAD: &str = "POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n\
    Content-Length: 999999999\r\n\r\n";

/// A body in chunks of one byte.
fn in_pieces(head: &str, body: &[u8]) -> Vec<u8> {
    let chunks = body.iter().flat_map(|byte| [b'1', b'\r', b'\n', *byte, b'\r', b'\n']);
    let head = format!("{head}\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
    head.into_bytes().into_iter().chain(chunks).chain(*b"0\r\n\r\n").collect()
}

/// Two bodies of the same pieces, one of white space: neither may cost more than three times what the other does.
async fn as_dear_as(stage: &Stage, letters: Vec<u8>, spaces: Vec<u8>) {
    let send = async |bytes: &[u8]| stage.cost(exchange(ATTACKER, stage.hub.address(), bytes)).await;
    send(&letters).await;
    let (letters, spaces) = (send(&letters).await, send(&spaces).await);
    assert!(spaces < letters * 3, "white space took {spaces:?} of the processor, letters {letters:?}");
}

async fn spaces_as_text(stage: &Stage) {
    let pieces = stage.size(160_000, 262_000);
    let of = |byte: u8| in_pieces("POST /publish/t HTTP/1.1", &vec![byte; pieces]);
    as_dear_as(stage, of(b'x'), of(b' ')).await;
}

async fn spaces_as_json(stage: &Stage) {
    let pieces = stage.size(160_000, 262_000);
    let head = "POST /publish HTTP/1.1\r\nContent-Type: application/json";
    let of = |before: Vec<u8>, text: Vec<u8>| {
        let body = [&before, br#"{"topic":"t","data":""#.as_slice(), &text, br#""}"#].concat();
        in_pieces(head, &body)
    };
    as_dear_as(stage, of(Vec::new(), vec![b'x'; pieces]), of(vec![b' '; pieces], Vec::new())).await;
}

/// Connections that have sent this much and then nothing. Those that the hub refuses meanwhile are among them.
async fn begun(stage: &Stage, number: usize, bytes: &[u8]) -> Vec<TcpStream> {
    let mut all = Vec::new();
    for _ in 0..number {
        let mut socket = connect(ATTACKER, stage.hub.address()).await.expect("the hub listens");
        let _ = socket.write_all(bytes).await;
        all.push(socket);
    }
    all
}

async fn half_lines(stage: &Stage) {
    let mut bytes = format!("{LINES_HEAD}{{\"topic\":\"a\",\"data\":\"").into_bytes();
    bytes.resize(bytes.len() + BEGUN, b'x');
    let held = begun(stage, stage.size(400, 3_000), &bytes).await;
    // what they have left of the room
    bytes.truncate(bytes.len() - BEGUN + 200);
    let rest = begun(stage, stage.size(400, 1_500), &bytes).await;
    stage.settled().await;
    drop((held, rest));
}

async fn half_lines_over_http2(stage: &Stage) {
    let mut connections = Vec::new();
    for _ in 0..stage.size(2, 20) {
        let mut connection = Connection::open(stage.hub.address(), 1 << 30).await.expect("the hub listens");
        for _ in 0..200 {
            let stream = connection.post("/publish", "application/x-ndjson").await;
            let mut line = br#"{"topic":"a","data":""#.to_vec();
            line.resize(BEGUN, b'x');
            if !connection.body(stream, &line).await {
                break;
            }
        }
        connections.push(connection);
    }
    stage.settled().await;
}

async fn half_arrays(stage: &Stage) {
    let mut left = stage.size(16 << 20, 256 << 20) - 40;
    let mut held = Vec::new();
    while left > 0 {
        let part = left.min(15_790_000);
        left -= part;
        let head = "POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
            Content-Length: 16777216\r\n\r\n[";
        let mut bytes = head.as_bytes().to_vec();
        bytes.resize(bytes.len() + part - 1, b'1');
        held.extend(begun(stage, 1, &bytes).await);
    }
    stage.settled().await;
    assert_eq!(stage.hub.ask_beside("POST /publish/a", &[], &[b'x'; 1_000]).await.status, 200);
}

async fn endless_lines(stage: &Stage) {
    let lines = br#"{"topic":"flood","data":1}"#.iter().chain(b"\n").copied().collect::<Vec<_>>().repeat(2_000);
    let mut socket = connect(ATTACKER, stage.hub.address()).await.expect("the hub listens");
    let head = LINES_HEAD.replace("999999999", "999999999999");
    let _ = socket.write_all(head.as_bytes()).await;
    for _ in 0..stage.size(20, 2_000) {
        socket.write_all(&lines).await.expect("the hub reads on");
    }
    stage.meanwhile(5).await;
}

async fn endless_text(stage: &Stage) {
    let piece = [b"100000\r\n".as_slice(), &vec![b'x'; 1 << 20], b"\r\n"].concat();
    for (path, kind) in [("/publish/t", "text/plain"), ("/publish", "application/json"), ("/live", "text/plain")] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        let bytes = [head.as_bytes(), &piece.repeat(stage.size(32, 256))].concat();
        let status = first_status(stage.hub.address(), &bytes).await;
        assert!(matches!(status, Some(405 | 413)), "{path}: {status:?}");
    }
}

async fn smuggled(stage: &Stage) {
    let smuggled = "POST /publish/smuggled HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx";
    let body = format!("1\r\nx\r\n0\r\n\r\n{smuggled}");
    let head = format!(
        "POST /publish/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        body.len()
    );
    let answer = exchange(ATTACKER, stage.hub.address(), format!("{head}{body}").as_bytes()).await;
    assert!(matches!(answer.expect("an answer").status, 200 | 400));
    nothing_in(stage, "smuggled").await;
}

async fn behind_a_stream(stage: &Stage) {
    let before = stage.hub.metric("sse_subscribers").await;
    let behind = "POST /publish/behind HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx";
    let bytes = format!("GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\n\r\n{behind}");
    let held = begun(stage, 1, bytes.as_bytes()).await;
    eventually("the stream opens", async || stage.hub.metric("sse_subscribers").await > before).await;
    stage.meanwhile(5).await;
    nothing_in(stage, "behind").await;
    drop(held);
}

/// Nothing was published to this topic.
async fn nothing_in(stage: &Stage, topic: &str) {
    let answer = stage.hub.ask_beside(&format!("GET /topics/{topic}"), &[], b"").await;
    let events = if answer.status == 200 { answer.json()["events"].as_u64() } else { Some(0) };
    assert_eq!(events, Some(0), "{topic}: {}", answer.text());
}

async fn half_closed(stage: &Stage) {
    for number in 0..20 {
        let mut socket = connect(ATTACKER, stage.hub.address()).await.expect("the hub listens");
        let publish = "POST /publish/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx";
        socket.write_all(publish.as_bytes()).await.expect("the hub reads");
        socket.shutdown().await.expect("one side can be ended");
        let mut answer = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut socket, &mut answer).await;
        assert!(answer.starts_with(b"HTTP/1.1 200"), "publish {number} came to {:?}", String::from_utf8_lossy(&answer));
    }
}

async fn keyed_upload(stage: &Stage) {
    let lines: String = (0..1_500).map(|number| format!("{{\"topic\":\"a\",\"data\":{number}}}\n")).collect();
    let headers = [("Content-Type", "application/x-ndjson"), ("Idempotency-Key", "upload")];
    for _ in 0..2 {
        let answer = stage.hub.ask("POST /publish", &headers, lines.as_bytes()).await;
        assert!(matches!(answer.status, 200 | 413), "{}: {}", answer.status, answer.text());
    }
    let topic = stage.hub.ask_beside("GET /topics/a", &[], b"").await;
    let events = if topic.status == 200 { topic.json()["events"].as_u64() } else { Some(0) };
    assert!(events <= Some(1_500), "of 1,500 lines, sent twice, there are {events:?} events");
}

async fn many_keys(stage: &Stage) {
    for number in 0..300 {
        let key = format!("key-{number}");
        let answer = stage.hub.ask("POST /publish/a", &[("Idempotency-Key", &key)], b"x").await;
        assert_eq!(answer.status, 200);
    }
    let metrics = stage.hub.ask_beside("GET /metrics", &[], b"").await;
    let text = metrics.text();
    let counter = text.lines().find(|line| line.starts_with("sse_keys_") && line.contains("_total"));
    let count = counter.and_then(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
    assert!(count >= Some(200), "300 keys where 100 are remembered: {counter:?}");
}

async fn loud(stage: &Stage) {
    let lines = b"{\"topic\":\"loud\",\"data\":1}\n".repeat(stage.size(40_000, 500_000));
    let answers = join_all((0..4).map(|_| stage.hub.publish_lines(&lines))).await;
    for answer in answers {
        assert!(matches!(answer.status, 200 | 429 | 503), "{}: {}", answer.status, answer.text());
    }
    assert!(stage.hub.resident() < 512 * MB);
}
