//! What is done under the hub's lock is bounded, whatever clients choose. Debug builds, and so these tests, panic where more
//! is done at once.

use std::time::Duration;

use sse_engine::{Cursor, GapReason, Selector, StartPoint, Step};

use super::*;

/// More than one slice of the hub's work.
const MANY: usize = 5000;

async fn subscribe(hub: &Hub, selectors: &[String], start: StartPoint) -> (Subscriber, Cursor, Option<GapReason>) {
    let all = selectors.iter().map(|text| Selector::new(text).unwrap()).collect();
    let subscribed = hub.add_subscriber(hub.selectors(all, false).unwrap(), start, None, None).await.unwrap();
    let Subscribed::At(subscriber, cursor, opening) = subscribed else { panic!("no topic has ended") };
    (subscriber, cursor, opening.gap.map(|gap| gap.reason))
}

async fn publish(hub: &Hub, topics: impl Iterator<Item = String>) {
    let drafts: Vec<_> = topics.map(|topic| sse_engine::Draft::text(Topic::new(&topic).unwrap(), "x")).collect();
    for drafts in drafts.chunks(1000) {
        hub.append(Publication { drafts: drafts.to_vec(), keyed: Vec::new() }).await.unwrap();
    }
}

/// The next step of a cursor that is not only a turn for others.
async fn step(hub: &Hub, cursor: &mut Cursor) -> Step {
    loop {
        let step = hub.next(cursor, usize::MAX, Waiter::Shard(0)).unwrap();
        if step != Step::Yield {
            return step;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_for_many_groups_reaches_each_of_them() {
    let hub = hub().0;
    let mut streams = Vec::new();
    for own in 0..MANY {
        let selectors = ["a/*/c".to_owned(), "*/b/c".to_owned(), "a/b/*".to_owned(), format!("own/{own}")];
        streams.push(subscribe(&hub, &selectors, StartPoint::Head).await);
    }
    publish(&hub, (0..50).map(|_| "a/b/c".to_owned())).await;
    // some leave, and others come, while the groups are looked for
    streams.truncate(MANY - 100);
    for own in 0..100 {
        streams.push(subscribe(&hub, &["a/b/c".to_owned(), format!("late/{own}")], StartPoint::Earliest).await);
    }
    let shown = async {
        while hub.shown() < 50 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), shown).await.expect("all events are shown");
    for (_, cursor, _) in &mut streams {
        let step = step(&hub, cursor).await;
        assert!(matches!(step, Step::Events { count: 50, .. }), "{step:?}");
    }
    assert_eq!(hub.topic(&Topic::new("a/b/c").unwrap()).unwrap().unwrap().subscribers, 3 * (MANY - 100) + 100);
    let topics = hub.topics_after(None, 1000).await.unwrap();
    assert_eq!(topics.len(), 1000);
    drop(streams);
    assert_eq!(hub.0.core.state().unwrap().engine.subscribers(), (0, 0, 1), "nothing is left");
}

#[tokio::test]
async fn a_resume_with_patterns_looks_at_what_it_finds() {
    let hub = hub().0;
    publish(&hub, (0..19_000).map(|i| format!("user/{i}/inbox"))).await;
    publish(&hub, ["user/7/inbox".to_owned(), "user/8/outbox".to_owned()].into_iter()).await;
    let first = hub.position(19_000).to_string();
    let nowhere: Vec<_> = (0..64).map(|i| format!("user/*/n{i}")).collect();
    let near: Vec<_> = [3, 7, 8].iter().map(|i| format!("user/{i}/*")).collect();
    for start in [StartPoint::Earliest, StartPoint::After(first), hub.since(Duration::from_secs(5), "5s".to_owned())] {
        let (_held, mut cursor, gap) = subscribe(&hub, &nowhere, start.clone()).await;
        assert_eq!((gap, step(&hub, &mut cursor).await), (None, Step::CaughtUp));
        let (_held, mut cursor, gap) = subscribe(&hub, &near, start.clone()).await;
        let expect = if matches!(start, StartPoint::After(_)) { 2 } else { 5 };
        let mut seen = 0;
        while let Step::Events { count, .. } = step(&hub, &mut cursor).await {
            seen += count;
        }
        assert_eq!((gap, seen), (None, expect), "{start:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn health_and_shutdown_do_not_wait_for_the_lock() {
    let (hub, client) = hub();
    let mut stream = client.get("/events?topic=a").skip_events(["sse-cursor"]).connect().await;
    stream.expect_retry().await;
    let (taken, is_taken) = std::sync::mpsc::channel();
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let holder = thread::spawn({
        let hub = hub.clone();
        move || {
            let _held = hub.0.core.state();
            taken.send(()).unwrap();
            let _ = is_done.recv();
        }
    });
    is_taken.recv().unwrap();
    for (path, status) in [("/live", 200), ("/ready", 200)] {
        assert_eq!(client.get(path).send().await.status, status, "{path}");
    }
    hub.drain();
    assert_eq!(client.get("/ready").send().await.status, 503);
    drop(done);
    holder.join().unwrap();
    stream.within(Duration::from_secs(11)).expect_event(event("sse-drain")).await;
    assert!(stream.received_at() <= hub.config().server.drain, "woken by who held the lock");
}
