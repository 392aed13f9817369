//! Access: who may publish and subscribe, row by row of the contract, over each driver.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use futures_util::future::join_all;
use http::Method;
use serde_json::json;
use sse_server::{
    Asked, AuthMode, Authorizer, Authorizing, Config, Denial, Grant, Hub, HubService, Listen, NewToken, Operation,
    RouteSet, Selector, Server, Tokens,
};
use sse_test_support::blocks::checked;
use sse_testkit::{Response, TestClient, any_event, event};
use tempfile::TempDir;

use crate::{
    program,
    support::{id, problem},
    ways::Way,
};

/// A hub that takes tokens, and clients of its public and its operator's routes.
pub(crate) struct Controlled {
    pub(crate) client: TestClient,
    pub(crate) operator: TestClient,
    /// IDs and tokens by the names of those who hold them.
    pub(crate) tokens: BTreeMap<&'static str, (String, String)>,
    pub(crate) file: PathBuf,
    /// The origin of the hub's own pages.
    own: &'static str,
    _directory: TempDir,
}

/// Who there is: a name, what it may publish, and what it may subscribe to.
const HOLDERS: [(&str, &[&str], &[&str]); 5] = [
    ("writer", &["news/**", "users/**", "runs/1"], &[]),
    ("reader", &[], &["news/*", "runs/1"]),
    ("user", &[], &["users/7/**", "news/**"]),
    ("all", &["**"], &["**"]),
    ("nothing", &[], &[]),
];

fn selectors(texts: &[&str]) -> Vec<Selector> {
    texts.iter().map(|text| Selector::new(text).unwrap()).collect()
}

fn configure(config: &mut Config, directory: &TempDir) -> (PathBuf, BTreeMap<&'static str, (String, String)>) {
    let (mut tokens, mut known) = (Tokens::default(), BTreeMap::new());
    for (name, publish, subscribe) in HOLDERS {
        let (publish, subscribe) = (selectors(publish), selectors(subscribe));
        let new = NewToken { subject: name.into(), publish, subscribe, valid_for: None };
        let issued = tokens.issue(new, SystemTime::now()).unwrap();
        known.insert(name, (issued.id, issued.token));
    }
    let file = directory.path().join("tokens.toml");
    std::fs::write(&file, tokens.to_toml().unwrap()).unwrap();
    config.auth.mode = AuthMode::Tokens;
    config.auth.tokens.clone_from(&file);
    config.auth.cookie = Some("session".into());
    config.auth.anonymous = vec!["public/*".into()];
    config.cors.origins = vec!["https://app.example".into(), "*".into()];
    (file, known)
}

/// Runs `test` over each driver, and each way to it.
pub(crate) async fn controlled(test: impl AsyncFn(&Controlled)) {
    let directory = tempfile::tempdir().unwrap();
    let mut config = Config::in_memory();
    let (file, tokens) = configure(&mut config, &directory);
    let hub = Hub::new(config).unwrap();
    let client = |routes| checked(&TestClient::new(HubService::new(hub.clone(), routes)));
    let (client, operator) = (client(RouteSet::All), client(RouteSet::Admin));
    test(&Controlled { client, operator, tokens, file, own: "http://localhost", _directory: directory }).await;

    join_all(Way::ALL.map(async |way| {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::in_memory();
        let (file, tokens) = configure(&mut config, &directory);
        way.configure(&mut config, directory.path());
        config.server.admin_listen = Some(Listen::Tcp("127.0.0.1:0".parse().unwrap()));
        config.server.drain = Duration::from_millis(100);
        let server = Server::bind(config).await.unwrap();
        let operator = TestClient::tcp(server.admin_addr().unwrap());
        let client = way.client(server.local_addr()).await;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let run = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        test(&Controlled { client, operator, tokens, file, own: way.origin(), _directory: directory }).await;
        let _ = stop.send(());
        run.await.unwrap();
    }))
    .await;
}

impl Controlled {
    pub(crate) fn bearer(&self, name: &str) -> String {
        format!("Bearer {}", self.tokens[name].1)
    }

