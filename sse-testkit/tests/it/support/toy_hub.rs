//! A hub in a page, right unless it is told what to do wrong: what the kit's checks have to find.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use sse_testkit::{Body, BodyDropped, BodySender, TestClient, event_stream};
use tokio::{sync::watch, time::timeout};

pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    None,
    LosesOneOnResume,
    DoublesOneOnResume,
    ReordersAcrossTopics,
    HasNoHeartbeat,
    LetsCrThrough,
    NeverEndsOnDrain,
}

#[derive(Clone)]
pub(crate) struct ToyHub(Arc<Shared>);

struct Shared {
    bug: Bug,
    /// Topics and data; an event's ID is its place, from 1 on.
    log: Mutex<Vec<(String, String)>>,
    /// How long the log is, and whether the hub is about to stop.
    news: watch::Sender<(usize, bool)>,
}

impl ToyHub {
    pub(crate) fn new(bug: Bug) -> Self {
        Self(Arc::new(Shared { bug, log: Mutex::default(), news: watch::Sender::new((0, false)) }))
    }

    pub(crate) fn client(&self) -> TestClient {
        let hub = self.clone();
        TestClient::from_fn(async move |request: http::Request<Body>| {
            let id = request.headers().get("last-event-id").map(|id| id.to_str().unwrap().parse().unwrap());
            let (feed, body) = Body::channel();
            tokio::spawn(hub.serve(id, feed));
            event_stream(body)
        })
    }

    /// The event's ID.
    pub(crate) fn publish(&self, topic: &str, data: &str) -> String {
        let mut log = self.0.log.lock().unwrap();
        log.push((topic.into(), data.into()));
        self.0.news.send_modify(|news| news.0 = log.len());
        log.len().to_string()
    }

    pub(crate) fn drain(&self) {
        self.0.news.send_modify(|news| news.1 = true);
    }

    async fn serve(self, resume: Option<usize>, feed: BodySender) -> Result<(), BodyDropped> {
        let Shared { bug, news, .. } = &*self.0;
        let mut told = news.subscribe();
        let mut next = match (resume, bug) {
            (None, _) => told.borrow().0,
            (Some(id), Bug::LosesOneOnResume) => id + 1,
            (Some(id), Bug::DoublesOneOnResume) => id.saturating_sub(1),
            (Some(id), _) => id,
        };
        // who leaves before the first event comes back to here
        feed.send(format!(":\nid: {next}\n\n")).await?;
        loop {
            let (end, draining) = *told.borrow_and_update();
            for event in self.read(next, end) {
                feed.send(event).await?;
            }
            next = next.max(end);
            if draining && *bug != Bug::NeverEndsOnDrain {
                return Ok(());
            }
            if timeout(HEARTBEAT, told.changed()).await.is_err() && *bug != Bug::HasNoHeartbeat {
                feed.send(":\n").await?;
            }
        }
    }

    fn read(&self, from: usize, to: usize) -> Vec<String> {
        let log = self.0.log.lock().unwrap();
        let mut places: Vec<usize> = (from..to).collect();
        if self.0.bug == Bug::ReordersAcrossTopics {
            places.sort_by_key(|place| &log[*place].0); // each topic for itself is in order
        }
        let lines = |data: &str| match self.0.bug {
            Bug::LetsCrThrough => data.replace('\n', "\ndata: "),
            _ => data.replace("\r\n", "\n").replace(['\r', '\n'], "\ndata: "),
        };
        places.into_iter().map(|place| format!("data: {}\nid: {}\n\n", lines(&log[place].1), place + 1)).collect()
    }
}
