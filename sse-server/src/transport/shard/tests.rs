//! The shard's logic over sockets in memory, in virtual time: what every driver must do, and what only this one can
//! get wrong.

#[path = "../../../tests/it/streams/cases.rs"]
mod cases;
mod pipe;
mod support;

use std::time::Duration;

use super::*;
use pipe::Wire;
use sse_testkit::event;
use support::{hub_on, hub_over, metric, publish};

#[tokio::test(start_paused = true)]
async fn a_socket_that_takes_one_byte_at_a_time_loses_none() {
    let (_, client) = hub_over(1, |_| {});
    let mut stream = client.get("/events?topic=a").connect().await;
    stream.expect_event(event("sse-cursor")).await;
    for i in 0..20 {
        publish(&client, "a", &format!("{i} {}", "x".repeat(i * 10))).await;
    }
    for i in 0..20 {
        stream.expect_event(&*format!("{i} {}", "x".repeat(i * 10))).await;
    }
    stream.within(Duration::from_secs(3700)).expect_event(event("sse-cursor")).await;
}

#[tokio::test(start_paused = true)]
async fn an_opening_that_is_half_written_is_finished_first() {
    let (_, client) = hub_over(1, |_| {});
    for i in 0..3 {
        publish(&client, "a", &i.to_string()).await;
    }
    let mut stream = client.get("/events?topic=a&since=earliest").skip_events(["sse-cursor"]).connect().await;
    for i in 0..3 {
        stream.expect_event(&*i.to_string()).await;
    }
    drop(stream);
    while metric(&client, "sse_subscribers").await > 0.0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(metric(&client, "sse_stalled_connections").await, 0.0);
    assert_eq!(metric(&client, "sse_pinned_bytes").await, 0.0);
}

