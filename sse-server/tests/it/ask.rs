//! An application that is asked who may do what.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use sse_server::{AuthMode, Config, Hub, HubService, RouteSet};
use sse_test_support::blocks::checked;
use sse_testkit::{TestClient, event};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    program,
    support::{metric, problem},
};

/// What an application answers: a status and a body; `None` is nothing at all.
pub(crate) type Answer = Option<(u16, String)>;

/// An application that answers each question by its head, and remembers the heads.
#[derive(Clone)]
pub(crate) struct Application {
    pub(crate) url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Application {
    pub(crate) async fn start(answer: impl Fn(&str) -> Answer + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/access?from=hub", listener.local_addr().unwrap());
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let own = Self { url, heads: heads.clone() };
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(converse(socket, answer.clone(), heads.clone()));
            }
        });
        own
    }

    pub(crate) fn questions(&self) -> usize {
        self.heads.lock().unwrap().len()
    }

    pub(crate) fn last(&self) -> String {
        self.heads.lock().unwrap().last().unwrap().clone()
    }

    fn hub(&self, set: impl FnOnce(&mut Config)) -> TestClient {
        let mut config = Config::in_memory();
        (config.auth.mode, config.ask.url) = (AuthMode::Ask, Some(self.url.clone()));
        set(&mut config);
        checked(&TestClient::new(HubService::new(Hub::new(config).unwrap(), RouteSet::Public)))
    }
}

async fn converse(mut socket: TcpStream, answer: impl Fn(&str) -> Answer, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    heads.lock().unwrap().push(head.clone());
    match answer(&head) {
        Some((status, body)) => {
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            let _ = socket.write_all(answer.as_bytes()).await;
        }
        None => {
            let _ = socket.read_u8().await; // until the hub gives up
        }
    }
}

