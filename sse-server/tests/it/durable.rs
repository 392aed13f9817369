//! A log on disk, with a window that is far too small for it: what is not in memory is read from the file, on both
//! drivers.

use std::{path::Path, time::Duration};

use sse_server::{Config, Durability, Hub, Listen, Retention, Server, StoreKind};
use sse_test_support::blocks::checked;
use sse_testkit::{RequestBuilder, TestClient, TestStream, any_event, event};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

use crate::support::{id, metric, publish, publish_json, publish_ndjson};

/// Events that the window holds.
const WINDOW: usize = 10;

/// A hub that listens, with its log in a directory.
pub(crate) struct Listening {
    pub(crate) client: TestClient,
    pub(crate) address: std::net::SocketAddr,
    hub: Hub,
    stop: oneshot::Sender<()>,
    done: JoinHandle<()>,
}

impl Listening {
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        drop(self.hub);
        self.done.await.unwrap();
    }
}

pub(crate) async fn listen(directory: &Path, shards: bool, set: impl FnOnce(&mut Config)) -> Listening {
    let mut config = Config::default();
    config.server.listen = vec![Listen::Tcp("127.0.0.1:0".parse().unwrap())];
    config.server.handoff = shards;
    config.server.drain = Duration::from_millis(400);
    config.store.path = directory.to_owned();
    config.store.sync_interval = Duration::from_millis(5);
    config.window.events = WINDOW;
    assert_eq!(config.store.kind, StoreKind::Redb, "the default");
    set(&mut config);
    let server = Server::bind(config).await.unwrap();
    let (address, hub) = (server.local_addr(), server.hub().clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let done = tokio::spawn(async move {
        server
            .run(async {
                let _ = stopped.await;
            })
            .await;
    });
    Listening { client: checked(&TestClient::tcp(address)), address, hub, stop, done }
}

fn new() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Publishes numbers to a topic and gives their IDs.
async fn publish_numbers(client: &TestClient, topic: &str, numbers: std::ops::Range<usize>) -> Vec<String> {
    let mut ids = Vec::new();
    for number in numbers {
        ids.push(publish(client, topic, &number.to_string()).await);
    }
    ids
}

fn from(client: &TestClient, query: &str, id: &str) -> RequestBuilder {
    client.get(&format!("/events?{query}")).last_event_id(id)
}

/// The next numbers of a stream, and nothing else between them.
async fn expect_numbers(stream: &mut TestStream, numbers: std::ops::Range<usize>) {
    for number in numbers {
        stream.expect_event(any_event().data(number.to_string())).await;
    }
}

async fn on_both(test: impl AsyncFn(bool)) {
    for shards in [false, true] {
        test(shards).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_from_far_behind_is_exact_and_goes_on_live() {
    on_both(async |shards| {
        let directory = new();
        let hub = listen(directory.path(), shards, |_| {}).await;
        let ids = publish_numbers(&hub.client, "a", 0..300).await;
        publish(&hub.client, "other", "not this").await;
        for query in ["topic=a", "topic=a&topic=none", "topic=*", "topic=**"] {
            let mut stream = from(&hub.client, query, &ids[3]).connect().await;
            stream.expect_event(event("sse-cursor").id(&ids[3])).await;
            expect_numbers(&mut stream, 4..300).await;
        }
        let mut stream = from(&hub.client, "topic=a", &ids[5]).connect().await;
        stream.expect_event(event("sse-cursor").id(&ids[5])).await;
        expect_numbers(&mut stream, 6..300).await;
        publish_numbers(&hub.client, "a", 300..320).await;
        expect_numbers(&mut stream, 300..320).await;
        hub.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_changes_nothing_for_those_who_come_back() {
    on_both(async |shards| {
        let directory = new();
        let hub = listen(directory.path(), shards, |_| {}).await;
        let ids = publish_numbers(&hub.client, "a", 0..50).await;
        let mut live = hub.client.get("/events?topic=a").connect().await;
        live.expect_event(event("sse-cursor").id(&ids[49])).await;
        hub.stop().await;
        live.expect_event(event("sse-drain").id(&ids[49])).await;
        let hub = listen(directory.path(), shards, |_| {}).await;
        for at in [0, 20, 45, 49] {
            let mut stream = from(&hub.client, "topic=a", &ids[at]).connect().await;
            stream.expect_event(event("sse-cursor").id(&ids[at])).await;
            expect_numbers(&mut stream, at + 1..50).await;
        }
        let next = publish(&hub.client, "a", "50").await;
        assert!(next > ids[49] && next[..12] == ids[49][..12], "the same log");
        let info = hub.client.get("/topics/a").send().await.json();
        assert_eq!((info["events"].as_u64(), info["first"].as_str()), (Some(51), Some(&*ids[0])));
        hub.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_are_at_different_depths_get_all_of_it() {
    on_both(async |shards| {
        let directory = new();
        let hub = listen(directory.path(), shards, |_| {}).await;
        let lines: String = (0..2000).map(|at| format!("{{\"topic\":\"t/{}\",\"data\":{at}}}\n", at % 5)).collect();
        let summary = publish_ndjson(&hub.client, lines).await.json();
        assert_eq!(summary["published"], 2000);
        let readers = (0..40).map(|reader| {
            let client = hub.client.clone();
            tokio::spawn(async move {
                let topic = reader % 5;
                let request = client.get(&format!("/events?since=earliest&topic=t/{topic}"));
                let mut stream = request.skip_events(["sse-cursor"]).connect().await;
                for at in (topic..2000).step_by(5) {
                    stream.expect_event(any_event().data(at.to_string())).await;
                }
            })
        });
        for reader in readers.collect::<Vec<_>>() {
            reader.await.unwrap();
        }
        hub.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn since_reaches_behind_the_window() {
    let directory = new();
    let hub = listen(directory.path(), true, |_| {}).await;
    publish_numbers(&hub.client, "a", 0..40).await;
    for since in ["earliest", "10m"] {
        let request = hub.client.get(&format!("/events?topic=a&since={since}"));
        let mut stream = request.skip_events(["sse-cursor"]).connect().await;
        expect_numbers(&mut stream, 0..40).await;
    }
    let mut stream = hub.client.get("/events?topic=none&since=earliest").connect().await;
    stream.expect_event(event("sse-cursor")).await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_retention_took_is_announced_with_what_follows() {
    on_both(async |shards| {
        let directory = new();
        let hub = listen(directory.path(), shards, |config| {
            let mut rule = Retention::of("a").unwrap();
            rule.events = 30;
            config.store.retention = vec![rule];
        })
        .await;
        let ids = publish_numbers(&hub.client, "a", 0..100).await;
        let other = publish_numbers(&hub.client, "b", 0..100).await;
        // What is trimmed goes with the next write.
        let retained = async || hub.client.get("/topics/a").send().await.json();
        while retained().await["events"] != 30 {
            tokio::task::yield_now().await;
        }
        assert_eq!(retained().await["first"].as_str(), Some(&*ids[70]));
        let mut stream = from(&hub.client, "topic=a", &ids[3]).connect().await;
        let gap = serde_json::json!({"reason": "trimmed", "requested": ids[3], "first": ids[70]});
        stream.expect_event(event("sse-gap").id(&ids[69]).json(gap)).await;
        expect_numbers(&mut stream, 70..100).await;
        let mut exact = from(&hub.client, "topic=a", &ids[69]).connect().await;
        exact.expect_event(event("sse-cursor").id(&ids[69])).await;
        expect_numbers(&mut exact, 70..100).await;
        let mut of_other = from(&hub.client, "topic=b", &ids[3]).connect().await;
        of_other.expect_event(event("sse-cursor").id(&ids[3])).await;
        expect_numbers(&mut of_other, 0..100).await;
        let mut unknown = from(&hub.client, "topic=b", "nonsense").connect().await;
        let gap = serde_json::json!({"reason": "unknown", "requested": "nonsense", "first": other[0]});
        unknown.expect_event(event("sse-gap").json(gap)).await;
        expect_numbers(&mut unknown, 0..100).await;
        hub.stop().await;
        let hub = listen(directory.path(), shards, |_| {}).await;
        let mut stream = from(&hub.client, "topic=a", &ids[3]).connect().await;
        stream.expect_event(event("sse-gap").id(&ids[69])).await;
        hub.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_event_of_a_topic_stands_for_the_rest() {
    let directory = new();
    let hub = listen(directory.path(), true, |config| {
        let mut rule = Retention::of("state/**").unwrap();
        rule.last_only = true;
        config.store.retention = vec![rule];
    })
    .await;
    let ids = publish_numbers(&hub.client, "state/a", 0..20).await;
    while hub.client.get("/topics/state/a").send().await.json()["events"] != 1 {
        tokio::task::yield_now().await;
    }
    let mut stream = from(&hub.client, "topic=state/a", &ids[2]).connect().await;
    stream.expect_event(event("sse-cursor").id(&ids[2])).await;
    expect_numbers(&mut stream, 19..20).await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_known_after_a_restart() {
    let directory = new();
    let hub = listen(directory.path(), true, |_| {}).await;
    let keyed = |client: &TestClient| client.post("/publish/a").header("idempotency-key", "k").body("once".to_owned());
    let first = id(&keyed(&hub.client).send().await);
    let array = r#"[{"topic":"a","data":"x","key":"other"},{"topic":"a","data":"y"}]"#;
    assert_eq!(publish_json(&hub.client, array).await.status, 200);
    hub.stop().await;
    let hub = listen(directory.path(), true, |_| {}).await;
    let again = keyed(&hub.client).send().await.json();
    assert_eq!((again["id"].as_str(), again["duplicate"].as_bool()), (Some(&*first), Some(true)));
    let conflict = r#"{"topic":"a","data":"z","key":"other"}"#;
    assert_eq!(publish_json(&hub.client, conflict).await.status, 422);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twins_at_the_same_time_are_one() {
    let directory = new();
    let hub = listen(directory.path(), true, |config| config.store.durability = Durability::Always).await;
    let twins = (0..16).map(|_| {
        let client = hub.client.clone();
        tokio::spawn(async move {
            let response = client.post("/publish/a").header("idempotency-key", "k").body("x".to_owned()).send().await;
            (id(&response), response.json()["duplicate"].as_bool().unwrap())
        })
    });
    let mut answers = Vec::new();
    for twin in twins.collect::<Vec<_>>() {
        answers.push(twin.await.unwrap());
    }
    assert!(answers.iter().all(|(id, _)| *id == answers[0].0));
    assert_eq!(answers.iter().filter(|(_, duplicate)| !duplicate).count(), 1);
    assert_eq!(hub.client.get("/topics/a").send().await.json()["events"], 1);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_is_the_same_from_the_file() {
    let directory = new();
    let hub = listen(directory.path(), true, |_| {}).await;
    publish_json(&hub.client, r#"{"topic":"a","data":{"z":1.0,"a":2},"event":"tick","retry":3000}"#).await;
    publish_numbers(&hub.client, "a", 0..30).await;
    let request = hub.client.get("/events?topic=a&since=earliest&envelope=json").skip_events(["sse-cursor"]);
    let mut stream = request.connect().await;
    stream.expect_retry().await;
    assert_eq!(stream.expect_retry().await, Duration::from_secs(3));
    stream.expect_event(event("tick").data(r#"{"topic":"a","data":{"z":1.0,"a":2}}"#)).await;
    stream.expect_event(any_event().data(r#"{"topic":"a","data":"0"}"#)).await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_far_behind_at_a_shutdown_comes_back_for_the_rest() {
    on_both(async |shards| {
        let directory = new();
        let hub = listen(directory.path(), shards, |_| {}).await;
        let ids = publish_numbers(&hub.client, "a", 0..1000).await;
        let mut stream = from(&hub.client, "topic=a", &ids[0]).skip_events(["sse-cursor"]).connect().await;
        hub.stop().await;
        let mut next = 1;
        let mut served = ids[0].clone();
        loop {
            let seen = stream.expect_event(any_event()).await;
            if seen.name == "sse-drain" {
                assert_eq!(seen.id, served);
                break;
            }
            assert_eq!(seen.data, next.to_string());
            served = ids[next].clone();
            next += 1;
        }
        let hub = listen(directory.path(), shards, |_| {}).await;
        let mut stream = from(&hub.client, "topic=a", &served).skip_events(["sse-cursor"]).connect().await;
        expect_numbers(&mut stream, next..1000).await;
        assert_eq!(metric(&hub.client, "sse_gaps_total{reason=\"trimmed\"}").await, 0.0);
        hub.stop().await;
    })
    .await;
}
