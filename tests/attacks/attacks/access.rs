//! Access: handshakes, and what is shown to a hub that lets nobody in without. Those beside the attacker have certificates.

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};

use crate::{
    eventually,
    http1::{ATTACKER, connect, exchange, request},
    http2::Connection,
    stage::{Attack, Stage},
};

only_over_tls! {
    half_handshakes: half_handshakes,
        Attack::right("they have their time, and others get in").with(&[("SSE__SERVER__HEADER_TIMEOUT", "2s")])
            .seen_in("sse_tls_handshake_failures_total");
    no_handshakes: no_handshakes,
        Attack::right("what is no TLS is dropped").seen_in("sse_tls_handshake_failures_total");
    forged_tokens: forged_tokens,
        Attack::right("none counts, and each is told why").with(&[("SSE__AUTH__MODE", "tokens")])
            .seen_in("sse_refusals_total{reason=\"unauthorized\"}");
    forged_json_web_tokens: forged_json_web_tokens,
        Attack::right("none counts, whatever it says of itself").with(&[("SSE__AUTH__MODE", "jwt")])
            .seen_in("sse_refusals_total{reason=\"unauthorized\"}");
    forged_tickets: forged_tickets,
        Attack::right("none counts").seen_in("sse_refusals_total{reason=\"unauthorized\"}");
    application_that_is_gone: application_that_is_gone,
        Attack::right("who must be asked about is told to come again, and costs nothing")
            .with(&[("SSE__AUTH__MODE", "ask"), ("SSE__AUTH__ASK__URL", "http://127.0.0.1:1/")])
            .seen_in("sse_auth_unavailable_total");
}

/// The beginning of a client's first message, which says that there is more.
const HALF_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

/// Opens connections to the hub itself, each with these bytes.
async fn raw(stage: &Stage, number: usize, bytes: &[u8]) -> Vec<TcpStream> {
    let mut all = Vec::new();
    for _ in 0..number {
        let Ok(mut socket) = connect(ATTACKER, stage.hub.own_address()).await else { break };
        let _ = socket.write_all(bytes).await;
        all.push(socket);
    }
    all
}

async fn half_handshakes(stage: &Stage) {
    let before = stage.hub.descriptors();
    let held = raw(stage, stage.size(1_000, 5_000), HALF_HELLO).await;
    stage.meanwhile(10).await;
    eventually("they are dropped", async || stage.hub.descriptors() <= before + 8).await;
    drop(held);
}

async fn no_handshakes(stage: &Stage) {
    let before = stage.hub.descriptors();
    for bytes in [&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], b"\x16\x03\x01\xff\xff", &[0xff; 70_000]] {
        let held = raw(stage, stage.size(200, 2_000), bytes).await;
        eventually("they are dropped", async || stage.hub.descriptors() <= before + 8).await;
        drop(held);
    }
}

/// Publishes and asks for streams with each of these values of `Authorization`, many times at once.
async fn shown(stage: &Stage, values: Vec<String>, right: &'static [u16]) {
    let (hub, values) = (stage.hub.address(), Arc::new(values));
    let rounds = stage.size(2, 200);
    let all = (0..16).map(|_| {
        let values = values.clone();
        tokio::spawn(async move {
            for _ in 0..rounds {
                for value in values.iter() {
                    for line in ["POST /publish/a", "GET /events?topic=a"] {
                        let sent = request(line, &[("Authorization", value)], b"");
                        let status = exchange(ATTACKER, hub, &sent).await.map(|answer| answer.status);
                        let is_right = status.as_ref().is_ok_and(|status| right.contains(status));
                        assert!(is_right, "{line} with {value:.60}: {status:?}");
                    }
                }
            }
        })
    });
    for one in all.collect::<Vec<_>>() {
        one.await.expect("nobody gets in");
    }
}

const REFUSED: &[u16] = &[400, 401, 431];

async fn forged_tokens(stage: &Stage) {
    let texts = ["Bearer x", "Bearer", "Basic YTpi", "bearer sse_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"];
    let long = format!("Bearer {}", "a".repeat(30_000));
    shown(stage, texts.into_iter().map(Into::into).chain([long]).collect(), REFUSED).await;
}

fn base64(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

async fn forged_json_web_tokens(stage: &Stage) {
    let claims = base64(r#"{"exp":99999999999,"publish":["**"],"subscribe":["**"]}"#);
    let token = |header: &str, signature: &str| format!("Bearer {}.{claims}.{signature}", base64(header));
    let key = "-----BEGIN PUBLIC KEY-----";
    let deep = format!(r#"{{"alg":"HS256","x":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    let values = vec![
        token(r#"{"alg":"none"}"#, ""),
        token(r#"{"alg":"None","typ":"JWT"}"#, "x"),
        token(r#"{"alg":"HS256"}"#, "x"),
        token(r#"{"alg":"HS256"}"#, &base64(&"s".repeat(32))),
        token(r#"{"alg":"RS256","jku":"http://127.0.0.1:1/"}"#, "x"),
        token(r#"{"alg":"HS256","kid":"../../etc/passwd"}"#, "x"),
        token(&format!(r#"{{"alg":"HS256","jwk":{key:?}}}"#), "x"),
        token(&deep, "x"),
        token(r#"{"alg":"HS256"}"#, &"A".repeat(30_000)),
        format!("Bearer {}", ".".repeat(1_000)),
        "Bearer ..".into(),
        "Bearer a.b.c".into(),
    ];
    shown(stage, values, REFUSED).await;
}

async fn forged_tickets(stage: &Stage) {
    let hub = stage.hub.address();
    for round in 0..stage.size(100, 3_000) {
        for ticket in ["x".to_owned(), format!("{round}.{}", "a".repeat(2_000)), "%00".into(), String::new()] {
            let sent = request(&format!("GET /events?topic=a&ticket={ticket}"), &[], b"");
            let status = exchange(ATTACKER, hub, &sent).await.map(|answer| answer.status);
            assert!(status.as_ref().is_ok_and(|status| REFUSED.contains(status)), "{ticket:.60}: {status:?}");
        }
    }
    // many streams of a connection, each with one
    let mut connection = Connection::open(hub, 400).await.expect("the hub listens");
    connection.get((0..100).map(|number| format!("/events?topic=a&ticket={number}"))).await;
    eventually("all are answered", async || connection.seen().heads + connection.seen().resets >= 100).await;
    assert_eq!(connection.seen().fine, 0);
}

async fn application_that_is_gone(stage: &Stage) {
    shown(stage, vec!["Bearer x".into(), "Basic YTpi".into()], &[503]).await;
    sleep(Duration::from_millis(100)).await; // and once more, when the circuit has been open for a while
    shown(stage, vec!["Bearer y".into()], &[503]).await;
}
