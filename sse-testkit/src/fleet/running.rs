//! A running fleet, as the test sees it.

use std::{
    any::Any,
    fmt,
    future::pending,
    panic::{Location, resume_unwind},
    sync::Arc,
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

use super::{
    client::{Either, race},
    state::FleetState,
    view::FleetView,
};
use crate::{seen::Event, time::deadline, timeline::Clock};

/// The number of late clients that a report shows, and of records of each, the most recent ones.
const CLIENTS_SHOWN: usize = 5;
const RECORDS_SHOWN: usize = 20;

/// A running [`Fleet`](crate::Fleet). Dropping it ends all its streams.
///
/// ```
/// # use sse_testkit::{Fleet, TestClient, event_stream};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\ndata: b\n\n"));
/// let mut fleet = Fleet::of(10).open(client);
/// fleet.all_saw(|event| event.data == "b").await;
/// let views = fleet.close();
/// assert!(views.iter().all(|view| view.events().count() >= 2));
/// # }
/// ```
#[derive(Debug)]
pub struct RunningFleet {
    state: Arc<FleetState>,
    tasks: JoinSet<()>,
    drawn: Drawn,
    usual: Duration,
    /// For the next awaited thing only.
    within: Option<Duration>,
}

/// What is needed to repeat the run.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    pub(super) seed: u64,
    pub(super) faults: Option<String>,
}

impl RunningFleet {
    pub(super) const fn new(state: Arc<FleetState>, tasks: JoinSet<()>, drawn: Drawn, usual: Duration) -> Self {
        Self { state, tasks, drawn, usual, within: None }
    }

    /// Sets the time allowed for what is awaited next, in tokio's time, in place of that of the
    /// [fleet](crate::Fleet::within).
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
    /// let mut fleet = Fleet::of(3).open(client);
    /// fleet.within(Duration::from_secs(60)).all_saw(|event| event.data == "late").await;
    /// # }
    /// ```
    #[must_use = "this is about what is awaited next"]
    pub const fn within(&mut self, time: Duration) -> &mut Self {
        self.within = Some(time);
        self
    }

    /// Waits until every client has seen an event for which `event` returns true.
    ///
    /// ```
    /// # use sse_testkit::{Fleet, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\ndata: b\n\n"));
    /// let mut fleet = Fleet::of(10).open(client);
    /// fleet.all_saw(|event| event.data == "b").await;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If a client has not seen one in the time allowed, or is closed for good before. The message has these clients
    /// and the seed.
    #[track_caller]
    pub fn all_saw(&mut self, mut event: impl FnMut(&Event) -> bool) -> impl Future<Output = ()> {
        let expected = "an event for which the closure holds";
        // the newest first: it is usually the one
        self.until(expected, Location::caller(), move |view| view.events().rev().any(&mut event))
    }

    /// Waits until `holds` returns true for the views of all clients at the same time. It is called when a view has new
    /// records, of which there may be several, so don't wait for something that is true at one record and false at the
    /// next.
    ///
    /// ```
    /// # use sse_testkit::{Fleet, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\ndata: b\n\n"));
    /// let mut fleet = Fleet::of(10).open(client);
    /// fleet.until_all(|view| view.events().count() >= 2).await;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// As [`all_saw`](Self::all_saw).
    #[track_caller]
    pub fn until_all(&mut self, holds: impl FnMut(&FleetView) -> bool) -> impl Future<Output = ()> {
        self.until("a view for which the closure holds", Location::caller(), holds)
    }

    /// Ends the coming and going, and waits until all clients are connected, or have been since this call. Connected
    /// clients stay, the others come back and get what they missed.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sse_testkit::{Body, Fleet, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| {
    /// #     let (feed, body) = Body::channel();
    /// #     tokio::spawn(async move { tokio::time::sleep(Duration::from_secs(1000)).await; drop(feed) });
    /// #     event_stream(body)
    /// # });
    /// let second = Duration::from_secs(1);
    /// let mut fleet = Fleet::of(10).churn(10 * second, 5 * second).open(client);
    /// tokio::time::sleep(60 * second).await;
    /// fleet.calm().await;
    /// assert!(fleet.views().iter().all(|view| view.is_connected()));
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// As [`all_saw`](Self::all_saw).
    #[track_caller]
    pub fn calm(&mut self) -> impl Future<Output = ()> {
        self.state.calm.send_replace(true);
        let before: Vec<u64> = (0..self.state.len()).map(|client| self.state.slot(client).view.connections()).collect();
        self.until("an open stream", Location::caller(), move |view| {
            view.is_connected() || view.connections() > before[view.client]
        })
    }

    /// What each client has seen so far.
    ///
    /// ```
    /// # use sse_testkit::{Fleet, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
    /// let mut fleet = Fleet::of(10).open(client);
    /// assert_eq!(fleet.views().len(), 10);
    /// assert!(fleet.views()[3].records.is_empty()); // nothing has been awaited yet
    /// # }
    /// ```
    #[must_use]
    pub fn views(&self) -> Vec<FleetView> {
        (0..self.state.len()).map(|client| self.state.slot(client).view.clone()).collect()
    }

