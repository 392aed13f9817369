//! Fleets: nothing is lost under churn, whatever is planted is seen, and a seed repeats it all.

mod churn;
mod failures;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sse_testkit::{Body, BodyDropped, TestClient, event_stream, fleet::FleetView};
use tokio::sync::watch;

const S: Duration = Duration::from_secs(1);

/// A small server of numbered events, each with its number as its ID.
#[derive(Clone)]
struct Numbers {
    /// How many have been published.
    count: watch::Sender<u64>,
    /// How many are skipped at a resume: a planted fault.
    lost: u64,
    open: Arc<AtomicUsize>,
}

impl Numbers {
    fn new() -> Self {
        Self { count: watch::Sender::new(0), lost: 0, open: Arc::default() }
    }

    fn publish(&self) {
        self.count.send_modify(|count| *count += 1);
    }

    async fn publish_every(&self, time: Duration, count: u64) {
        for _ in 0..count {
            tokio::time::sleep(time).await;
            self.publish();
        }
    }

    fn client(&self) -> TestClient {
        let numbers = self.clone();
        TestClient::from_fn(async move |request: http::Request<Body>| numbers.answer(request.headers()))
    }

    fn answer(&self, headers: &http::HeaderMap) -> http::Response<Body> {
        let last = headers.get("last-event-id").map(|id| id.to_str().unwrap().parse::<u64>().unwrap());
        let mut next = last.map_or(*self.count.borrow(), |last| last + 1 + self.lost);
        let mut count = self.count.subscribe();
        let open = Arc::clone(&self.open);
        let (feed, body) = Body::channel();
        tokio::spawn(async move {
            open.fetch_add(1, Ordering::Relaxed);
            let sent: Result<(), BodyDropped> = async {
                loop {
                    while next < *count.borrow_and_update() {
                        feed.send(format!("data: {next}\nid: {next}\n\n")).await?;
                        next += 1;
                    }
                    tokio::select! {
                        changed = count.changed() => if changed.is_err() {
                            return Ok(()); // the test is over
                        },
                        // so that it learns of those who have left
                        () = tokio::time::sleep(S) => feed.send(":\n").await?,
                    }
                }
            }
            .await;
            open.fetch_sub(1, Ordering::Relaxed);
            sent
        });
        event_stream(body)
    }
}

fn numbers(view: &FleetView) -> Vec<u64> {
    view.events().map(|event| event.data.parse().unwrap()).collect()
}

fn in_a_row(numbers: &[u64]) -> bool {
    numbers.is_sorted_by(|a, b| a + 1 == *b)
}