#[tokio::test(start_paused = true)]
async fn after_a_stall_heartbeats_come_at_their_interval_again() {
    let (_, client) = hub_over(300, |config| config.stream.write_stall = Duration::from_secs(3600));
    let mut stream = client.get("/events?topic=a").connect().await;
    stream.expect_event(event("sse-cursor")).await;
    publish(&client, "a", &"x".repeat(1000)).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    stream.expect_event(event("message")).await;
    let read = stream.received_at();
    stream.within(Duration::from_secs(16)).expect_event(event("sse-cursor")).await;
    assert!(stream.received_at() - read <= Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn last_words_that_wait_for_room_are_read_to_the_end() {
    let (hub, client) = hub_over(10, |config| config.stream.max_age = Duration::from_secs(10));
    let mut stream = client.get("/events?topic=a").skip_events(["sse-cursor"]).connect().await;
    stream.expect_retry().await;
    // longer than a client that does not end its side is waited for
    tokio::time::sleep(Duration::from_secs(14)).await;
    stream.expect_event(event("sse-drain")).await;
    stream.expect_closed().await;
    assert_eq!(hub.subscribers(), 0);
}

#[tokio::test(start_paused = true)]
async fn while_one_does_not_read_the_others_of_its_group_do() {
    let (_, client) = hub_over(300, |_| {});
    let mut blocked = client.get("/events?topic=a").skip_events(["sse-cursor"]).connect().await;
    let mut reader = client.get("/events?topic=a").skip_events(["sse-cursor"]).connect().await;
    reader.expect_retry().await;
    for i in 0..100 {
        publish(&client, "a", &i.to_string()).await;
        reader.expect_event(&*i.to_string()).await;
    }
    assert_eq!(metric(&client, "sse_stalled_connections").await, 1.0);
    let pinned = metric(&client, "sse_pinned_bytes").await;
    assert!((1.0..4000.0).contains(&pinned), "{pinned}");
    for i in 0..100 {
        blocked.expect_event(&*i.to_string()).await;
    }
    assert_eq!(metric(&client, "sse_stalled_connections").await, 0.0);
    assert_eq!(metric(&client, "sse_pinned_bytes").await, 0.0);
}

#[tokio::test(start_paused = true)]
async fn members_that_come_and_go_during_a_walk_miss_nothing() {
    let (hub, client) = hub_over(1 << 16, |_| {});
    let mut streams = Vec::new();
    for _ in 0..1200 {
        let mut stream = client.get("/events?topic=a").skip_events(["sse-cursor"]).connect().await;
        stream.expect_retry().await;
        streams.push(stream);
    }
    for i in 0..10 {
        publish(&client, "a", &i.to_string()).await;
        // some go, spread over the whole walk, others come
        let kept = streams.len();
        let mut at = 0;
        streams.retain(|_| {
            at += 1;
            at % 7 != i % 7
        });
        tokio::task::yield_now().await;
        assert!(streams.len() < kept);
    }
    for stream in &mut streams {
        for i in 0..10 {
            stream.expect_event(&*i.to_string()).await;
        }
    }
    let left = streams.len();
    assert_eq!(hub.subscribers(), left);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_end_its_side_is_cut_off() {
    let (hub, client) = hub_over(300, |config| config.stream.max_age = Duration::from_secs(10));
    let mut stream = client.get("/events?topic=a").skip_events(["sse-cursor"]).connect().await;
    stream.within(Duration::from_secs(12)).expect_event(event("sse-drain")).await;
    stream.expect_closed().await;
    assert_eq!(hub.subscribers(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_for_too_long_is_cut_off_and_resumes() {
    let (hub, client) = hub_over(300, |config| config.stream.write_stall = Duration::from_secs(5));
    let mut stalled = client.get("/events?topic=a").skip_events(["sse-cursor"]).connect().await;
    stalled.expect_retry().await;
    // each is a write of its own
    for i in 0..20 {
        publish(&client, "a", &format!("{i} {}", "x".repeat(40_000))).await;
    }
    // some of it is taken, later than half the time: then all of the time begins again
    tokio::time::sleep(Duration::from_secs(4)).await;
    stalled.expect_event(event("message").matching(|event| event.data.starts_with("0 "))).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(hub.subscribers(), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(hub.subscribers(), 0);
    assert_eq!(metric(&client, "sse_ends_total{reason=\"lag\"}").await, 1.0);
    assert_eq!(metric(&client, "sse_pinned_bytes").await, 0.0);
    stalled.reconnect().await;
    for i in 1..20 {
        stalled.expect_event(event("message").matching(|event| event.data.starts_with(&format!("{i} ")))).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_past_an_event_though_its_socket_has_room_in_large_steps_only() {
    // 50 bytes a second, and room after 10,000 of them: that is 200 s, in which nothing can be written
    let wire = Wire { room: 20_000, step: 10_000, sip: (50, Duration::from_secs(1)) };
    let (_, client) = hub_on(wire, |config| config.stream.write_stall = Duration::from_secs(10));
    let mut slow = client.get("/events?topic=a").within(Duration::from_secs(3600)).connect().await;
    slow.expect_retry().await;
    publish(&client, "a", &"x".repeat(60_000)).await;
    slow.expect_event(event("sse-cursor")).await;
    slow.expect_event(event("message")).await;
    assert_eq!(metric(&client, "sse_ends_total{reason=\"lag\"}").await, 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_byte_now_and_then_does_not_keep_a_stream_beyond_its_age() {
    let wire = Wire { room: 300, step: 1, sip: (1, Duration::from_secs(3)) };
    for (drains, reason) in [(false, "age"), (true, "shutdown")] {
        let (hub, client) = hub_on(wire, |config| {
            config.stream.max_age = Duration::from_secs(if drains { 0 } else { 60 });
            config.stream.write_stall = Duration::from_secs(5);
        });
        let mut reader = client.get("/events?topic=a").within(Duration::from_secs(3600)).connect().await;
        publish(&client, "a", &"x".repeat(60_000)).await;
        let mut ended = std::pin::pin!(reader.next());
        assert!(tokio::time::timeout(Duration::from_secs(50), &mut ended).await.is_err());
        assert_eq!(hub.subscribers(), 1);
        if drains {
            hub.drain();
        }
        // a tenth more than its age, and the time for its last bytes
        assert!(tokio::time::timeout(Duration::from_secs(22), &mut ended).await.is_err());
        assert_eq!(hub.subscribers(), 0, "{reason}");
        assert_eq!(metric(&client, &format!("sse_ends_total{{reason=\"{reason}\"}}")).await, 1.0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_for_stalled_readers_has_a_bound() {
    let (hub, client) = hub_over(300, |config| config.limits.pinned_bytes = 1 << 20);
    let mut stalled = Vec::new();
    for i in 0..10 {
        let mut stream = client.get(&format!("/events?topic=a{i}")).connect().await;
        stream.expect_retry().await;
        stalled.push(stream);
        publish(&client, &format!("a{i}"), &"x".repeat(250_000)).await;
    }
    while metric(&client, "sse_ends_total{reason=\"lag\"}").await < 6.0 {
        tokio::task::yield_now().await;
    }
    assert!(metric(&client, "sse_pinned_bytes").await <= f64::from(1 << 20));
    assert_eq!(hub.subscribers(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_many_wait_for_is_kept_and_counted_once() {
    let (hub, client) = hub_over(300, |config| config.limits.pinned_bytes = 1 << 20);
    let mut stalled = Vec::new();
    for _ in 0..100 {
        let mut stream = client.get("/events?topic=a").connect().await;
        stream.expect_retry().await;
        stalled.push(stream);
    }
    publish(&client, "a", &"x".repeat(250_000)).await;
    while metric(&client, "sse_stalled_connections").await < 100.0 {
        tokio::task::yield_now().await;
    }
    let pinned = metric(&client, "sse_pinned_bytes").await;
    assert!((250_000.0..251_000.0).contains(&pinned), "{pinned}");
    assert_eq!(hub.subscribers(), 100);
    drop(stalled);
    while metric(&client, "sse_stalled_connections").await > 0.0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(metric(&client, "sse_pinned_bytes").await, 0.0);
}

#[tokio::test(start_paused = true)]
async fn who_is_too_many_bytes_behind_is_ended() {
    let (_, client) = hub_over(300, |config| config.stream.lag_bytes = 10_000);
    let mut slow = client.get("/events?topic=a").skip_events(["sse-cursor"]).connect().await;
    slow.expect_retry().await;
    for i in 0..40 {
        publish(&client, "a", &format!("{i} {}", "x".repeat(300))).await;
    }
    slow.expect_event(event("sse-drain").data(r#"{"reason":"lag"}"#)).await;
    slow.expect_closed().await;
    slow.reconnect().await;
    slow.expect_event(event("message").matching(|event| event.data.starts_with("0 "))).await;
}

#[tokio::test]
async fn a_read_that_panics_ends_its_stream() {
    let waker = Waker::new(Poll::new().unwrap().registry(), WAKE).unwrap();
    let inboxes = Inboxes([Inbox::new(waker)].into());
    let reader = Reader { runtime: Handle::current(), inboxes: inboxes.clone(), shard: 0 };
    let answer = Answer { reader, id: Id { index: 7, generation: 1 }, page: Err(DrainReason::Store) };
    let panicked = tokio::spawn(async move {
        let _answer = answer;
        panic!("while the store is read");
    });
    assert!(panicked.await.is_err());
    let messages = inboxes.0[0].take().unwrap();
    assert!(matches!(&messages[..], [Message::Read(Id { index: 7, .. }, Err(DrainReason::Store))]), "{messages:?}");
}
