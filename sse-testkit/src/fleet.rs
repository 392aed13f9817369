//! Many browsers at once that come and go.
//!
//! ```text
//!   Fleet ── open ──▶ one task for each client: stays, goes offline, comes back ──▶ records ──▶ views
//!                                                                                      └──▶ observers
//! ```

mod client;
mod running;
mod state;
mod view;

use std::{fmt, sync::Arc, time::Duration};

use tokio::task::JoinSet;

use crate::{browser::BrowserClient, ledger::Ledger, random::Random, seen::Event};
use client::{Churn, Client, IsGap};
use running::Drawn;
use state::{FleetState, Observer, Slot};

pub use running::RunningFleet;
pub use view::{FleetView, Observed, Record};

/// The time allowed for what a test awaits of a fleet, unless it sets another.
const WITHIN: Duration = Duration::from_secs(30);

/// Many [`BrowserClient`]s at once, in tasks of their own, that come and go at times drawn from a seed.
///
/// ```
/// use std::{sync::OnceLock, time::Duration};
/// use sse_testkit::{Body, Fleet, TestClient, event_stream};
/// use tokio::time::{Instant, sleep, sleep_until};
///
/// // an event each second; a client that was away gets what it missed
/// async fn server(request: http::Request<Body>) -> http::Response<Body> {
///     static START: OnceLock<Instant> = OnceLock::new();
///     let start = *START.get_or_init(Instant::now);
///     let last = request.headers().get("last-event-id");
///     let next = last.map_or(0, |id| id.to_str().unwrap().parse::<u64>().unwrap() + 1);
///     let (feed, body) = Body::channel();
///     tokio::spawn(async move {
///         for n in next.. {
///             sleep_until(start + Duration::from_secs(n)).await;
///             feed.send(format!("data: {n}\nid: {n}\n\n")).await?;
///         }
///         Ok::<(), sse_testkit::BodyDropped>(())
///     });
///     event_stream(body)
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let mut fleet = Fleet::of(20)
///     .seed(7)
///     .churn(Duration::from_secs(10), Duration::from_secs(5)) // there and away, on average
///     .open(TestClient::from_fn(server));
/// sleep(Duration::from_secs(60)).await;
/// fleet.calm().await; // all are back, and stay
/// fleet.within(Duration::from_secs(100)).all_saw(|event| event.data == "99").await;
/// for view in fleet.close() {
///     let seen: Vec<u64> = view.events().map(|event| event.data.parse().unwrap()).collect();
///     assert!(seen.is_sorted_by(|a, b| a + 1 == *b), "nothing lost, nothing double: {view}");
/// }
/// # }
/// ```
#[must_use = "a fleet does nothing until it is opened"]
pub struct Fleet {
    size: usize,
    seed: u64,
    churn: Option<Churn>,
    path: Box<dyn Fn(usize) -> String + Send>,
    is_gap: IsGap,
    observers: Vec<Box<dyn Fn(usize) -> Observer + Send>>,
    ledgers: Vec<Ledger>,
    within: Duration,
}

impl Fleet {
    /// A fleet of `size` clients. By default all of them open `/events`, and stay.
    ///
    /// ```
    /// # use sse_testkit::{Fleet, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: hello\n\n"));
    /// let mut fleet = Fleet::of(100).open(client);
    /// fleet.all_saw(|event| event.data == "hello").await;
    /// # }
    /// ```
    pub fn of(size: usize) -> Self {
        Self {
            size,
            seed: 0,
            churn: None,
            path: Box::new(|_| "/events".into()),
            is_gap: Arc::new(|_| false),
            observers: Vec::new(),
            ledgers: Vec::new(),
            within: WITHIN,
        }
    }