    pub(crate) async fn send(&self, method: Method, path: &str, headers: &[(&str, String)], body: &str) -> Response {
        let mut request = self.client.request(method, path);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.body(body.to_owned()).send().await
    }

    pub(crate) async fn publish(&self, name: &str, path: &str, body: &str) -> Response {
        self.send(Method::POST, path, &[("authorization", self.bearer(name))], body).await
    }

    async fn events(&self, name: &str, query: &str) -> sse_testkit::TestStream {
        let request = self.client.get(&format!("/events?{query}")).header("authorization", self.bearer(name));
        request.connect().await
    }

    /// The names of the open streams, with who holds them.
    pub(crate) async fn streams(&self) -> Vec<(String, String)> {
        let page = self.operator.get("/streams").send().await.json();
        let text = |stream: &serde_json::Value, key: &str| stream[key].as_str().unwrap_or_default().to_owned();
        let streams = page["streams"].as_array().unwrap();
        streams.iter().map(|stream| (text(stream, "stream"), text(stream, "subject"))).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_s_selectors_lie_within_what_is_granted() {
    controlled(async |hub| {
        for (name, query, status, named) in [
            ("reader", "topic=news/a", 200, ""),
            ("reader", "topic=news/*", 200, ""),
            ("reader", "topic=news/a&topic=runs/1", 200, ""),
            ("reader", "topic=news/**", 403, "news/**"),
            ("reader", "topic=news/a&topic=news/a/b", 403, "news/a/b"),
            ("reader", "topic=news%2Fa%2F..%2F..%2Fusers", 403, "news/a/../../users"),
            ("reader", "topic=news/", 200, ""),
            ("reader", "topic=news//a", 403, "news//a"),
            ("reader", "topic=*/a", 403, "*/a"),
            ("reader", "topic=**", 403, "**"),
            ("reader", "topic=runs/2", 403, "runs/2"),
            ("reader", "topic=public/a", 403, "public/a"),
            ("user", "topic=news/**&topic=users/7/*", 200, ""),
            ("user", "topic=users/*/inbox", 403, "users/*/inbox"),
            ("writer", "topic=news/a", 403, "news/a"),
            ("nothing", "topic=news/a", 403, "news/a"),
            ("all", "topic=**", 200, ""),
        ] {
            for method in [Method::GET, Method::HEAD] {
                let request = hub.client.request(method.clone(), &format!("/events?{query}"));
                let request = request.header("authorization", hub.bearer(name)).header("accept", "text/event-stream");
                if status == 200 {
                    assert_eq!(request.connect().await.status(), 200, "{method} {name} {query}");
                } else {
                    let response = request.send().await;
                    assert_eq!(response.status, status, "{method} {name} {query}");
                    if method == Method::GET {
                        assert!(
                            problem(&response).1.contains(&format!("may not read {named:?}")),
                            "{}",
                            response.text()
                        );
                        assert_eq!(response.json()["selector"], named);
                    }
                }
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_nothing_or_nothing_good_is_told() {
    controlled(async |hub| {
        let known = &hub.tokens["reader"].1;
        let other = if known.ends_with('0') { '1' } else { '0' };
        let wrong = format!("{}{other}", &known[..known.len() - 1]);
        for (headers, status, challenge, says) in [
            (vec![], 401, "Bearer", "without a token nobody may read \"news/a\""),
            (
                vec![("authorization", format!("Bearer {wrong}"))],
                401,
                "Bearer error=\"invalid_token\", error_description=\"the token is not known here\"",
                "the token is not known here",
            ),
            (
                vec![("authorization", "Basic dTpw".into())],
                401,
                "Bearer error=\"invalid_token\", error_description=\"Authorization takes `Bearer` and a token\"",
                "takes `Bearer`",
            ),
            (
                vec![("authorization", "Bearer".into()), ("cookie", format!("session={known}"))],
                401,
                "Bearer error=\"invalid_token\", error_description=\"Authorization takes `Bearer` and a token\"",
                "takes `Bearer`",
            ),
            (
                vec![("cookie", format!("session={known}; session=x"))],
                401,
                "Bearer error=\"invalid_token\", error_description=\"the cookie that carries the token is there twice\"",
                "twice",
            ),
        ] {
            let headers = [headers, vec![("accept", "text/event-stream".into())]].concat();
            let response = hub.send(Method::GET, "/events?topic=news/a", &headers, "").await;
            assert_eq!(response.status, status, "{headers:?}");
            assert_eq!(response.headers["www-authenticate"], challenge, "{headers:?}");
            assert!(problem(&response).1.contains(says), "{}", response.text());
        }
        let good = [("authorization", format!("bearer {known}")), ("cookie", format!("a=b; session={known}"))];
        for (name, value) in good {
            let stream = hub.client.get("/events?topic=news/a").header(name, value).connect().await;
            assert_eq!(stream.status(), 200, "{name}");
        }
        let open = hub.client.get("/events?topic=public/a").connect().await;
        assert_eq!(open.status(), 200, "auth.anonymous allows it");
        assert_eq!(hub.send(Method::POST, "/publish/public/a", &[], "x").await.status, 401);
        for path in ["/", "/live", "/ready"] {
            assert_eq!(hub.client.get(path).send().await.status, 200, "{path}");
        }
        for path in ["/topics", "/topics/a", "/metrics", "/streams"] {
            assert_eq!(hub.client.get(path).send().await.status, 404, "{path} is the operator's");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_topics_of_a_publish_lie_within_what_is_granted_in_every_form() {
    controlled(async |hub| {
        let typed = |kind: &str| [("authorization", hub.bearer("writer")), ("content-type", kind.to_owned())];
        let (json, lines, stream) =
            (typed("application/json"), typed("application/x-ndjson"), typed("text/event-stream"));
        let text = typed("text/plain");
        let (ok, bad) = (r#"{"topic":"news/a","data":1}"#, r#"{"topics":["news/a","runs/2"],"data":1}"#);
        let end = r#"{"topic":"runs/2","data":1,"end":true}"#;
        for (headers, path, body, named) in [
            (&text, "/publish/news/a", "x".to_owned(), None),
            (&text, "/publish/runs/2", "x".to_owned(), Some("runs/2")),
            (&text, "/publish/news", "x".to_owned(), Some("news")),
            (&text, "/publish/runs/2?end", String::new(), Some("runs/2")),
            (&text, "/publish?topic=news/a&topic=users/1", "x".to_owned(), None),
            (&text, "/publish?topic=news/a&topic=runs/2", "x".to_owned(), Some("runs/2")),
            (&text, "/publish?topic=news/../runs", "x".to_owned(), None),
            (&json, "/publish", ok.to_owned(), None),
            (&json, "/publish", bad.to_owned(), Some("runs/2")),
            (&json, "/publish", end.to_owned(), Some("runs/2")),
            (&json, "/publish", format!("[{ok},{ok}]"), None),
            (&json, "/publish", format!("[{ok},{bad}]"), Some("runs/2")),
            (&lines, "/publish", format!("{ok}\n{ok}"), None),
            (&lines, "/publish", format!("{ok}\n{bad}\n{ok}"), Some("runs/2")),
            (&stream, "/publish/news/a", "data: 1\n\n".to_owned(), None),
            (&stream, "/publish/runs/2", "data: 1\n\n".to_owned(), Some("runs/2")),
            (&stream, "/publish?topic=news/a&topic=runs/2", "data: 1\n\n".to_owned(), Some("runs/2")),
            (&stream, "/publish/runs/2?end", String::new(), Some("runs/2")),
            (&stream, "/publish/runs/1?end", "data: 1\n\n".to_owned(), None),
        ] {
            let response = hub.send(Method::POST, path, headers, &body).await;
            let Some(named) = named else {
                assert_eq!(response.status, 200, "{path} {body}: {}", response.text());
                continue;
            };
            assert_eq!(response.status, 403, "{path} {body}");
            assert!(problem(&response).1.contains(&format!("may not publish to {named:?}")), "{}", response.text());
            assert_eq!(response.json()["topic"], named);
        }
        let counts = hub.operator.get("/topics/runs/2").send().await;
        assert_eq!(counts.status, 404, "nothing was published there: {}", counts.text());
        let before = hub.operator.get("/topics/news/a").send().await.json()["events"].clone();
        let refused = hub.send(Method::POST, "/publish", &lines, &format!("{ok}\n{bad}\n{ok}")).await.json();
        assert_eq!((&refused["line"], &refused["published"]), (&json!(2), &json!(1)), "what came before is published");
        let after = hub.operator.get("/topics/news/a").send().await.json()["events"].clone();
        assert_eq!(after.as_u64().unwrap(), before.as_u64().unwrap() + 1);
        for name in ["reader", "nothing"] {
            assert_eq!(hub.publish(name, "/publish/news/a", "x").await.status, 403, "{name}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_publishes_only_for_pages_that_may() {
    controlled(async |hub| {
        let cookie = || ("cookie", format!("session={}", hub.tokens["writer"].1));
        let origin = |text: &str| ("origin", text.to_owned());
        let host = || ("host", "localhost:8080".to_owned());
        for (headers, status) in [
            (vec![cookie()], 403),
            (vec![cookie(), origin("https://app.example")], 200),
            (vec![cookie(), origin(&format!("{}:8080", hub.own)), host()], 200),
            (vec![cookie(), origin("https://evil.example")], 403),
            (vec![cookie(), origin("https://app.example.evil.example")], 403),
            (vec![cookie(), origin("null")], 403),
            (vec![("authorization", hub.bearer("writer")), origin("https://evil.example")], 200),
            (vec![("authorization", hub.bearer("writer"))], 200),
        ] {
            let response = hub.send(Method::POST, "/publish/news/a", &headers, "x").await;
            assert_eq!(response.status, status, "{headers:?}: {}", response.text());
        }
        let read = [cookie(), origin("https://app.example")];
        let response = hub.send(Method::HEAD, "/events?topic=news/a", &read, "").await;
        assert_eq!(response.status, 403, "it may only write, whatever the origin");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn private_events_reach_those_with_a_grant_for_one_of_their_topics_live_and_in_replay() {
    controlled(async |hub| {
        let mut user = hub.events("user", "topic=news/**").await;
        let mut reader = hub.events("reader", "topic=news/*").await;
        let body = json!({ "topics": ["news/a", "users/7/inbox"], "data": "for 7", "private": true });
        let kind = [("authorization", hub.bearer("writer")), ("content-type", "application/json".to_owned())];
        assert_eq!(hub.send(Method::POST, "/publish", &kind, &body.to_string()).await.status, 200);
        let other = json!({ "topics": ["news/a/b", "users/8/inbox"], "data": "for 8", "private": true });
        assert_eq!(hub.send(Method::POST, "/publish", &kind, &other.to_string()).await.status, 200);
        assert_eq!(hub.publish("writer", "/publish/news/a", "for all").await.status, 200);
        for stream in [&mut user, &mut reader] {
            stream.expect_event(event("sse-cursor")).await;
        }
        user.expect_event("for 7").await;
        user.expect_event("for 8").await; // news/** is granted, too
        user.expect_event("for all").await;
        // a grant for news/* is one for news/a: private is not for one recipient, but for those who may read
        reader.expect_event("for 7").await;
        reader.expect_event("for all").await;
        let mut replay = hub.events("reader", "topic=news/*&since=earliest").await;
        replay.expect_event(event("sse-cursor")).await;
        replay.expect_event("for 7").await;
        replay.expect_event("for all").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_read_is_not_found_by_its_alias_either() {
    controlled(async |hub| {
        let kind = [("authorization", hub.bearer("writer")), ("content-type", "application/json".to_owned())];
        for topic in ["users/8", "news/a"] {
            let body = json!({ "topic": topic, "data": 1, "alias": format!("of {topic}") }).to_string();
            assert_eq!(hub.send(Method::POST, "/publish", &kind, &body).await.status, 200);
        }
        for (alias, opening) in [("of news/a", "sse-cursor"), ("of users/8", "sse-gap"), ("of nothing", "sse-gap")] {
            let request = hub.client.get("/events?topic=news/a").last_event_id(alias);
            let mut stream = request.header("authorization", hub.bearer("reader")).connect().await;
            assert!(stream.headers().contains_key("sse-stream"));
            stream.expect_event(event(opening)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_one_publisher_is_none_of_another_s() {
    controlled(async |hub| {
        for (kind, body) in [
            ("application/json", r#"[{"topic":"news/a","data":"NAME"}]"#),
            ("application/x-ndjson", r#"{"topic":"news/a","data":"NAME"}"#),
        ] {
            for name in ["writer", "all", "writer"] {
                let key = ("idempotency-key", format!("nightly-{}", kind.len()));
                let headers = [("authorization", hub.bearer(name)), ("content-type", kind.to_owned()), key];
                let response = hub.send(Method::POST, "/publish", &headers, &body.replace("NAME", name)).await;
                assert_eq!(response.status, 200, "{kind} {name}: {}", response.text());
            }
        }
        let topic = hub.operator.get("/topics/news/a").send().await.json();
        assert_eq!(topic["events"], 4, "the repeats are known as such");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_outlasts_its_token_is_not_published() {
    for (path, kind, first, rest) in [
        ("/publish/news/a", "text/plain", "x", "y"),
        ("/publish", "application/json", r#"{"topic":"news/a","#, r#""data":1}"#),
        ("/publish", "application/json", r#"[{"topic":"news/a","#, r#""data":1}]"#),
        ("/publish", "application/x-ndjson", "\n", r#"{"topic":"news/a","data":1}"#),
        ("/publish/news/a", "text/event-stream", ":\n", "data: 1\n\n"),
        ("/publish/news/a?end", "text/event-stream", ":\n", ":\n"),
        ("/publish/news/a?end", "text/plain", "", ""),
    ] {
        controlled(async |hub| {
            let mut witness = hub.events("user", "topic=news/a").await;
            witness.expect_event(event("sse-cursor")).await;
            let (body, sent) = sse_testkit::Body::channel();
            let request =
                hub.client.post(path).header("authorization", hub.bearer("writer")).header("content-type", kind);
            let answer = tokio::spawn(request.body(sent).send());
            if !first.is_empty() {
                body.send(first).await.unwrap();
            }
            let mut tokens = Tokens::parse(&std::fs::read_to_string(&hub.file).unwrap()).unwrap();
            for name in ["writer", "user"] {
                assert!(tokens.revoke(&hub.tokens[name].0));
            }
            std::fs::write(&hub.file, tokens.to_toml().unwrap()).unwrap();
            witness.expect_event(event("sse-drain")).await;
            if !rest.is_empty() {
                body.send(rest).await.unwrap();
            }
            drop(body);
            let answer = answer.await.unwrap();
            assert_eq!(answer.status, 401, "{path} {kind}: {}", answer.text());
            let topic = hub.operator.get("/topics/news/a").send().await;
            assert!(topic.status == 404 || topic.json()["events"] == 0, "{path} {kind}: {}", topic.text());
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_named_listed_and_ended_by_operators() {
    controlled(async |hub| {
        let mut streams = Vec::new();
        for name in ["reader", "user", "all", "reader"] {
            let mut stream = hub.events(name, "topic=news/a").await;
            let is_named = |event: &sse_testkit::Event| {
                let data: serde_json::Value = serde_json::from_str(&event.data).unwrap();
                data["stream"].as_str().is_some_and(|name| name.len() == 16)
            };
            let opening = stream.expect_event(event("sse-cursor").matching(is_named)).await;
            let data: serde_json::Value = serde_json::from_str(&opening.data).unwrap();
            streams.push((data["stream"].as_str().unwrap().to_owned(), stream));
        }
        let mut listed = hub.streams().await;
        let mut expected: Vec<_> = streams
            .iter()
            .zip(["reader", "user", "all", "reader"])
            .map(|((name, _), holder)| (name.clone(), holder.to_owned()))
            .collect();
        expected.sort();
        listed.sort();
        assert_eq!(listed, expected);
        let page = hub.operator.get("/streams?limit=3").send().await.json();
        let next = page["next"].as_str().unwrap();
        let rest = hub.operator.get(&format!("/streams?limit=3&after={next}")).send().await.json();
        assert_eq!((page["streams"].as_array().unwrap().len(), rest["streams"].as_array().unwrap().len()), (3, 1));
        assert!(rest["next"].is_null());
        assert_eq!(page["streams"][0]["topics"], json!(["news/a"]));

        let delete = async |path: String| hub.operator.request(Method::DELETE, &path).send().await;
        let revoked = || event("sse-drain").data(r#"{"reason":"revoked"}"#);
        let mut others = streams.split_off(1);
        let (name, mut first) = streams.remove(0);
        assert_eq!(delete(format!("/streams/{name}")).await.json()["ended"], 1);
        first.expect_event(revoked()).await;
        first.expect_closed().await;
        assert_eq!(delete("/streams?subject=nobody".into()).await.json()["ended"], 0);
        let token = &hub.tokens["user"].0;
        assert_eq!(delete(format!("/streams?token={token}")).await.json()["ended"], 1);
        let (_, mut user) = others.remove(0);
        user.expect_event(revoked()).await;
        assert_eq!(delete("/streams?subject=reader".into()).await.json()["ended"], 1);
        let (_, mut last) = others.remove(1);
        last.expect_event(revoked()).await;
        assert_eq!(hub.publish("writer", "/publish/news/a", "x").await.status, 200);
        others[0].1.expect_event("x").await;
        for (path, status) in [
            ("/streams", 400),
            ("/streams?subject=a&x=1", 400),
            ("/streams/7", 400),
            ("/streams/00000000000000ff", 404),
            ("/streams?token=a&token=b", 400),
        ] {
            assert_eq!(delete(path.into()).await.status, status, "{path}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_in_the_file_ends_and_comes_back_refused() {
    controlled(async |hub| {
        let mut reader = hub.events("reader", "topic=news/a").await;
        let mut user = hub.events("user", "topic=news/a").await;
        let mut tokens = Tokens::parse(&std::fs::read_to_string(&hub.file).unwrap()).unwrap();
        assert!(tokens.revoke(&hub.tokens["reader"].0));
        std::fs::write(&hub.file, "half of a fi").unwrap();
        std::fs::write(&hub.file, tokens.to_toml().unwrap()).unwrap();
        reader.expect_event(event("sse-cursor")).await;
        reader.expect_event(event("sse-drain").data(r#"{"reason":"revoked"}"#)).await;
        reader.expect_closed().await;
        let again = hub.client.get("/events?topic=news/a").header("authorization", hub.bearer("reader")).send().await;
        assert_eq!(again.status, 401);
        assert_eq!(hub.publish("writer", "/publish/news/a", "x").await.status, 200);
        user.expect_event(event("sse-cursor")).await;
        user.expect_event("x").await;
    })
    .await;
}

/// Grants what a token says in its text: `SUBJECT/MILLISECONDS/SELECTOR`.
#[derive(Debug)]
struct Spelled;

impl Authorizer for Spelled {
    fn authorize<'a>(&'a self, asked: Asked<'a>) -> Authorizing<'a> {
        Box::pin(async move {
            let mut parts = asked.token.splitn(3, '/');
            let (Some(subject), Some(time), Some(selector)) = (parts.next(), parts.next(), parts.next()) else {
                return Err(Denial::Unavailable("the one who knows is asleep".into()));
            };
            let mut grant = Grant::default();
            grant.subject = Some(subject.into());
            grant.until = Some(SystemTime::now() + Duration::from_millis(time.parse().unwrap()));
            match asked.operation {
                Operation::Publish(_) => grant.publish = selectors(&[selector]).into(),
                _ => grant.subscribe = selectors(&[selector]).into(),
            }
            Ok(grant)
        })
    }
}

/// Runs `test` with a hub whose program decides, over each driver.
async fn spelled(test: impl AsyncFn(&TestClient)) {
    let hub = Hub::with_authorizer(Config::in_memory(), Spelled).unwrap();
    test(&checked(&TestClient::new(HubService::new(hub, RouteSet::Public)))).await;
    join_all(Way::ALL.map(async |way| {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::in_memory();
        way.configure(&mut config, directory.path());
        config.server.drain = Duration::from_millis(100);
        let server = Server::bind_with_authorizer(config, Spelled).await.unwrap();
        let client = way.client(server.local_addr()).await;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let run = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        test(&client).await;
        let _ = stop.send(());
        run.await.unwrap();
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_after_the_end_of_a_grant_in_the_middle_of_a_burst() {
    spelled(async |client| {
        let reader = |token: &str| client.get("/events?topic=a").header("authorization", format!("Bearer {token}"));
        let mut stream = reader("u/400/a").connect().await;
        let began = SystemTime::now();
        let reading = tokio::spawn(async move {
            let mut last = None;
            while let Some(seen) = stream.next().await {
                let Some(event) = seen.event().filter(|event| event.name == "message") else { continue };
                last = Some(event.data.parse::<u64>().unwrap());
            }
            (stream, last)
        });
        let mut acknowledged = Vec::new();
        while began.elapsed().unwrap() < Duration::from_millis(700) {
            let at = began.elapsed().unwrap();
            let request = client.post("/publish/a").header("authorization", "Bearer w/9000/a");
            let response = request.body(at.as_millis().to_string()).send().await;
            acknowledged.push((id(&response), at));
        }
        let (stream, last) = reading.await.unwrap();
        let raw = String::from_utf8_lossy(&stream.raw()).into_owned();
        assert!(raw.contains(r#"{"reason":"expired"}"#), "{raw}");
        let last = last.expect("events came before");
        assert!((100..=420).contains(&last), "the last one was published after {last} ms");
        // what it did not have is there for those who may
        let mut again = reader("u/9000/a").last_event_id(stream.last_event_id()).connect().await;
        again.expect_event(event("sse-cursor")).await;
        let missed = acknowledged.iter().filter(|(_, at)| at.as_millis() as u64 > last).count();
        for _ in 0..missed {
            again.expect_event(any_event().id_with(|_| true)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_stream_is_moved_by_a_fresh_token_of_its_holder() {
    spelled(async |client| {
        let open = async |token: &str| {
            let request = client.get("/events?topic=a/b").header("authorization", format!("Bearer {token}"));
            let mut stream = request.connect().await;
            let opening = stream.expect_event(event("sse-cursor")).await;
            let data: serde_json::Value = serde_json::from_str(&opening.data).unwrap();
            (data["stream"].as_str().unwrap().to_owned(), stream)
        };
        let renew = async |name: &str, token: &str| {
            let request = client.post(&format!("/streams/{name}/token"));
            request.header("authorization", format!("Bearer {token}")).send().await
        };
        let (name, mut stream) = open("u/600/a/*").await;
        let (_, mut other) = open("u/600/a/*").await;
        for (token, status) in [
            ("v/9000/a/*", 403), // another's
            ("u/9000/a/c", 403), // less than the stream has
            ("asleep", 503),
            ("u/9000/**", 200),
        ] {
            let response = renew(&name, token).await;
            assert_eq!(response.status, status, "{token}: {}", response.text());
        }
        assert_eq!(client.post(&format!("/streams/{name}/token")).send().await.status, 401);
        assert_eq!(renew("00000000000000ff", "u/9000/**").await.status, 404);
        assert_eq!(renew("x", "u/9000/**").await.status, 400);
        other.expect_event(event("sse-drain").data(r#"{"reason":"expired"}"#)).await;
        other.expect_closed().await;
        let request = client.post("/publish/a/b").header("authorization", "Bearer w/9000/**");
        assert_eq!(request.body("on").send().await.status, 200);
        stream.expect_event("on").await;
        // back to an end that is near
        assert_eq!(renew(&name, "u/50/**").await.status, 200);
        stream.expect_event(event("sse-drain").data(r#"{"reason":"expired"}"#)).await;
        stream.expect_closed().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_nothing_is_cut_off_at_the_end_of_the_grant() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    for version in ["HTTP/1.1", "HTTP/1.0"] {
        let mut config = Config::in_memory();
        config.server.handoff = true;
        config.server.listen = vec![Listen::Tcp("127.0.0.1:0".parse().unwrap())];
        config.server.drain = Duration::from_millis(100);
        let server = Server::bind_with_authorizer(config, Spelled).await.unwrap();
        let (address, hub) = (server.local_addr(), server.hub().clone());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let run = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        let mut stalled = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!("GET /events?topic=a {version}\r\nhost: localhost\r\nauthorization: Bearer u/600/a\r\n\r\n");
        stalled.write_all(head.as_bytes()).await.unwrap();
        while hub.subscribers() == 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..60 {
            hub.publish("a", sse_core::Event::message("x".repeat(200_000))).await.unwrap();
        }
        let began = SystemTime::now();
        while hub.subscribers() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(began.elapsed().unwrap() < Duration::from_secs(3), "it is not held to the time for a stalled client");
        let mut all = Vec::new();
        let _ = stalled.read_to_end(&mut all).await;
        assert!(!String::from_utf8_lossy(&all).contains("sse-drain"), "what was half sent stays so");
        let _ = stop.send(());
        run.await.unwrap();
    }
}

#[test]
fn a_hub_that_is_open_to_a_network_says_so_and_does_not_start() {
    let output = program().run(&["--listen", "0.0.0.0:0", "--store", "memory"], &[]);
    assert_eq!(output.status.code(), Some(2));
    let line = String::from_utf8(output.stderr).unwrap();
    assert!(line.starts_with("sse-server: server.listen is not loopback and auth.mode is open"), "{line}");
    assert!(line.lines().count() == 1 && line.contains("auth.allow_open_on_public = true"), "{line}");
    let output = program().run(&["--store", "memory"], &[("SSE__SERVER__ADMIN_LISTEN", "0.0.0.0:0")]);
    assert_eq!(output.status.code(), Some(2));
    let line = String::from_utf8(output.stderr).unwrap();
    assert!(line.starts_with("sse-server: server.admin_listen is not loopback"), "{line}");
}

#[test]
fn tokens_are_made_listed_and_revoked_on_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tokens.toml");
    let file = file.to_str().unwrap();
    let run = |args: &[&str]| {
        let output = program().run(&[&["token"], args, &["--file", file]].concat(), &[]);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, _, line) = run(&["list"]);
    assert!(code == Some(1) && line.contains("`sse-server token new` makes it"), "{line}");
    let (code, token, _) = run(&["new", "--subject", "ci", "--publish", "runs/**", "--valid-for", "30days"]);
    assert!(code == Some(0) && token.starts_with("sse_") && token.lines().count() == 1, "{token}");
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    assert!(!std::fs::read_to_string(file).unwrap().contains(&token[17..token.len() - 1]), "only its hash is kept");
    let (_, text, _) = run(&["list"]);
    let id = &token[4..16];
    assert!(text.contains(id) && text.contains("ci, until ") && text.contains("publish runs/**"), "{text}");
    let listed: serde_json::Value = serde_json::from_str(&run(&["list", "--json"]).1).unwrap();
    assert_eq!((&listed[0]["subject"], &listed[0]["expired"]), (&json!("ci"), &json!(false)));
    for (args, says) in [
        (&["new", "--subject", "x"][..], "grants nothing"),
        (&["new", "--subject", "x", "--publish", "**/a"], "--publish \"**/a\""),
        (&["new", "--subject", "x", "--publish", "a", "--valid-for", "soon"], "--valid-for \"soon\""),
        (&["new", "--subject", "", "--publish", "a"], "the subject is"),
        (&["revoke", "nothing"], "there is no token \"nothing\""),
    ] {
        let (code, _, line) = run(args);
        assert!(code == Some(1) && line.contains(says) && line.lines().count() == 1, "{args:?}: {line}");
    }
    assert_eq!(run(&["revoke", id]).0, Some(0));
    assert_eq!(run(&["list"]).1, "no tokens\n");
}
