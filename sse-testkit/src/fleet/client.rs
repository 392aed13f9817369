//! The life of one client of a fleet.

use std::{pin::pin, sync::Arc, task::Poll, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{state::FleetState, view::Observed};
use crate::{
    browser::{BrowserEvent, BrowserStream, ReadyState},
    random::Random,
    seen::Event,
    time::{TICK, later},
};

/// The bytes that the timeline of a client keeps, which nobody reads.
const TIMELINE: usize = 64 << 10;

/// The number of events that a client sees at one instant before it lets a little time pass: with a server that never
/// rests, a paused clock would never advance.
const BURST: u32 = 1 << 12;

pub(super) type IsGap = Arc<dyn Fn(&Event) -> bool + Send + Sync>;

#[derive(Debug, Clone, Copy)]
pub(super) struct Churn {
    pub(super) mean_stay: Duration,
    pub(super) mean_away: Duration,
}

pub(super) struct Client {
    pub(super) n: usize,
    pub(super) stream: BrowserStream,
    pub(super) state: Arc<FleetState>,
    pub(super) is_gap: IsGap,
    pub(super) random: Random,
}

impl Client {
    /// Comes and goes until the fleet is calm, and then stays.
    pub(super) async fn live(mut self, churn: Option<Churn>) {
        self.stream.keep(TIMELINE);
        let state = Arc::clone(&self.state);
        let mut calm = state.calm.subscribe();
        if let Some(Churn { mean_stay, mean_away }) = churn {
            while !*calm.borrow() {
                let begin = Instant::now();
                let stay = self.random.time(mean_stay);
                let away = self.random.time(mean_away);
                let until = later(self.stream.wait().unwrap_or_default().saturating_add(stay));
                match race(calmed(&mut calm), timeout_at(until, self.watch(until))).await {
                    Either::Left(()) => break,
                    Either::Right(Ok(Watched::All)) => return,
                    Either::Right(Ok(Watched::Enough) | Err(_)) => {}
                }
                self.leave().await;
                let _ = timeout(away, calmed(&mut calm)).await;
                if Instant::now() == begin {
                    sleep(TICK).await; // with no stay, absence or reconnection time, a paused clock would never advance
                }
                self.stream.go_online();
            }
        }
        while let Watched::Enough = self.watch(later(Duration::MAX)).await {}
    }

    /// Records what the client sees, until `until` or until its stream is closed.
    async fn watch(&mut self, until: Instant) -> Watched {
        let (mut moment, mut burst) = (Instant::now(), 0);
        while let Some(event) = self.stream.next_fired().await {
            self.record(event);
            let now = Instant::now();
            if now >= until {
                return Watched::Enough;
            }
            burst = if now == moment { burst + 1 } else { 0 };
            moment = now;
            if burst > BURST {
                sleep(TICK).await;
            }
        }
        Watched::All
    }

    fn record(&self, event: BrowserEvent) {
        let what = match event {
            BrowserEvent::Open => {
                let id = self.stream.requests().last().map(|request| request.last_event_id.clone());
                Observed::Connected { last_event_id: id.unwrap_or_default() }
            }
            BrowserEvent::Event(event) if (self.is_gap)(&event) => Observed::Gap(event),
            BrowserEvent::Event(event) => Observed::Event(event),
            BrowserEvent::Error { ready_state: ReadyState::Closed, why } => Observed::Closed { why },
            BrowserEvent::Error { why, .. } => Observed::Broke { why },
        };
        self.state.record(self.n, what);
    }

    /// Goes offline, and skips the `error` that follows from that.
    async fn leave(&mut self) {
        let connected = self.state.slot(self.n).view.is_connected();
        if connected {
            self.state.record(self.n, Observed::Left);
        }
        self.stream.go_offline();
        while self.stream.overlook() {}
    }
}

async fn calmed(calm: &mut watch::Receiver<bool>) {
    let _ = calm.wait_for(|calm| *calm).await; // the sender is in the fleet's state, which the client holds
}

enum Watched {
    Enough,
    All,
}

pub(super) enum Either<A, B> {
    Left(A),
    Right(B),
}

/// The output of the future that is ready first, or of the left one if both are.
pub(super) async fn race<A, B>(left: impl Future<Output = A>, right: impl Future<Output = B>) -> Either<A, B> {
    let mut left = pin!(left);
    let mut right = pin!(right);
    std::future::poll_fn(|cx| {
        if let Poll::Ready(left) = left.as_mut().poll(cx) {
            return Poll::Ready(Either::Left(left));
        }
        right.as_mut().poll(cx).map(Either::Right)
    })
    .await
}