    /// Sets the seed of everything that is drawn. Default 0. In virtual time the same seed gives the same views. A
    /// failure prints it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sse_testkit::{Body, Fleet, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| {
    /// #     let (feed, body) = Body::channel();
    /// #     tokio::spawn(async move { tokio::time::sleep(Duration::from_secs(100)).await; drop(feed) });
    /// #     event_stream(body)
    /// # });
    /// let second = Duration::from_secs(1);
    /// let mut views = Vec::new();
    /// for _ in 0..2 {
    ///     let fleet = Fleet::of(3).seed(7).churn(20 * second, 10 * second).open(&client);
    ///     tokio::time::sleep(60 * second).await;
    ///     views.push(fleet.close());
    /// }
    /// assert_eq!(views[0], views[1]);
    /// # }
    /// ```
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Makes the clients come and go, until [`calm`](RunningFleet::calm). Each goes offline after a time between zero
    /// and twice `mean_stay`, and stays away for between zero and twice `mean_away`; both are drawn anew each time. It
    /// comes back with the last event ID of what it has seen but, like a browser, not before the reconnection time has
    /// passed; for quicker clients see [`BrowserClient::reconnection_time`]. A stay begins with the request, so it may
    /// be over before the answer comes.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sse_testkit::{Body, Fleet, TestClient, event_stream, fleet::Observed};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| {
    /// #     let (feed, body) = Body::channel();
    /// #     tokio::spawn(async move { tokio::time::sleep(Duration::from_secs(1000)).await; drop(feed) });
    /// #     event_stream(body)
    /// # });
    /// let minute = Duration::from_secs(60);
    /// let fleet = Fleet::of(2).churn(minute, minute / 6).open(client);
    /// tokio::time::sleep(10 * minute).await;
    /// for view in fleet.close() {
    ///     assert!(view.records.iter().filter(|record| record.what == Observed::Left).count() > 3);
    /// }
    /// # }
    /// ```
    pub const fn churn(mut self, mean_stay: Duration, mean_away: Duration) -> Self {
        self.churn = Some(Churn { mean_stay, mean_away });
        self
    }

    /// Sets the path that each client opens; `path` is given the client's number, from 0.
    ///
    /// ```
    /// # use sse_testkit::{Fleet, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |request| {
    /// #     event_stream(format!("data: {}\n\n", request.uri()))
    /// # });
    /// let mut fleet = Fleet::of(100).path(|n| format!("/events?topic=t{}", n % 10)).open(client);
    /// fleet.until_all(|view| view.events().any(|event| event.data == view.path)).await;
    /// # }
    /// ```
    pub fn path(mut self, path: impl Fn(usize) -> String + Send + 'static) -> Self {
        self.path = Box::new(path);
        self
    }

    /// Sets which events announce that something was lost. They are recorded as [`Observed::Gap`].
    ///
    /// ```
    /// # use sse_testkit::{Fleet, TestClient, event_stream, fleet::Observed};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("event: sse-gap\ndata:\n\ndata: a\n\n"));
    /// let mut fleet = Fleet::of(1).gaps(|event| event.name == "sse-gap").open(client);
    /// fleet.all_saw(|event| event.data == "a").await;
    /// let view = &fleet.views()[0];
    /// assert!(matches!(view.records[1].what, Observed::Gap(_)));
    /// assert_eq!(view.events().count(), 1);
    /// # }
    /// ```
    pub fn gaps(mut self, is_gap: impl Fn(&Event) -> bool + Send + Sync + 'static) -> Self {
        self.is_gap = Arc::new(is_gap);
        self
    }

    /// Calls a closure with each record as it is made, in the task of the client. `observe` is given the client's
    /// number, and returns the closure.
    ///
    /// ```
    /// # use std::sync::{Arc, Mutex};
    /// # use sse_testkit::{Fleet, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
    /// let log = Arc::new(Mutex::new(Vec::new()));
    /// let lines = Arc::clone(&log);
    /// let mut fleet = Fleet::of(1)
    ///     .observe(move |client| {
    ///         let lines = Arc::clone(&lines);
    ///         move |record| lines.lock().unwrap().push(format!("client {client}: {record}"))
    ///     })
    ///     .open(client);
    /// fleet.all_saw(|event| event.data == "a").await;
    /// assert_eq!(log.lock().unwrap()[1], "client 0: 0.000 s  event \"message\", data \"a\"");
    /// # }
    /// ```
    pub fn observe<F, O>(mut self, observe: F) -> Self
    where
        F: Fn(usize) -> O + Send + 'static,
        O: FnMut(&Record) + Send + 'static,
    {
        self.observers.push(Box::new(move |client| Box::new(observe(client))));
        self
    }