/// Grants by the cookie `session`, or by basic authentication, as a usual web application does.
fn by_session(head: &str) -> Answer {
    if head.contains("session=seven") {
        let grant = r#"{"subject":"7","subscribe":["users/7/**","a b"],"publish":["users/7/x"],"ttl":600}"#;
        return Some((200, grant.to_owned()));
    }
    if head.contains("authorization: Basic c2VydmVyOg==") {
        return Some((200, r#"{"subject":"server","publish":["**"]}"#.to_owned()));
    }
    Some((401, String::new()))
}

#[tokio::test]
async fn what_the_application_grants_may_be_done() {
    let application = Application::start(by_session).await;
    let client = application.hub(|config| config.auth.anonymous = vec!["public".into()]);
    let cookie = ("cookie", "theme=dark; session=seven");
    let get = |query: &str| client.get(&format!("/events?{query}")).header(cookie.0, cookie.1);
    let mut stream = get("topic=users/7/x&topic=a%20b").connect().await;
    stream.expect_event(event("sse-cursor")).await;
    let head = application.last();
    assert!(
        head.starts_with("GET /access?from=hub&action=subscribe&topic=a%20b&topic=users%2F7%2Fx HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(head.contains("cookie: theme=dark; session=seven\r\n") && head.contains("accept: application/json\r\n"));
    assert_eq!(get("topic=users/8").send().await.status, 403);

    let post = |path: &str| client.post(path).header(cookie.0, cookie.1).header("host", "localhost");
    assert_eq!(post("/publish/users/7/x").body("x").send().await.status, 403, "any page could have sent it");
    let own = || ("origin", "http://localhost");
    assert_eq!(post("/publish/users/7/x").header(own().0, own().1).body("mine").send().await.status, 200);
    assert!(application.last().contains("action=publish&topic=users%2F7%2Fx "), "{}", application.last());
    assert_eq!(post("/publish/users/7/y").header(own().0, own().1).body("x").send().await.status, 403);
    let server = client.post("/publish/users/7/x").header("authorization", "Basic c2VydmVyOg==");
    assert_eq!(server.body("the server's").send().await.status, 200);
    stream.expect_event("mine").await;
    stream.expect_event("the server's").await;

    let stranger = client.get("/events?topic=users/7/x").header("cookie", "session=eight").send().await;
    assert_eq!(problem(&stranger).0, 401);
    let odd = client.post("/publish/users/7/x").header("authorization", "Bearer x").body("x").send().await;
    assert_eq!(problem(&odd), (401, "the application knows nobody by what was sent".to_owned()));
    let public = client.get("/events?topic=public").header("cookie", "theme=dark");
    public.connect().await.expect_event(event("sse-cursor")).await; // which most have, signed in or not
    let before = application.questions();
    client.get("/events?topic=public").connect().await.expect_event(event("sse-cursor")).await;
    assert_eq!(client.get("/events?topic=users/7/x").send().await.status, 401);
    assert_eq!(application.questions(), before, "who shows nothing is nobody to ask for");

    let request = client.post("/tickets").header(cookie.0, cookie.1).body(r#"{"topics":["users/7/x"]}"#);
    let ticket = request.send().await.json()["ticket"].as_str().unwrap().to_owned();
    let with = client.get(&format!("/events?topic=users/7/x&ticket={ticket}"));
    with.connect().await.expect_event(event("sse-cursor")).await;
}

#[tokio::test]
async fn an_answer_is_kept_for_who_got_it_and_ends_the_stream_with_its_time() {
    let answer = |_: &str| Some((200, r#"{"subscribe":["**"],"ttl":1}"#.to_owned()));
    let application = Application::start(answer).await;
    let client = application.hub(|_| {});
    let get = |cookie: &str| client.get("/events?topic=a").header("cookie", cookie);
    let mut stream = get("session=1").connect().await;
    for _ in 0..5 {
        get("session=1").connect().await.expect_event(event("sse-cursor")).await;
    }
    assert_eq!(application.questions(), 1);
    get("session=2").connect().await.expect_event(event("sse-cursor")).await;
    assert_eq!(application.questions(), 2, "it is another's");
    stream.expect_event(event("sse-cursor")).await;
    stream.expect_event(event("sse-drain").data(r#"{"reason":"expired"}"#)).await;
    stream.expect_closed().await;
    stream.reconnect().await;
    assert_eq!(application.questions(), 3);
}

#[tokio::test]
async fn an_application_that_gives_no_answer_is_left_alone_for_a_while_and_asked_again() {
    for bad in [Some((500, String::new())), None] {
        let is_well = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let well = is_well.clone();
        let application = Application::start(move |_| match well.load(std::sync::atomic::Ordering::Relaxed) {
            true => Some((200, r#"{"subscribe":["a"],"publish":["a"]}"#.to_owned())),
            false => bad.clone(),
        })
        .await;
        let client = application.hub(|config| config.ask.timeout = Duration::from_millis(50));
        let post = async || client.post("/publish/a").header("authorization", "x").body("x").send().await;
        for _ in 0..8 {
            let refused = post().await;
            assert!(refused.headers.contains_key("retry-after"));
            assert_eq!(problem(&refused).0, 503, "never let in");
        }
        assert_eq!(application.questions(), 5, "it is not asked again and again");
        is_well.store(true, std::sync::atomic::Ordering::Relaxed);
        let mut status = 503;
        while status != 200 {
            status = post().await.status.as_u16();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn what_one_caller_provokes_is_no_fault_of_the_application_s() {
    for (bad, status) in [((302, ""), 401), ((431, ""), 401), ((200, "<html>"), 503)] {
        let answer = move |head: &str| match head.contains("authorization: good") {
            true => Some((200, r#"{"publish":["a"]}"#.to_owned())),
            false => Some((bad.0, bad.1.to_owned())),
        };
        let client = Application::start(answer).await.hub(|_| {});
        let post = async |who: &str| {
            let request = client.post("/publish/a").header("authorization", who);
            request.body("x").send().await.status
        };
        for _ in 0..8 {
            assert_eq!(post("bad").await, status);
        }
        assert_eq!(post("good").await, 200);
    }
    // too much to ask about
    let application = Application::start(|_| None).await;
    let client = application.hub(|_| {});
    let topics = (0..20).map(|i| format!("topic={i}{}", "-".repeat(900))).collect::<Vec<_>>().join("&");
    for _ in 0..8 {
        let refused = client.get(&format!("/events?{topics}")).header("authorization", "x").send().await;
        assert!(problem(&refused).1.contains("too long"), "{}", refused.text());
    }
    assert_eq!(application.questions(), 0);
}

#[tokio::test]
async fn who_has_no_name_shares_no_key_with_another_who_has_none() {
    let application = Application::start(|_| Some((200, r#"{"publish":["a"],"subscribe":["a"]}"#.to_owned()))).await;
    let client = application.hub(|_| {});
    let publish = async |who: &str, data: &str| {
        let request = client.post("/publish").header("authorization", who).header("content-type", "application/json");
        let body = format!(r#"[{{"topic":"a","data":{data}}}]"#);
        request.header("idempotency-key", "1").body(body).send().await
    };
    assert_eq!(publish("one", "1").await.status, 200);
    let other = publish("other", "1").await;
    assert_eq!(other.json()["events"][0]["duplicate"], false, "it is another's: {}", other.text());
    assert_eq!(publish("one", "1").await.json()["events"][0]["duplicate"], true);
    let mut stream = client.get("/events?topic=a").header("authorization", "one").connect().await;
    let cursor = stream.expect_event(event("sse-cursor")).await;
    let cursor: serde_json::Value = serde_json::from_str(&cursor.data).unwrap();
    let name = cursor["stream"].as_str().unwrap();
    let renew = client.post(&format!("/streams/{name}/token")).header("authorization", "other").send().await;
    assert_eq!(renew.status, 403);
}

#[tokio::test]
async fn what_could_not_be_said_is_counted() {
    let mut config = Config::in_memory();
    (config.auth.mode, config.ask.url) = (AuthMode::Ask, Some("http://127.0.0.1:1/nobody".into()));
    let hub = Hub::new(config).unwrap();
    let client = TestClient::new(HubService::new(hub.clone(), RouteSet::Public));
    assert_eq!(client.get("/events?topic=a").header("cookie", "a=b").send().await.status, 503);
    let mut page = client.get("/events?topic=a").header("cookie", "a=b").connect().await;
    page.expect_event(event("sse-drain").data(r#"{"reason":"busy"}"#)).await; // an EventSource comes back
    let operator = TestClient::new(HubService::new(hub, RouteSet::Admin));
    assert_eq!(metric(&operator, "sse_auth_unavailable_total").await, 2.0);
}

#[test]
fn an_application_needs_an_address() {
    for (url, says) in [
        ("", "auth.ask.url is empty"),
        ("/access", "an address, such as"),
        ("ftp://a/b", "an address, such as"),
        ("http://me:secret@a/b", "an address, such as"),
    ] {
        let given = [("SSE__AUTH__MODE", "ask"), ("SSE__AUTH__ASK__URL", url)];
        let output = program().run(&["--store", "memory", "--listen", "127.0.0.1:0"], &given);
        let line = String::from_utf8(output.stderr).unwrap();
        assert!(line.contains(says) && line.lines().count() == 1, "{url}: {line}");
        assert!(!output.status.success());
    }
}
