//! Lives of a hub on one directory, each ended by a kill.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use sse_test_support::{hub::Hub, process::Process};
use tempfile::TempDir;
use tokio::task::block_in_place;

use super::{
    client::{Client, Subscription},
    disk::{Disk, INTERVAL},
    draw::Draw,
    load::{Harvest, Load, Manner, Subscriber},
    oracle,
    record::{Death, Durability, Life, Publish, Record, Start},
};

/// The topic of the first event of each life.
const MARKERS: &str = "marker";

/// Publishers besides those of the load.
const MARKER: usize = 1000;
const REPEATER: usize = 1001;

const ALL: &[&str] = &["**"];

/// Each wants the markers, to know when it has caught up.
const SUBSCRIBERS: &[(&[&str], Manner)] = &[
    (ALL, Manner::Steady),
    (&["a/*", MARKERS], Manner::Steady),
    (&["b/*", "c", MARKERS], Manner::Fickle),
    (&["a/1", "b/1", MARKERS], Manner::Fickle),
    (ALL, Manner::Sleeper),
    (&["c", MARKERS], Manner::Sleeper),
];

/// How a life goes until the kill.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Plan {
    /// As fast as can be, until a number of publishes is acknowledged.
    Burst,
    /// Not as fast, and longer than events may take to the disk.
    Long,
    /// As fast as can be, then nothing at all for so long.
    Quiet,
}

pub(crate) struct Chain {
    hub: Process,
    client: Client,
    awake: Vec<(Subscriber, Subscription)>,
    asleep: Vec<Subscriber>,
    record: Record,
    draw: Draw,
    clock: Instant,
    disk: Disk,
    directory: TempDir,
}

