//! Those beside the attacker, from another address: one who publishes again and again, and one who watches.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock},
    time::Duration,
};

use sse_core::{Item, Parser};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime::{Builder, Runtime},
    task::JoinHandle,
    time::{Instant, interval},
};

use crate::{
    eventually,
    http1::{Chunks, OTHER, connect, exchange, request},
};

/// A thread of their own: they wait for the hub, and not for the attacker's tasks.
pub(crate) fn apart() -> &'static Runtime {
    static APART: OnceLock<Runtime> = OnceLock::new();
    APART.get_or_init(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a thread"))
}

/// Between two publishes.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);

/// Bytes of an event, so that it needs room where bytes are counted.
const PADDING: usize = 1_000;

const TOPIC: &str = "bystanders/own";

/// A publisher and a watcher of the same topic.
#[derive(Debug)]
pub(crate) struct Bystanders {
    record: Arc<Mutex<Record>>,
    publisher: JoinHandle<()>,
    watcher: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Record {
    /// When each event's publish began.
    begun: Vec<Instant>,
    /// How long each publish took, of those that were acknowledged.
    publishes: Vec<Duration>,
    /// How long after its publish began each event was there.
    deliveries: Vec<Duration>,
    faults: Vec<String>,
    open: bool,
    /// The word with which the hub ended the stream.
    last_word: Option<String>,
    ended: bool,
}

/// What they waited in some time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waits {
    pub(crate) publish_p99: Duration,
    pub(crate) delivery_p99: Duration,
    pub(crate) longest: Duration,
}

/// A place in the record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    publishes: usize,
    deliveries: usize,
}

impl Bystanders {
    /// Sets both going, with a `pause` between two publishes, and waits until the stream is open.
    pub(crate) async fn begin(hub: SocketAddr, pause: Duration) -> Self {
        let record = Arc::new(Mutex::new(Record::default()));
        let watcher = apart().spawn(watch(hub, record.clone()));
        eventually("the bystanders' stream opens", async || record.lock().unwrap().open).await;
        let publisher = apart().spawn(publish(hub, record.clone(), pause));
        let own = Self { record, publisher, watcher };
        own.after(3).await;
        own
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap()
    }

    pub(crate) fn mark(&self) -> Mark {
        let record = self.record();
        Mark { publishes: record.publishes.len(), deliveries: record.deliveries.len() }
    }

    /// Waits for some more publishes.
    pub(crate) async fn after(&self, publishes: usize) {
        let until = self.mark().publishes + publishes;
        eventually("the bystanders publish", async || {
            let record = self.record();
            record.publishes.len() >= until || !record.faults.is_empty()
        })
        .await;
    }

    pub(crate) fn waits_since(&self, mark: Mark) -> Waits {
        let record = self.record();
        let publishes = &record.publishes[mark.publishes..];
        let deliveries = &record.deliveries[mark.deliveries..];
        let longest = publishes.iter().chain(deliveries).max().copied().unwrap_or_default();
        Waits { publish_p99: p99(publishes), delivery_p99: p99(deliveries), longest }
    }

    /// What was not right with them. From now on nothing more is published; all that was is waited for.
    pub(crate) async fn rest(&self) -> Vec<String> {
        self.publisher.abort();
        let settled = async || {
            let record = self.record();
            record.deliveries.len() >= record.publishes.len() || !record.faults.is_empty()
        };
        eventually("the bystanders' events arrive", settled).await;
        self.record().faults.clone()
    }

    /// The hub's last word to the watcher, once its stream has ended in good order.
    pub(crate) async fn last_word(&self) -> Option<String> {
        eventually("the bystanders' stream ends", async || self.record().ended).await;
        self.record().last_word.clone()
    }
}

impl Drop for Bystanders {
    fn drop(&mut self) {
        self.publisher.abort();
        self.watcher.abort();
    }
}

fn p99(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get((sorted.len() * 99 / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

async fn publish(hub: SocketAddr, record: Arc<Mutex<Record>>, pause: Duration) {
    let mut pace = interval(pause);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        let begun = Instant::now();
        let number = {
            let mut record = record.lock().unwrap();
            record.begun.push(begun);
            record.begun.len() - 1
        };
        let data = format!("{number} {}", "x".repeat(PADDING));
        let publish = request(&format!("POST /publish/{TOPIC}"), &[], data.as_bytes());
        let answer = exchange(OTHER, hub, &publish).await;
        let mut record = record.lock().unwrap();
        match answer {
            Ok(answer) if answer.status == 200 => record.publishes.push(begun.elapsed()),
            answer => return record.faults.push(format!("a bystander's publish came to {answer:?}")),
        }
    }
}

async fn watch(hub: SocketAddr, record: Arc<Mutex<Record>>) {
    let fault = |text: String| record.lock().unwrap().faults.push(text);
    let mut socket = match connect(OTHER, hub).await {
        Ok(socket) => socket,
        Err(error) => return fault(format!("a bystander can't connect: {error}")),
    };
    let request = format!("GET /events?topic={TOPIC} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let _ = socket.write_all(request.as_bytes()).await;
    let (mut head, mut chunks, mut parser) = (Some(Vec::new()), Chunks::default(), Parser::new());
    let mut piece = Vec::new();
    while !matches!(socket.read_buf(&mut piece).await, Ok(0) | Err(_)) {
        if let Some(mut begun) = head.take() {
            begun.append(&mut piece);
            match begun.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(end) => piece = begun.split_off(end + 4),
                None => head = Some(begun),
            }
        }
        let mut record = record.lock().unwrap();
        parser.feed(&chunks.feed(&piece), |item| {
            if let Item::Event(event) = item {
                record.take(event.name(), event.data());
            }
        });
        piece.clear();
    }
    let mut record = record.lock().unwrap();
    if !chunks.ended() || record.last_word.is_none() {
        record.faults.push("a bystander's stream broke off".to_owned());
    }
    record.ended = true;
}

impl Record {
    fn take(&mut self, name: &str, data: &str) {
        match name {
            "sse-cursor" => self.open = true,
            "sse-drain" => {
                self.last_word = Some(data.to_owned());
                if !data.contains("shutdown") {
                    self.faults.push(format!("a bystander's stream ends with {data}"));
                }
            }
            "message" => match data.split(' ').next().unwrap_or_default().parse::<usize>() {
                Ok(number) if number == self.deliveries.len() => {
                    let took = self.begun.get(number).map_or(Duration::ZERO, Instant::elapsed);
                    self.deliveries.push(took);
                }
                _ => self.faults.push(format!("a bystander got {data:.20} as its event {}", self.deliveries.len())),
            },
            name => self.faults.push(format!("a bystander got {name}: {data}")),
        }
    }
}
