//! Finite topics poured in at once, readers that come and go, and a hub that is killed in the middle: every reader gets
//! every event once, and the end.
//!
//! `SSE_CRASH_POURS` is the number of topics; the soak sets it.

use std::{
    net::SocketAddr,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use sse_test_support::{blocks::checked, hub::Hub, process::Process};
use sse_testkit::TestClient;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    task::block_in_place,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::{draw::Draw, setting};

/// The topics in the suite.
const TOPICS: usize = 20;

/// The events of each topic, and the time between two of them: 50 a second.
const EVENTS: usize = 100;
const PACE: Duration = Duration::from_millis(20);

/// Nothing takes so long.
const PATIENCE: Duration = Duration::from_secs(300);

/// The hub's address, while it lives.
type Where = watch::Receiver<Option<SocketAddr>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poured_streams_are_whole_once_and_end_though_the_hub_is_killed() {
    let topics: usize = setting("SSE_CRASH_POURS").unwrap_or(TOPICS);
    let seed = setting("SSE_CRASH_SEED").unwrap_or_else(|| getrandom::u64().unwrap());
    eprintln!("SSE_CRASH_SEED={seed} SSE_CRASH_POURS={topics}");
    let mut draw = Draw::new(seed);
    let directory = tempfile::tempdir().unwrap();
    let mut hub = start(directory.path());
    let (address, at) = watch::channel(Some(hub.address()));
    let poured = AtomicUsize::new(0);
    let all = (0..topics).map(|topic| {
        let (at, cuts) = (at.clone(), topic.is_multiple_of(2).then(|| draw.fork()));
        let poured = &poured;
        async move { tokio::join!(pour(topic, at.clone(), poured), read(topic, at, cuts)) }
    });
    let kill = async {
        // in the middle, whatever the machine makes of the pace
        while poured.load(Ordering::Relaxed) < topics * EVENTS / 2 {
            sleep(PACE).await;
        }
        block_in_place(|| hub.kill());
        address.send_replace(None);
        hub = start(directory.path());
        address.send_replace(Some(hub.address()));
    };
    let all: Vec<_> = all.collect();
    timeout(PATIENCE, async { tokio::join!(join_all(all), kill) }).await.expect("all of them end");
}

fn start(directory: &Path) -> Process {
    let path = directory.to_str().unwrap();
    let most = "100000";
    Hub::built().start(&[
        ("SSE__STORE__KIND", "redb"),
        ("SSE__STORE__PATH", path),
        ("SSE__STORE__DURABILITY", "always"),
        ("SSE__LIMITS__GROUPS_PER_ADDRESS", most),
        ("SSE__LIMITS__CONNECTIONS_PER_ADDRESS", most),
    ])
}

/// The hub's address, as soon as it lives.
async fn alive(at: &mut Where) -> SocketAddr {
    at.wait_for(Option::is_some).await.expect("the test goes on").expect("it lives")
}

/// Pours a stream in, from its start for as often as the connection breaks, until the hub has all of it.
async fn pour(topic: usize, mut at: Where, poured: &AtomicUsize) {
    let mut made = 0;
    loop {
        let hub = alive(&mut at).await;
        if let Ok(answer) = pour_once(hub, topic, &mut made, poured).await {
            let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
            assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
            assert!(body.contains(r#""ended":true"#), "{answer}");
            return;
        }
        sleep(PACE).await;
    }
}

/// One attempt. The first `made` events are there at once, as from a provider that was faster.
async fn pour_once(hub: SocketAddr, topic: usize, made: &mut usize, poured: &AtomicUsize) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(hub).await?;
    let head = format!(
        "POST /publish/runs/{topic}?end HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/event-stream\r\n\
         Idempotency-Key: run-{topic}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await?;
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for event in 0..EVENTS {
        if event >= *made {
            pace.tick().await;
            *made += 1;
            poured.fetch_add(1, Ordering::Relaxed);
        }
        let block = format!("data: {event}\n\n");
        socket.write_all(format!("{:x}\r\n{block}\r\n", block.len()).as_bytes()).await?;
    }
    socket.write_all(b"0\r\n\r\n").await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    if answer.is_empty() { Err(std::io::ErrorKind::ConnectionReset.into()) } else { Ok(answer) }
}

/// Reads a topic to its end; with `cuts`, it is cut off at random and goes on where it was.
async fn read(topic: usize, mut at: Where, mut cuts: Option<Draw>) {
    let (mut next, mut last) = (0, None);
    loop {
        let hub = alive(&mut at).await;
        let path = format!("/events?topic=runs/{topic}&since=earliest");
        let mut request = checked(&TestClient::tcp(hub)).get(&path).within(PATIENCE);
        if let Some(id) = &last {
            request = request.last_event_id(id);
        }
        let Ok(mut stream) = request.try_connect().await else {
            sleep(PACE).await;
            continue;
        };
        if stream.status() == 204 {
            assert_eq!(next, EVENTS, "topic {topic} has ended"); // cut off just before it was told
            return;
        }
        stream.expect_status(200);
        let mut left = cuts.as_mut().map_or(usize::MAX, |draw| 1 + draw.below(EVENTS / 3));
        while let Some(seen) = stream.next().await {
            let Some(event) = seen.event() else { continue };
            match &*event.name {
                "message" => {
                    assert_eq!(event.data, next.to_string(), "topic {topic}");
                    next += 1;
                }
                "sse-cursor" => {}
                "sse-end" => {
                    assert_eq!(next, EVENTS, "topic {topic} ended");
                    return ended(topic, &mut at, event.id.clone()).await;
                }
                other => panic!("topic {topic}: {other} {}", event.data),
            }
            if !event.id.is_empty() {
                last = Some(event.id.clone());
            }
            left -= 1;
            if left == 0 {
                break; // cut off
            }
        }
    }
}

/// Who comes back after the end is told that there is no need to.
async fn ended(topic: usize, at: &mut Where, id: String) {
    let hub = alive(at).await;
    let path = format!("/events?topic=runs/{topic}");
    let answer = TestClient::tcp(hub).get(&path).last_event_id(&id).within(PATIENCE).send().await;
    assert_eq!(answer.status, 204, "topic {topic}");
}