    /// Enters what each client sees in `ledger`, as readers named `client 0`, `client 1` and so on; also the seed,
    /// which the ledger shows if it is not clean.
    ///
    /// ```
    /// # use sse_testkit::{Fleet, Ledger, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
    /// let ledger = Ledger::new();
    /// ledger.publish("topic", "a").acknowledged("");
    /// let mut fleet = Fleet::of(3).ledger(&ledger).open(client);
    /// fleet.all_saw(|event| event.data == "a").await;
    /// ledger.check().expect_clean();
    /// # }
    /// ```
    pub fn ledger(mut self, ledger: &Ledger) -> Self {
        self.ledgers.push(ledger.clone());
        let ledger = ledger.clone();
        self.observe(move |client| {
            let reader = ledger.reader(format!("client {client}"));
            move |record: &Record| match &record.what {
                Observed::Connected { last_event_id } => reader.connected(last_event_id),
                Observed::Event(event) => reader.saw(event),
                Observed::Gap(event) => reader.gap(event),
                Observed::Broke { .. } | Observed::Left | Observed::Closed { .. } => reader.left(),
            }
        })
    }

    /// Sets the time allowed for whatever is awaited of the fleet, in tokio's time. Default: 30 seconds.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sse_testkit::{Fleet, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| {
    /// #     tokio::time::sleep(Duration::from_secs(50)).await;
    /// #     event_stream("data: late\n\n")
    /// # });
    /// let mut fleet = Fleet::of(3).within(Duration::from_secs(60)).open(client);
    /// fleet.all_saw(|event| event.data == "late").await;
    /// # }
    /// ```
    pub const fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Opens all the streams, through a [`TestClient`](crate::TestClient) or a [`BrowserClient`], whose options apply
    /// to all of them. Dropping the returned fleet ends them.
    ///
    /// ```
    /// # use sse_testkit::{BrowserClient, Fleet, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("event: sse-cursor\ndata:\n\ndata: a\n\n"));
    /// let browser = BrowserClient::new(client).firefox().skip_events(["sse-cursor"]);
    /// let mut fleet = Fleet::of(3).open(browser);
    /// fleet.all_saw(|event| event.data == "a").await;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If a path can't be a request's target, or there is no tokio runtime.
    #[must_use]
    #[track_caller]
    pub fn open(self, browser: impl Into<BrowserClient>) -> RunningFleet {
        let browser = browser.into();
        let paths: Vec<String> = (0..self.size).map(&self.path).collect();
        let slots = paths.iter().enumerate().map(|(n, path)| {
            let observers = self.observers.iter().map(|observe| observe(n)).collect();
            Slot::new(FleetView::new(n, path.clone()), observers)
        });
        let state = Arc::new(FleetState::new(slots.collect()));
        let faults = browser.plan();
        for ledger in &self.ledgers {
            let over = faults.as_ref().map_or_else(String::new, |faults| format!(", over {faults}"));
            ledger.drawn(format!("a fleet of {}, seed {}{over}", self.size, self.seed));
        }
        let mut tasks = JoinSet::new();
        for (n, path) in paths.iter().enumerate() {
            let client = Client {
                n,
                stream: browser.open(path),
                state: Arc::clone(&state),
                is_gap: Arc::clone(&self.is_gap),
                random: Random::of(self.seed, n as u64),
            };
            tasks.spawn(client.live(self.churn));
        }
        RunningFleet::new(state, tasks, Drawn { seed: self.seed, faults }, self.within)
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet")
            .field("size", &self.size)
            .field("seed", &self.seed)
            .field("churn", &self.churn)
            .field("within", &self.within)
            .finish_non_exhaustive()
    }
}