impl Chain {
    /// The first life, on an empty directory.
    pub(crate) async fn begin(durability: Durability, draw: Draw) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Instant::now();
        let hub = start(durability, directory.path());
        let mut chain = Self {
            client: Client::new(hub.address(), clock),
            hub,
            awake: Vec::new(),
            asleep: Vec::new(),
            record: Record { durability, lives: Vec::new() },
            draw,
            clock,
            disk: Disk::watch(directory.path()),
            directory,
        };
        let subscriber = |&(selectors, manner)| Subscriber { selectors, manner, last_event_id: None };
        chain.begin_life(SUBSCRIBERS.iter().map(subscriber).collect()).await;
        chain
    }

    /// Load, a kill, a start, and whether all is as it should be; the words are for a display.
    pub(crate) async fn round(&mut self, plan: Plan) -> String {
        let crash = self.record.lives.len() - 1;
        let subscribers = self.load(plan).await;
        self.hub = start(self.record.durability, self.directory.path());
        self.client = Client::new(self.hub.address(), self.clock);
        self.begin_life(subscribers).await;
        self.judge();
        let publishes = self.record.lives[crash].publishes.len();
        format!("{plan:?}, {publishes} publishes, {} events lost", oracle::lost(&self.record, crash))
    }

    /// Reads all there is, lets everyone come back, and publishes some again.
    async fn begin_life(&mut self, subscribers: Vec<Subscriber>) {
        let mut life = Life::default();
        let number = self.record.lives.len();
        let mut places = self.old_places();
        let newcomer = self.newcomer().await;
        places.extend(newcomer.session.position().map(ToOwned::to_owned));

        let mut streams = vec![self.subscribe(ALL, Start::Earliest).await];
        for id in places {
            streams.push(self.subscribe(ALL, Start::After(id)).await);
        }
        for subscriber in subscribers {
            if subscriber.manner == Manner::Sleeper && number % 2 == 1 {
                self.asleep.push(subscriber);
            } else {
                let start = subscriber.last_event_id.clone().map_or(Start::Head, Start::After);
                let stream = self.subscribe(subscriber.selectors, start).await;
                self.awake.push((subscriber, stream));
            }
        }
        // Published after all are there, so what is read through it is a past that is caught up with, and a bit of
        // the present.
        let marker = self.client.publish(MARKER, MARKERS, format!("{MARKERS},life-{number}")).await;
        life.marker = marker.id().expect("the hub is alive").to_owned();
        life.publishes.push(marker);
        let awake = self.awake.iter_mut().map(|(_, stream)| stream);
        join_all(streams.iter_mut().chain(awake).map(|stream| stream.through(&life.marker))).await;

        life.publishes.extend(self.publish_again().await);
        let open = self.awake.iter().map(|(_, stream)| stream.session.clone());
        life.sessions = streams.into_iter().chain([newcomer]).map(|stream| stream.session).chain(open).collect();
        self.record.lives.push(life);
    }

    /// Where clients were, at any time: the newest, which may be lost, and some others.
    fn old_places(&mut self) -> Vec<String> {
        let ids: Vec<&str> = self.record.ids().into_iter().collect();
        if ids.is_empty() {
            return Vec::new();
        }
        let newest = ids.iter().rev().take(3).copied();
        let others = (0..6).map(|_| self.draw.pick(&ids));
        newest.chain(others).map(ToOwned::to_owned).collect()
    }

    /// One who gets a place before anything is published, and goes.
    async fn newcomer(&self) -> Subscription {
        let mut stream = self.subscribe(ALL, Start::Head).await;
        assert!(stream.until(|items| !items.is_empty()).await, "a stream opens with a cursor");
        stream
    }

    async fn subscribe(&self, selectors: &'static [&'static str], start: Start) -> Subscription {
        self.client.subscribe(selectors, start).await.expect("the hub is alive")
    }

    /// Publishers that got no answer try again, and some that did: the last before the kill, and others.
    async fn publish_again(&mut self) -> Vec<Publish> {
        let Some(last) = self.record.lives.last() else { return Vec::new() };
        let mut answered: Vec<&Publish> = last.publishes.iter().filter(|publish| publish.id().is_some()).collect();
        answered.sort_by_key(|publish| publish.id());
        let unanswered = last.publishes.iter().filter(|publish| publish.id().is_none());
        let all: Vec<&Publish> = self.record.lives.iter().flat_map(|life| &life.publishes).collect();
        let some = (0..6).map(|_| self.draw.pick(&all));
        let again = unanswered.chain(answered.into_iter().rev().take(6)).chain(some);
        let again: BTreeMap<_, _> = again.map(|publish| (publish.content.clone(), publish.topic)).collect();

        let mut published = Vec::new();
        for (content, topic) in again {
            published.push(self.client.publish(REPEATER, topic, content).await);
        }
        published
    }

    /// From full life to a sudden end.
    async fn load(&mut self, plan: Plan) -> Vec<Subscriber> {
        let number = self.record.lives.len() - 1;
        let pause = Duration::from_millis(if matches!(plan, Plan::Long) { 5 } else { 0 });
        let awake = std::mem::take(&mut self.awake);
        let mut load = Load::start(&self.client, number, awake, pause, &mut self.draw);
        match plan {
            Plan::Burst => {
                let count = self.draw.between(1, 1500);
                load.until(|acknowledged| acknowledged.count >= count).await;
            }
            Plan::Long => {
                let time = self.disk.window() + Duration::from_millis(self.draw.between(1, 1500) as u64);
                load.until(|acknowledged| acknowledged.last >= acknowledged.first + time).await;
            }
            Plan::Quiet => {
                let count = self.draw.between(1, 500);
                load.until(|acknowledged| acknowledged.count >= count).await;
                let last = load.rest().await;
                self.quiet_since(last).await;
            }
        }
        let death = self.kill(matches!(plan, Plan::Quiet));
        let Harvest { publishes, sessions, mut subscribers } = load.harvest().await;
        let life = &mut self.record.lives[number];
        life.publishes.extend(publishes);
        life.sessions.extend(sessions);
        life.death = Some(death);
        subscribers.append(&mut self.asleep);
        subscribers
    }

    /// Waits until all that was published through this time has to be on the disk.
    async fn quiet_since(&self, last: Duration) {
        while let Some(rest) = (last + self.disk.window()).checked_sub(self.clock.elapsed()) {
            tokio::time::sleep(rest + Duration::from_millis(1)).await;
        }
    }

    fn kill(&mut self, quiet: bool) -> Death {
        // Killed just when it has acknowledged something, the hub would always be at the same point of its work.
        let apart = Duration::from_micros(self.draw.below(20_000) as u64);
        block_in_place(|| {
            std::thread::sleep(apart);
            let death = Death { at: self.clock.elapsed(), window: self.disk.window(), quiet };
            self.hub.kill();
            death
        })
    }

    fn judge(&mut self) {
        let faults = oracle::faults(&self.record);
        if faults.is_empty() {
            return;
        }
        self.directory.disable_cleanup(true);
        let shown: Vec<_> = faults.iter().take(20).map(|fault| format!("\n  {fault}")).collect();
        let (count, kept) = (faults.len(), self.directory.path().display());
        panic!("faults: {count}; the hub's directory is kept in {kept}{}", shown.concat());
    }
}

/// A hub on what there is in the directory.
fn start(durability: Durability, directory: &Path) -> Process {
    let data = directory.join("data");
    block_in_place(|| {
        Hub::built().start(&[
            ("SSE__STORE__KIND", "redb"),
            ("SSE__STORE__PATH", data.to_str().unwrap()),
            ("SSE__STORE__DURABILITY", &durability.to_string()),
            ("SSE__STORE__SYNC_INTERVAL", &format!("{}ms", INTERVAL.as_millis())),
            // so that there are cursors, too
            ("SSE__STREAM__HEARTBEAT", "1s"),
        ])
    })
}
