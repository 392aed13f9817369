//! How often the hub takes its lock, and how it fails.

mod lock;
mod shares;

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use futures_util::FutureExt;
use http_body_util::{BodyExt, Empty};
use sse_core::Event;
use sse_engine::{Epoch, Retained, Selectors, StoredTopic, Topic};
use sse_testkit::{TestClient, event};
use tower_service::Service;

use super::*;
use crate::{
    base::lock::Slot,
    http::{HubService, RouteSet},
    store::{AfterUnlock, Appended, Batch, Entry, Follower, Page, Query, StoreSnapshot, Task, suite::batch},
};

fn hub() -> (Hub, TestClient) {
    let hub = Hub::new(Config::in_memory()).unwrap();
    let client = TestClient::new(HubService::new(hub.clone(), RouteSet::All));
    (hub, client)
}

/// Counts how often an operation takes the hub's lock.
async fn takings(hub: &Hub, work: impl AsyncFnOnce()) -> usize {
    let before = hub.0.core.takings();
    work().await;
    hub.0.core.takings() - before
}

#[tokio::test(start_paused = true)]
async fn a_publish_takes_the_lock_once() {
    let (hub, client) = hub();
    let plain = takings(&hub, async || {
        client.post("/publish/a").body("x").send().await;
    });
    assert_eq!(plain.await, 1);
    let keyed = takings(&hub, async || {
        client.post("/publish/a").header("idempotency-key", "k").body("x").send().await;
    });
    assert_eq!(keyed.await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_finds_nothing_takes_the_lock_once() {
    let (hub, _) = hub();
    let request = http::Request::get("/events?topic=a").body(Empty::<bytes::Bytes>::new()).unwrap();
    let Ok(response) = HubService::new(hub.clone(), RouteSet::All).call(request).await;
    let mut body = response.into_body();
    assert!(body.frame().now_or_never().flatten().is_some(), "the opening");
    let taken = takings(&hub, async || assert!(body.frame().now_or_never().is_none(), "nothing yet"));
    assert_eq!(taken.await, 1);
}

/// Poisons the hub's lock.
pub(crate) fn poison(hub: &Hub) {
    let hub = hub.clone();
    let panicked = thread::spawn(move || {
        let _held = hub.0.core.state();
        panic!("in the middle of a change");
    });
    assert!(panicked.join().is_err());
}

#[tokio::test(start_paused = true)]
async fn after_a_panic_under_the_lock_the_hub_says_so_and_ends_its_streams() {
    let (hub, client) = hub();
    let mut stream = client.get("/events?topic=a").skip_events(["sse-cursor"]).connect().await;
    stream.expect_retry().await;
    poison(&hub);
    assert_eq!(client.get("/live").send().await.status, 503, "though nobody has taken the lock since");
    let refused = client.post("/publish/a").body("x").send().await;
    assert_eq!(refused.status, 503);
    stream.expect_event(event("sse-drain").data(r#"{"reason":"store"}"#)).await;
    stream.expect_closed().await;
    for path in ["/live", "/ready"] {
        let response = client.get(path).send().await;
        assert_eq!(response.status, 503, "{path}");
        assert!(response.text().contains("panicked"), "{}", response.text());
    }
    assert_eq!(client.get("/topics").send().await.status, 503);
    drop(stream);
    hub.emptied().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_that_nobody_has_noticed_is_seen_by_the_next_stream_that_is_due() {
    let (hub, client) = hub();
    let mut stream = client.get("/events?topic=a").skip_events(["sse-cursor"]).connect().await;
    stream.expect_retry().await;
    poison(&hub);
    stream.within(std::time::Duration::from_secs(16)).expect_event(event("sse-drain")).await;
    assert!(hub.failure().is_some());
}

/// A store that breaks its contract.
#[derive(Debug)]
struct Broken {
    follower: Slot<Option<Arc<dyn Follower>>>,
    how: Breach,
    /// Closing it lasts until the other end is dropped.
    closing: Slot<Option<Receiver<()>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breach {
    /// It assigns the same sequence number to every event.
    Order,
    /// It panics.
    Panic,
    /// It never answers.
    Hang,
    /// It has lost all but the last of its events.
    Lose,
    /// It panics when events are read.
    Read,
}

fn broken(how: Breach) -> Hub {
    let store = Broken { follower: Slot::default(), how, closing: Slot::default() };
    Hub::with(Config::in_memory(), Box::new(store), false, None).unwrap()
}

/// A hub whose store never answers, and can't be closed until the sender is dropped.
pub(crate) fn hanging(config: Config) -> (Hub, Sender<()>) {
    let (sender, until) = channel();
    let store = Broken { follower: Slot::default(), how: Breach::Hang, closing: Slot::new(Some(until)) };
    (Hub::with(config, Box::new(store), false, None).unwrap(), sender)
}

impl Store for Broken {
    fn snapshot(&self) -> StoreSnapshot {
        let epoch = Epoch::new(1);
        let retained = Retained { events: 9, bytes: 9, first: 1, last: 9 };
        let topic = StoredTopic { retained: retained.into(), ..StoredTopic::new(Topic::new("a").unwrap()) };
        let has_events = matches!(self.how, Breach::Lose | Breach::Read);
        StoreSnapshot {
            epoch,
            head: if has_events { 9 } else { 0 },
            time: 0,
            holes: Vec::new(),
            topics: has_events.then_some(topic).into_iter().collect(),
            floor: (0, 0),
            private_floor: (0, 0),
            keys: Vec::new(),
        }
    }

    fn append(&self, batch: Batch) -> Task<'_, Appended> {
        Box::pin(async move {
            if self.how == Breach::Hang {
                std::future::pending::<()>().await;
            }
            assert_eq!(self.how, Breach::Order, "the panic that the test asked for");
            let entries: Vec<_> =
                batch.drafts.into_iter().map(|draft| Entry { seq: 7, time: batch.now, draft }).collect();
            self.follower.get().map_or_else(AfterUnlock::default, |follower| follower.appended(&entries, 7)).wake();
            Ok(Appended { seqs: vec![7; entries.len()], ended: None })
        })
    }

    fn read(&self, query: Query) -> Task<'_, Page> {
        // whatever comes before the last event is lost
        let draft = sse_engine::Draft { end: true, ..sse_engine::Draft::text(Topic::new("a").unwrap(), "9") };
        let entries = if query.after < 9 { vec![Entry { seq: 9, time: 0, draft }] } else { Vec::new() };
        Box::pin(async move {
            assert_ne!(self.how, Breach::Read, "the panic that the test asked for");
            Ok(Page { damaged: query.after < 8, entries, through: 9 })
        })
    }

    fn read_at(&self, _: Vec<u64>, _: Selectors) -> Task<'_, Vec<Entry>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn aliased(&self, _: String, _: Selectors) -> Task<'_, Option<Entry>> {
        Box::pin(async { Ok(None) })
    }

    fn before(&self, _: u64) -> Task<'_, u64> {
        Box::pin(async { Ok(0) })
    }

    fn tail(&self, _: usize, _: usize) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn follow(&self, _: u64, follower: Arc<dyn Follower>) -> Result<(), StoreError> {
        self.follower.replace(Some(follower));
        Ok(())
    }

    fn trim(&self, _: &Topic, _: u64, _: bool) -> Task<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn health(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn close(&self, _: std::time::Duration) -> Result<(), StoreError> {
        if let Some(until) = self.closing.replace(None) {
            let _ = until.recv();
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_the_hub_s_own_events_is_told_in_its_head_what_the_disk_lost() {
    let store = Broken { follower: Slot::default(), how: Breach::Lose, closing: Slot::default() };
    let hub = Hub::with(Config::in_memory(), Box::new(store), true, None).unwrap();
    let client = TestClient::new(HubService::new(hub.clone(), RouteSet::All));
    for (envelope, expect) in [("", "9"), ("&envelope=json", r#"{"topic":"a","data":"9"}"#)] {
        let from = async |seq| {
            let id = hub.position(seq).to_string();
            client.get(&format!("/events?topic=a&control=off{envelope}")).last_event_id(&id).connect().await
        };
        let mut stream = from(2).await;
        assert_eq!(stream.headers()["sse-gap"], "lost");
        stream.expect_event(expect).await;
        let mut stream = from(8).await;
        assert_eq!(stream.headers().get("sse-gap"), None);
        stream.expect_event(expect).await;
        assert_eq!(from(9).await.headers().get("sse-gap"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_read_of_the_store_panics_ends() {
    let store = Broken { follower: Slot::default(), how: Breach::Read, closing: Slot::default() };
    let hub = Hub::with(Config::in_memory(), Box::new(store), true, None).unwrap();
    let client = TestClient::new(HubService::new(hub.clone(), RouteSet::All));
    let id = hub.position(2).to_string();
    let mut stream = client.get("/events?topic=a").last_event_id(&id).skip_events(["sse-cursor"]).connect().await;
    stream.expect_event(event("sse-drain").data(r#"{"reason":"store"}"#)).await;
    stream.expect_closed().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_out_of_order_is_acknowledged_to_nobody_and_brings_the_hub_down() {
    let hub = broken(Breach::Order);
    hub.publish("a", Event::message("first")).await.unwrap();
    assert_eq!(hub.publish("a", Event::message("second")).await, Err(PublishError::Draining));
    assert!(hub.failed().await.to_string().contains("out of order"));
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_an_event_before_one_out_of_order_are_woken() {
    let hub = broken(Breach::Order);
    let client = TestClient::new(HubService::new(hub.clone(), RouteSet::All));
    let mut stream = client.get("/events?topic=a").connect().await;
    stream.expect_event(event("sse-cursor")).await;
    let both = r#"[{"topic":"a","data":"first"},{"topic":"a","data":"second"}]"#;
    let refused = client.post("/publish").header("content-type", "application/json").body(both).send().await;
    assert_eq!(refused.status, 503);
    stream.expect_event("first").await;
    stream.expect_event(event("sse-drain").data(r#"{"reason":"store"}"#)).await;
    assert_eq!(stream.received_at(), std::time::Duration::ZERO, "at once, not at the next heartbeat");
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_publish_ended_in_a_panic_is_free_again() {
    let client = TestClient::new(HubService::new(broken(Breach::Panic), RouteSet::All));
    for _ in 0..2 {
        let refused = client.post("/publish/a").header("idempotency-key", "k").body("x").send().await;
        assert_eq!(refused.status, 503);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_published_is_counted_though_the_publisher_has_gone() {
    let (hub, _) = hub();
    let mut appending = hub.0.store.append(batch(0, [("a", "x")]));
    let polled = appending.as_mut().now_or_never();
    drop((polled, appending));
    assert_eq!(hub.metrics().published.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_publisher_that_waits_for_the_store_is_waited_for() {
    let (hub, _) = hanging(Config::in_memory());
    assert!(hub.answered().now_or_never().is_some());
    for key in [None, Some("k")] {
        let client = TestClient::new(HubService::new(hub.clone(), RouteSet::All));
        let mut request = client.post("/publish/a").body("x");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let publish = tokio::spawn(async move { request.send().await.status });
        while hub.answered().now_or_never().is_some() {
            tokio::task::yield_now().await;
        }
        if key.is_none() {
            publish.abort();
            hub.answered().await;
        }
    }
}

#[test]
fn a_hub_that_has_lost_its_worker_fails() {
    let (hub, _) = hub();
    for panics in [false, true] {
        let worker = work::Worker(Arc::clone(&hub.0.core));
        let ended = thread::spawn(move || {
            let _worker = worker;
            assert!(!panics, "at work");
        });
        assert_eq!(ended.join().is_err(), panics);
        assert_eq!(hub.failure().is_some(), panics);
    }
}

/// Posts `lines` as NDJSON under the key `upload`, and returns the status and the answer.
async fn upload(client: &TestClient, lines: &str) -> (u16, serde_json::Value) {
    let request = client.post("/publish").header("content-type", "application/x-ndjson");
    let response = request.header("idempotency-key", "upload").body(lines.to_owned()).send().await;
    (response.status.as_u16(), serde_json::from_str(response.text()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn an_upload_of_more_lines_than_keys_is_not_published_twice() {
    let mut config = Config::in_memory();
    config.publish.keys = 10;
    let hub = Hub::new(config).unwrap();
    let client = TestClient::new(HubService::new(hub.clone(), RouteSet::All));
    let lines: Vec<_> = (0..3000).map(|at| format!("{{\"topic\":\"a\",\"data\":{at}}}\n")).collect();
    let (status, begun) = upload(&client, &lines[..700].concat()).await;
    assert_eq!((status, &begun["published"], &begun["duplicates"]), (200, &700.into(), &0.into()), "{begun}");
    let (status, whole) = upload(&client, &lines.concat()).await;
    assert_eq!((status, &whole["published"], &whole["duplicates"]), (200, &2300.into(), &700.into()), "{whole}");
    assert_eq!(whole["first_id"], begun["first_id"]);
    let (status, again) = upload(&client, &lines.concat()).await;
    assert_eq!((status, &again["published"], &again["duplicates"]), (200, &0.into(), &3000.into()), "{again}");
    assert_eq!((&again["first_id"], &again["last_id"]), (&whole["first_id"], &whole["last_id"]));
    // other lines, fewer lines, and others after the same ones
    assert_eq!(upload(&client, &lines.concat().replace("\"data\":2000}", "\"data\":-1}")).await.0, 422);
    assert_eq!(upload(&client, &lines[..2999].concat()).await.0, 422);
    let (status, more) = upload(&client, &(lines.concat() + "{\"topic\":\"b\",\"data\":1}\n")).await;
    assert_eq!((status, &more["published"], &more["duplicates"]), (200, &1.into(), &3000.into()), "{more}");
    assert_eq!(hub.metrics().published.get(), 3001);
}

#[cfg(feature = "redb")]
#[tokio::test]
async fn a_damaged_part_of_the_log_is_a_gap_in_the_middle_of_a_stream() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.store.path = directory.path().to_owned();
    config.window.events = 1; // the others are read from the file
    let hub = Hub::new(config.clone()).unwrap();
    let mut ids = Vec::new();
    for at in 0..5 {
        ids.push(hub.publish("a", Event::message(format!("<event {at}>"))).await.unwrap());
    }
    hub.close().await;
    drop(hub);
    let file = directory.path().join("log.redb");
    let mut bytes = std::fs::read(&file).unwrap();
    let damaged: Vec<_> = (0..bytes.len() - 9).filter(|at| bytes[*at..].starts_with(b"<event 2>")).collect();
    damaged.into_iter().for_each(|at| bytes[at] ^= 1);
    std::fs::write(&file, bytes).unwrap();
    let hub = Hub::new(config).unwrap();
    let client = TestClient::new(HubService::new(hub.clone(), RouteSet::All));
    let mut stream =
        client.get("/events?topic=a").last_event_id(ids[0].as_str()).skip_events(["sse-cursor"]).connect().await;
    stream.expect_retry().await;
    stream.expect_event("<event 1>").await;
    stream.expect_event(event("sse-gap").id(ids[2].as_str())).await;
    stream.expect_event("<event 3>").await;
    stream.expect_event("<event 4>").await;
    hub.note_store();
    assert_eq!(hub.metrics().damaged.get(), 1);
}
