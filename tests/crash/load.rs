//! Publishers and subscribers, all at it until the hub dies.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle, time::timeout};

use super::{
    client::{Broken, Client, Subscription},
    draw::Draw,
    record::{End, Outcome, Publish, Session, Start},
};

const TOPICS: [&str; 6] = ["a/1", "a/2", "b/1", "b/2", "b/3", "c"];

const PUBLISHERS: usize = 8;

/// A load that does not get so far in this time never will.
const PATIENCE: Duration = Duration::from_secs(120);

/// One who comes back after every crash, with the last ID that it got.
#[derive(Clone)]
pub(crate) struct Subscriber {
    pub(crate) selectors: &'static [&'static str],
    pub(crate) manner: Manner,
    pub(crate) last_event_id: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Steady,
    /// Leaves and comes back all the time.
    Fickle,
    /// Is away in every other life.
    Sleeper,
}

/// What publishers were told so far.
#[derive(Clone, Copy, Default)]
pub(crate) struct Acknowledged {
    pub(crate) count: usize,
    pub(crate) first: Duration,
    pub(crate) last: Duration,
}

pub(crate) struct Load {
    publishers: Vec<JoinHandle<Vec<Publish>>>,
    subscribers: Vec<JoinHandle<(Subscriber, Vec<Session>)>>,
    acknowledged: watch::Receiver<Acknowledged>,
    enough: Arc<AtomicBool>,
}

/// All that a load has brought.
pub(crate) struct Harvest {
    pub(crate) publishes: Vec<Publish>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) subscribers: Vec<Subscriber>,
}

impl Load {
    /// Sets everyone going. `pause` is what a publisher rests between two publishes.
    pub(crate) fn start(
        client: &Client,
        life: usize,
        subscribers: Vec<(Subscriber, Subscription)>,
        pause: Duration,
        draw: &mut Draw,
    ) -> Self {
        let (tell, acknowledged) = watch::channel(Acknowledged::default());
        let enough = Arc::new(AtomicBool::new(false));
        let publishers = (0..PUBLISHERS).map(|number| {
            let publisher = Publisher { client: client.clone(), life, number, pause, draw: draw.fork() };
            tokio::spawn(publisher.run(tell.clone(), enough.clone()))
        });
        let publishers = publishers.collect();
        let subscribers = subscribers
            .into_iter()
            .map(|(subscriber, stream)| tokio::spawn(follow(client.clone(), subscriber, stream, draw.fork())));
        Self { publishers, subscribers: subscribers.collect(), acknowledged, enough }
    }

    /// Waits until the publishers have come so far.
    pub(crate) async fn until(&mut self, so: impl Fn(&Acknowledged) -> bool) {
        let waited = timeout(PATIENCE, self.acknowledged.wait_for(|acknowledged| so(acknowledged))).await;
        waited.expect("the load gets on").expect("no publish fails before the kill");
    }

    /// Waits until no publisher has anything under way; when the last was answered.
    pub(crate) async fn rest(&mut self) -> Duration {
        self.enough.store(true, Ordering::Relaxed);
        // it closes when the last publisher is gone
        while timeout(PATIENCE, self.acknowledged.changed()).await.expect("the publishers finish").is_ok() {}
        self.acknowledged.borrow().last
    }

    /// What there is once the hub is dead.
    pub(crate) async fn harvest(self) -> Harvest {
        let mut harvest = Harvest { publishes: Vec::new(), sessions: Vec::new(), subscribers: Vec::new() };
        for publisher in self.publishers {
            harvest.publishes.extend(publisher.await.unwrap());
        }
        for subscriber in self.subscribers {
            let (subscriber, sessions) = subscriber.await.unwrap();
            harvest.subscribers.push(subscriber);
            harvest.sessions.extend(sessions);
        }
        harvest
    }
}

struct Publisher {
    client: Client,
    life: usize,
    number: usize,
    pause: Duration,
    draw: Draw,
}

impl Publisher {
    /// Publishes one event after the other, until there is enough or one is not answered.
    async fn run(mut self, tell: watch::Sender<Acknowledged>, enough: Arc<AtomicBool>) -> Vec<Publish> {
        let mut published = Vec::new();
        while !enough.load(Ordering::Relaxed) {
            let (topic, content) = self.next(published.len());
            let publish = self.client.publish(self.number, topic, content).await;
            let outcome = publish.outcome.clone();
            published.push(publish);
            let Outcome::Acknowledged { at, .. } = outcome else { break };
            tell.send_modify(|acknowledged| {
                if acknowledged.count == 0 {
                    acknowledged.first = at;
                }
                acknowledged.count += 1;
                acknowledged.last = acknowledged.last.max(at);
            });
            if !self.pause.is_zero() {
                tokio::time::sleep(self.pause).await;
            }
        }
        published
    }

    /// Mostly short, now and then some pages long.
    fn next(&mut self, count: usize) -> (&'static str, String) {
        let topic = self.draw.pick(&TOPICS);
        let padding = if self.draw.below(50) == 0 { self.draw.below(20_000) } else { self.draw.below(100) };
        let Self { life, number, .. } = self;
        (topic, format!("{topic},life-{life},publisher-{number},{count} {}", "x".repeat(padding)))
    }
}

/// Reads until the stream breaks off.
async fn follow(
    client: Client,
    mut subscriber: Subscriber,
    mut stream: Subscription,
    mut draw: Draw,
) -> (Subscriber, Vec<Session>) {
    let mut sessions = Vec::new();
    loop {
        let already = stream.session.items.len();
        let patience = match subscriber.manner {
            Manner::Fickle => already + draw.between(1, 60),
            Manner::Steady | Manner::Sleeper => usize::MAX,
        };
        let cut = stream.until(|items| items.len() >= patience).await;
        subscriber.last_event_id = stream.session.position().map(ToOwned::to_owned);
        let Some(start) = subscriber.last_event_id.clone().map(Start::After) else { return (subscriber, sessions) };
        sessions.push(stream.session);
        if !cut {
            return (subscriber, sessions);
        }
        match client.subscribe(subscriber.selectors, start.clone()).await {
            Ok(next) => stream = next,
            Err(Broken { at }) => {
                let items = Vec::new();
                sessions.push(Session { selectors: subscriber.selectors, start, items, end: End::Broken { at } });
                return (subscriber, sessions);
            }
        }
    }
}
