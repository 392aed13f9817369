//! Connect tickets: for one stream, whoever has seen the address.

use std::{path::Path, time::Duration};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use http::Method;
use serde_json::json;
use sse_server::{AuthMode, Config, Hub, HubService, NewToken, RouteSet, Selector, StoreKind, Tokens};
use sse_testkit::{Response, TestClient, TestStream, event};

use crate::{
    access::{Controlled, controlled},
    sockets::until,
    support::{id, problem},
};

async fn ask(hub: &Controlled, name: &str, body: &serde_json::Value) -> Response {
    let headers = [("authorization", hub.bearer(name)), ("content-type", "application/json".to_owned())];
    hub.send(Method::POST, "/tickets", &headers, &body.to_string()).await
}

async fn ticket(hub: &Controlled, name: &str, topics: &[&str]) -> String {
    let response = ask(hub, name, &json!({ "topics": topics })).await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.json()["expires_in"], 60);
    response.json()["ticket"].as_str().unwrap().to_owned()
}

async fn open(client: &TestClient, topic: &str, ticket: &str) -> TestStream {
    let mut stream = client.get(&format!("/events?topic={topic}&ticket={ticket}")).connect().await;
    stream.expect_event(event("sse-cursor")).await;
    stream
}

async fn status(client: &TestClient, query: &str) -> (u16, String) {
    problem(&client.get(&format!("/events?{query}")).send().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_for_one_stream_and_its_reconnections() {
    controlled(async |hub| {
        let ticket = ticket(hub, "user", &["users/7/**", "news/a"]).await;
        let mut stream = open(&hub.client, "users/7/x", &ticket).await;
        let (code, why) = status(&hub.client, &format!("topic=users/7/x&ticket={ticket}")).await;
        assert_eq!((code, why.contains("has a stream already")), (401, true), "{why}");
        let published = hub.publish("writer", "/publish/users/7/x", "first").await;
        stream.expect_event("first").await;
        assert_eq!(stream.last_event_id(), id(&published));
        // the connection is lost, and the hub may not know it yet
        let again = hub.client.get(&format!("/events?topic=users/7/x&ticket={ticket}"));
        let mut again = again.last_event_id(stream.last_event_id()).connect().await;
        again.expect_event(event("sse-cursor")).await;
        stream.expect_event(event("sse-drain").data(r#"{"reason":"revoked"}"#)).await;
        stream.expect_closed().await;
        hub.publish("writer", "/publish/users/7/x", "second").await;
        again.expect_event("second").await;
        let streams = hub.streams().await;
        assert!(matches!(&streams[..], [(_, subject)] if subject == "user"), "{streams:?}");

        let foreign = hub.client.get(&format!("/events?topic=users/7/x&ticket={ticket}"));
        assert_eq!(foreign.last_event_id("000000000007-0000000000a").send().await.status, 401, "another log's");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_who_race_for_a_ticket_gets_a_stream() {
    controlled(async |hub| {
        let ticket = ticket(hub, "user", &["news/a"]).await;
        let path = format!("/events?topic=news/a&ticket={ticket}");
        let mut all: FuturesUnordered<_> =
            (0..20).map(|_| async { hub.client.get(&path).send().await.status }).collect();
        for _ in 0..19 {
            assert_eq!(all.next().await.unwrap(), 401);
        }
        assert!(all.next().now_or_never().is_none(), "one is a stream, which goes on");
        assert_eq!(hub.streams().await.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_grants_what_its_token_grants_and_less() {
    controlled(async |hub| {
        for (name, body, code, says) in [
            ("user", json!({"topics": ["users/7/**"], "ttl": 3600}), 200, ""),
            ("user", json!({"topics": ["users/8/a"]}), 403, "users/8/a"),
            ("user", json!({"topics": ["users/**"]}), 403, "users/**"),
            ("nothing", json!({"topics": ["public/a"]}), 403, "public/a"),
            ("user", json!({"topics": []}), 400, "`topics` is empty"),
            ("user", json!({"topics": ["a**"]}), 400, "a**"),
            ("user", json!({}), 400, "topics"),
            ("user", json!({"topics": ["news/a"], "ttl": 0}), 400, "1 to 3600"),
            ("user", json!({"topics": ["news/a"], "ttl": 3601}), 400, "1 to 3600"),
            ("user", json!({"topics": ["news/a"], "more": 1}), 400, "more"),
            (
                "all",
                json!({"topics": (0..50).map(|i| format!("{i}{}", "x".repeat(100))).collect::<Vec<_>>()}),
                413,
                "pattern",
            ),
        ] {
            let response = ask(hub, name, &body).await;
            assert_eq!(response.status, code, "{body}: {}", response.text());
            assert!(response.text().contains(says), "{body}: {}", response.text());
        }
        let cookie = [("cookie", format!("session={}", hub.tokens["user"].1))];
        let body = json!({"topics": ["news/a"]}).to_string();
        assert_eq!(hub.send(Method::POST, "/tickets", &cookie, &body).await.status, 401, "a cookie makes none");
        assert_eq!(hub.send(Method::POST, "/tickets", &[], &body).await.status, 401);
        assert_eq!(hub.client.get("/tickets").send().await.status, 405);

        let ticket = ticket(hub, "user", &["users/7/**"]).await;
        for (query, code, says) in [
            (format!("topic=news/a&ticket={ticket}"), 403, "news/a"), // though its token may
            (format!("topic=users/7/a&ticket={ticket}x"), 401, "none of this hub's"),
            (format!("topic=users/7/a&ticket={ticket}&ticket={ticket}"), 400, "twice"),
            (format!("topic=users/7/a&ticket={ticket}%2"), 400, "the ticket is malformed"),
            ("topic=public/a&ticket=".to_owned(), 401, "none of this hub's"), // never somebody else
        ] {
            let (given, why) = status(&hub.client, &query).await;
            assert_eq!(given, code, "{query}: {why}");
            assert!(why.contains(says), "{query}: {why}");
            assert!(!why.contains(&ticket), "it is a secret: {why}");
        }
        let both = hub.client.get(&format!("/events?topic=users/7/a&ticket={ticket}"));
        assert_eq!(both.header("authorization", hub.bearer("all")).send().await.status, 400);
        let publish = format!("/publish/users/7/a?ticket={ticket}");
        assert_eq!(hub.send(Method::POST, &publish, &[], "x").await.status, 400, "it is for /events");
        open(&hub.client, "users/7/a", &ticket).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_goes_with_its_stream_and_with_its_token() {
    controlled(async |hub| {
        let first = ticket(hub, "user", &["news/a"]).await;
        let mut stream = open(&hub.client, "news/a", &first).await;
        let [(name, _)] = &hub.streams().await[..] else { panic!("there is one") };
        assert_eq!(hub.operator.request(Method::DELETE, &format!("/streams/{name}")).send().await.status, 200);
        stream.expect_event(event("sse-drain").data(r#"{"reason":"revoked"}"#)).await;
        stream.expect_closed().await;
        let again = hub.client.get(&format!("/events?topic=news/a&ticket={first}"));
        let (code, why) = problem(&again.last_event_id(stream.last_event_id()).send().await);
        assert_eq!((code, why.contains("revoked")), (401, true), "{why}");

        let second = ticket(hub, "user", &["news/a"]).await;
        let mut tokens = Tokens::parse(&std::fs::read_to_string(&hub.file).unwrap()).unwrap();
        assert!(tokens.revoke(&hub.tokens["user"].0));
        let mut stream = open(&hub.client, "news/a", &second).await;
        std::fs::write(&hub.file, tokens.to_toml().unwrap()).unwrap();
        stream.expect_event(event("sse-drain").data(r#"{"reason":"revoked"}"#)).await;
        stream.expect_closed().await;
        let (code, why) = status(&hub.client, &format!("topic=news/a&ticket={second}")).await;
        assert_eq!((code, why.contains("not known here any more")), (401, true), "{why}");
    })
    .await;
}

/// A hub on disk, whose only token is returned.
fn on_disk(directory: &Path, valid_for: Option<Duration>) -> (Config, String) {
    let mut config = Config::in_memory();
    (config.store.kind, config.store.path) = (StoreKind::Redb, directory.join("log"));
    (config.auth.mode, config.auth.tokens) = (AuthMode::Tokens, directory.join("tokens.toml"));
    let all = || vec![Selector::new("**").unwrap()];
    let new = NewToken { subject: "s".into(), publish: all(), subscribe: all(), valid_for };
    let mut tokens = Tokens::default();
    let issued = tokens.issue(new, std::time::SystemTime::now()).unwrap();
    std::fs::write(&config.auth.tokens, tokens.to_toml().unwrap()).unwrap();
    (config, format!("Bearer {}", issued.token))
}

async fn ticket_of(client: &TestClient, bearer: &str) -> String {
    let request = client.post("/tickets").header("authorization", bearer);
    request.body(json!({"topics": ["a"], "ttl": 1}).to_string()).send().await.json()["ticket"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn after_a_restart_a_stream_goes_on_with_its_ticket() {
    let directory = tempfile::tempdir().unwrap();
    let (config, bearer) = on_disk(directory.path(), None);
    let start = || {
        let hub = Hub::new(config.clone()).unwrap();
        (TestClient::new(HubService::new(hub.clone(), RouteSet::Public)), hub)
    };
    let (client, hub) = start();
    let used = ticket_of(&client, &bearer).await;
    let unused = ticket_of(&client, &bearer).await;
    let stream = open(&client, "a", &used).await;
    let at = stream.last_event_id().to_owned();
    let sent = client.post("/publish/a").header("authorization", &bearer).body("meanwhile").send().await;
    assert_eq!(sent.status, 200);
    drop(stream);
    hub.close().await;
    drop((client, hub));
    tokio::time::sleep(Duration::from_millis(2100)).await; // in whole seconds
    let (client, _hub) = start();
    let mut stream = client.get(&format!("/events?topic=a&ticket={used}")).last_event_id(&at).connect().await;
    stream.expect_event(event("sse-cursor")).await;
    stream.expect_event("meanwhile").await;
    let (code, why) = status(&client, &format!("topic=a&ticket={unused}")).await;
    assert_eq!((code, why.contains("not used in time")), (401, true), "{why}");
}

#[tokio::test]
async fn a_ticket_ends_with_its_token() {
    let directory = tempfile::tempdir().unwrap();
    let (config, bearer) = on_disk(directory.path(), Some(Duration::from_secs(2)));
    let client = TestClient::new(HubService::new(Hub::new(config).unwrap(), RouteSet::Public));
    let ticket = ticket_of(&client, &bearer).await;
    let mut stream = open(&client, "a", &ticket).await;
    stream.expect_event(event("sse-drain").data(r#"{"reason":"expired"}"#)).await;
    stream.expect_closed().await;
    // the stream ends a part of a millisecond before its ticket, never after it
    let path = format!("/events?topic=a&ticket={ticket}");
    let again = || client.get(&path).last_event_id(stream.last_event_id()).send();
    until("it is refused", async || again().await.status == 401).await;
    assert!(problem(&again().await).1.contains("the ticket has expired"));
}

#[tokio::test]
async fn an_open_hub_has_no_tickets() {
    let client = TestClient::new(HubService::new(Hub::new(Config::in_memory()).unwrap(), RouteSet::All));
    assert_eq!(client.post("/tickets").body(r#"{"topics":["a"]}"#).send().await.status, 404);
    assert!(status(&client, "topic=a&ticket=x").await.1.contains("server.ignore_parameters"));
}
