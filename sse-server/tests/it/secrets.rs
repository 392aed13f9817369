//! No secret is in anything that the hub says or writes, whatever is done with it.

use std::fs::File;

use sse_server::{NewToken, Selector, Tokens};
use sse_test_support::{address::for_later, process::Process};
use sse_testkit::{Response, TestClient, event};

use crate::{program, ways::Way};

/// All that a response says.
fn said(response: &Response) -> String {
    format!("{:?}\n{}\n", response.headers, response.text())
}

#[tokio::test]
async fn tokens_tickets_and_cookies_are_in_no_log_metric_refusal_or_page() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let all = || vec![Selector::new("**").unwrap()];
    let new = NewToken { subject: "s".into(), publish: all(), subscribe: all(), valid_for: None };
    let mut tokens = Tokens::default();
    let issued = tokens.issue(new, std::time::SystemTime::now()).unwrap();
    std::fs::write(path("tokens.toml"), tokens.to_toml().unwrap()).unwrap();

    let admin = for_later();
    let log = File::create(path("log")).unwrap();
    let mut command = program().command(&[
        ("SSE__TELEMETRY__LOG", "trace"),
        ("SSE__AUTH__MODE", "tokens"),
        ("SSE__AUTH__TOKENS", &path("tokens.toml")),
        ("SSE__AUTH__COOKIE", "session"),
        ("SSE__SERVER__ADMIN_LISTEN", &admin.to_string()),
    ]);
    command.args(["--listen", "127.0.0.1:0", "--store", "redb", "--data", &path("data")]).stderr(log);
    let mut process = Process::start(&mut command).unwrap();
    let client = TestClient::tcp(process.address());
    let bearer = format!("Bearer {}", issued.token);
    let mut all = String::new();

    let ask = || client.post("/tickets").header("authorization", &bearer).body(r#"{"topics":["a"]}"#);
    let response = ask().send().await;
    let ticket = response.json()["ticket"].as_str().unwrap().to_owned();
    let mut stream = client.get(&format!("/events?topic=a&ticket={ticket}")).connect().await;
    stream.expect_event(event("sse-cursor")).await;
    let (odd, made_up) = ("sse_f00dfeed0000_5ecre75ecre75ecre7", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.5ecre7");
    for (method, target, header) in [
        ("POST", "/publish/a".to_owned(), Some(("authorization", bearer.clone()))),
        ("POST", "/publish/a".to_owned(), Some(("cookie", format!("session={}", issued.token)))),
        ("POST", "/publish/a".to_owned(), Some(("cookie", format!("session={0}; session={0}", issued.token)))),
        ("POST", "/publish/a".to_owned(), Some(("authorization", format!("Bearer {odd}")))),
        ("POST", "/publish/a".to_owned(), Some(("authorization", format!("Basic {made_up}")))),
        ("GET", "/events?topic=a".to_owned(), Some(("authorization", format!("Bearer {made_up}")))),
        ("GET", "/events?topic=a".to_owned(), Some(("authorization", format!("{} x", issued.token)))),
        ("GET", format!("/events?topic=a&ticket={ticket}"), None),
        ("GET", format!("/events?topic=a&ticket={ticket}&ticket={ticket}"), None),
        ("GET", format!("/events?topic=b&ticket={ticket}"), None),
        ("GET", format!("/events?topic=a&ticket={ticket}%"), None),
        ("GET", format!("/events?topic=a&ticket={}x", &ticket[..ticket.len() - 9]), None),
        ("GET", format!("/events?ticket={ticket}"), None),
        ("POST", format!("/publish/a?ticket={ticket}"), Some(("authorization", bearer.clone()))),
        ("GET", format!("/nowhere?ticket={ticket}"), None),
        ("POST", "/streams/0000000000000000/token".to_owned(), Some(("authorization", bearer.clone()))),
        ("GET", "/".to_owned(), Some(("cookie", format!("session={}", issued.token)))),
    ] {
        let mut request = client.request(method.parse().unwrap(), &target);
        if let Some((name, value)) = &header {
            request = request.header(name, value);
        }
        all.push_str(&said(&request.body("x").send().await));
    }
    // the library for HTTP/2 has much to say
    let over_http2 = Way::HTTP2.client(process.address()).await;
    let request = over_http2.post("/publish/a").header("authorization", &bearer).header("cookie", &issued.token);
    all.push_str(&said(&request.body("x").send().await));
    all.push_str(&said(&over_http2.get(&format!("/events?topic=b&ticket={ticket}")).send().await));
    let operator = TestClient::tcp(admin);
    for path in ["/metrics", "/streams", "/topics"] {
        all.push_str(&said(&operator.get(path).send().await));
    }
    all.push_str(&String::from_utf8_lossy(&stream.raw()));
    drop((stream, client, over_http2, operator));
    #[cfg(unix)]
    {
        process.signal("TERM");
        process.wait();
    }
    process.kill();
    let log = std::fs::read_to_string(path("log")).unwrap();
    assert!(log.contains("refused") && log.contains("TRACE"), "everything is logged: {log}");
    all.push_str(&log);

    let secret = issued.token.rsplit('_').next().unwrap();
    let (payload, signature) = ticket.rsplit_once('.').unwrap();
    for secret in [secret, "5ecre7", signature, &payload[payload.len() - 20..]] {
        let at = all.find(secret).map(|at| &all[at.saturating_sub(200)..at]);
        assert_eq!(at, None, "{secret}");
    }
}