    /// Ends all the streams, and returns the views. A client that was connected has
    /// [`Left`](crate::fleet::Observed::Left) as its last record.
    ///
    /// ```
    /// # use sse_testkit::{Body, Fleet, TestClient, event_stream, fleet::Observed};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| {
    /// #     let (feed, body) = Body::channel();
    /// #     tokio::spawn(async move { tokio::time::sleep(std::time::Duration::from_secs(1000)).await; drop(feed) });
    /// #     event_stream(body)
    /// # });
    /// let mut fleet = Fleet::of(10).open(client);
    /// fleet.until_all(|view| view.is_connected()).await;
    /// for view in fleet.close() {
    ///     assert_eq!(view.records.last().unwrap().what, Observed::Left);
    /// }
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If a closure that the test gave to the fleet has panicked.
    #[must_use]
    pub fn close(mut self) -> Vec<FleetView> {
        while let Some(ended) = self.tasks.try_join_next() {
            if let Err(error) = ended
                && let Ok(panic) = error.try_into_panic()
            {
                resume_unwind(panic);
            }
        }
        self.tasks.abort_all();
        self.state.end()
    }

    async fn until(
        &mut self,
        expected: &'static str,
        caller: &'static Location<'static>,
        mut holds: impl FnMut(&FleetView) -> bool,
    ) {
        let allowed = self.within.take().unwrap_or(self.usual);
        let deadline = deadline(allowed);
        let mut changed = self.state.changed.subscribe();
        let mut looks: Vec<Look> = (0..self.state.len()).map(|_| Look::default()).collect();
        loop {
            changed.borrow_and_update(); // a record that comes during the check is checked in the next round
            let mut closed = false;
            for (client, look) in looks.iter_mut().enumerate() {
                let slot = self.state.slot(client);
                let records = slot.view.len();
                if look.records != Some(records) {
                    *look = Look { records: Some(records), holds: holds(&slot.view) };
                    closed |= !look.holds && slot.view.is_closed();
                }
            }
            if looks.iter().all(|look| look.holds) {
                return;
            }
            let late = if closed {
                "and some are closed for good".into()
            } else {
                let woken = race(panicked(&mut self.tasks), changed.changed());
                match timeout_at(deadline, woken).await {
                    Ok(Either::Left(panic)) => resume_unwind(panic),
                    Ok(Either::Right(_)) if Instant::now() <= deadline => continue,
                    _ => format!("not within {allowed:?}"),
                }
            };
            let behind = (0..).zip(&looks).filter(|(_, look)| !look.holds).map(|(client, _)| client).collect();
            let report = FleetReport { expected, late, caller, drawn: self.drawn.clone(), views: self.views(), behind };
            panic!("{report}");
        }
    }
}

/// The result of the last look at a view.
#[derive(Default)]
struct Look {
    records: Option<u64>,
    holds: bool,
}

/// Waits for a panic in one of the tasks, which comes from a closure that the test gave to the fleet.
async fn panicked(tasks: &mut JoinSet<()>) -> Box<dyn Any + Send> {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended
            && let Ok(panic) = error.try_into_panic()
        {
            return panic;
        }
    }
    pending().await
}

/// The failure of a fleet that did not get there in time.
struct FleetReport {
    expected: &'static str,
    late: String,
    caller: &'static Location<'static>,
    drawn: Drawn,
    views: Vec<FleetView>,
    behind: Vec<usize>,
}

impl fmt::Display for FleetReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, behind) = (self.views.len(), self.behind.len());
        writeln!(f, "expected of every client: {}", self.expected)?;
        writeln!(f, "     got nothing of the kind from {behind} of {all}, {}", self.late)?;
        writeln!(f, "      at {}", self.caller)?;
        writeln!(f, "    seed {}", self.drawn.seed)?;
        if let Some(faults) = &self.drawn.faults {
            writeln!(f, "    over {faults}")?;
        }
        for client in self.behind.iter().take(CLIENTS_SHOWN) {
            let view = &self.views[*client];
            writeln!(f, "\n{view}")?;
            let hidden = view.records.len().saturating_sub(RECORDS_SHOWN);
            if hidden > 0 {
                writeln!(f, "            ... {hidden} before")?;
            }
            for record in &view.records[hidden..] {
                writeln!(f, "{:>10}  {}", Clock(record.at).to_string(), record.what)?;
            }
        }
        let more: Vec<_> = self.behind.iter().skip(CLIENTS_SHOWN).map(ToString::to_string).collect();
        if !more.is_empty() {
            writeln!(f, "\nand clients {}", more.join(", "))?;
        }
        Ok(())
    }
}
