//! How long a connection may be idle between requests, and how long it may take for a request's head.
//!
//! hyper has one timer for HTTP/1, which begins when a connection waits for a request and ends when the head is there. It is
//! given one that knows what the socket knows, whether anything of the head has come. Over HTTP/2 requests are counted.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant as StdInstant},
};

use hyper::rt::{Sleep as HyperSleep, Timer};
use tokio::{
    sync::Notify,
    time::{Instant, Sleep, sleep, sleep_until},
};

use prometheus_client::metrics::gauge::Gauge;

use super::heads::Head;
use crate::config::Server;

/// How long a client may take to go away when it was told that its connection is closed.
const GOODBYE: Duration = Duration::from_secs(1);

/// The two limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) header: Duration,
    pub(super) idle: Duration,
}

impl Limits {
    pub(super) const fn of(server: &Server) -> Self {
        Self { header: server.header_timeout, idle: server.idle_timeout }
    }
}

/// hyper's timer for request heads on one connection. The client has `idle_timeout` to begin a head, and from then on
/// `header_timeout` to finish it. That holds for the first head too, since proxies open connections that they use later,
/// unless there are many connections: then it has to be there within `header_timeout`.
#[derive(Debug, Clone)]
pub(super) struct HeadTimer {
    limits: Limits,
    state: Arc<HeadState>,
}

#[derive(Debug)]
struct HeadState {
    head: Head,
    /// Whether bytes have come since the timer was last set.
    begun: AtomicBool,
    /// Whether there has been a request on the connection.
    used: AtomicBool,
    /// Whether the client may be idle before its first request.
    may_wait: bool,
}

impl HeadTimer {
    /// `crowded` says whether there are many connections. The head's bytes are counted in `bytes`, while it is not whole.
    pub(super) fn new(limits: Limits, crowded: bool, bytes: Gauge) -> Self {
        let state = HeadState {
            head: Head::new(bytes),
            begun: AtomicBool::new(false),
            used: AtomicBool::new(false),
            may_wait: !crowded,
        };
        Self { limits, state: Arc::new(state) }
    }

    /// Notes that `bytes` bytes have come. Returns false if they are too many, of a head that is not whole.
    pub(super) fn on_input(&self, bytes: usize) -> bool {
        self.state.begun.store(true, Ordering::Relaxed);
        self.state.head.add(bytes)
    }

    /// Notes that there is a request, or that there are no more heads of this kind.
    pub(super) fn on_request(&self) {
        self.state.head.is_whole();
        self.state.used.store(true, Ordering::Relaxed);
    }

    fn set(&self, deadline: Instant) -> HeadSleep {
        self.state.head.begin();
        let used = self.state.used.load(Ordering::Relaxed);
        // the first bytes of a connection may have come before its timer was set
        let begun = self.state.begun.swap(false, Ordering::Relaxed) && !used;
        let idle = used || self.state.may_wait && !begun;
        let deadline = if idle { Instant::now() + self.limits.idle } else { deadline };
        HeadSleep { timer: self.clone(), idle, sleep: Box::pin(sleep_until(deadline)) }
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn HyperSleep>> {
        Box::pin(self.set(Instant::now() + duration))
    }

    fn sleep_until(&self, deadline: StdInstant) -> Pin<Box<dyn HyperSleep>> {
        Box::pin(self.set(deadline.into()))
    }

    fn now(&self) -> StdInstant {
        Instant::now().into_std()
    }
}

/// Completes when the client has taken too long.
struct HeadSleep {
    timer: HeadTimer,
    /// Whether the client may still be idle.
    idle: bool,
    sleep: Pin<Box<Sleep>>,
}

impl HyperSleep for HeadSleep {}

impl Future for HeadSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // hyper polls it whenever it has read a part of a head
        if self.idle && self.timer.state.begun.load(Ordering::Relaxed) {
            self.idle = false;
            let deadline = Instant::now() + self.timer.limits.header;
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(cx)
    }
}

/// The requests of one connection of HTTP/2 that are not answered to the end.
#[derive(Debug, Clone, Default)]
pub(super) struct Requests(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    open: AtomicUsize,
    any: AtomicBool,
    /// Notified when the number comes from or to 0.
    changed: Notify,
}

impl Requests {
    /// Counts a request until what is returned is dropped.
    pub(super) fn open(&self) -> OpenRequest {
        self.0.any.store(true, Ordering::Relaxed);
        if self.0.open.fetch_add(1, Ordering::Relaxed) == 0 {
            self.0.changed.notify_waiters();
        }
        OpenRequest(self.clone())
    }

    /// Waits until the client has had no request for too long: as long as it may be idle or, for its first one, as long as
    /// it may take for a head.
    pub(super) async fn idle(&self, limits: Limits) {
        self.none_for(|any| if any { limits.idle } else { limits.header }).await;
    }

    /// Waits until the client has had time to hear that its connection is closed, and has no request.
    pub(super) async fn goodbye(&self) {
        self.none_for(|_| GOODBYE).await;
    }

    async fn none_for(&self, limit: impl Fn(bool) -> Duration) {
        loop {
            let changed = self.0.changed.notified();
            if self.0.open.load(Ordering::Relaxed) > 0 {
                changed.await;
                continue;
            }
            tokio::select! {
                () = changed => {}
                () = sleep(limit(self.0.any.load(Ordering::Relaxed))) => return,
            }
        }
    }
}

/// A request that is counted until this is dropped.
#[derive(Debug)]
pub(super) struct OpenRequest(Requests);

impl Drop for OpenRequest {
    fn drop(&mut self) {
        if self.0.0.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.0.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const LIMITS: Limits = Limits { header: Duration::from_secs(10), idle: Duration::from_secs(180) };

    async fn lasts(sleep: &mut Pin<Box<dyn HyperSleep>>) -> u64 {
        let began = Instant::now();
        sleep.as_mut().await;
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_head_has_its_time_and_later_ones_may_be_waited_for() {
        let timer = HeadTimer::new(LIMITS, false, Gauge::default());
        assert_eq!(lasts(&mut timer.sleep_until(timer.now() + LIMITS.header)).await, 180, "there is room");
        let timer = HeadTimer::new(LIMITS, true, Gauge::default());
        let head = || timer.sleep_until(timer.now() + LIMITS.header);
        assert!(timer.on_input(1));
        let mut first = head();
        assert!(timer.on_input(1));
        assert_eq!(lasts(&mut first).await, 10);
        timer.on_request();
        assert_eq!(lasts(&mut head()).await, 180);
        let mut begun = head();
        assert!(begun.as_mut().now_or_never().is_none());
        tokio::time::advance(Duration::from_secs(170)).await;
        assert!(timer.on_input(1));
        assert_eq!(lasts(&mut begun).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn only_time_without_a_request_is_idle() {
        let requests = Requests::default();
        let began = Instant::now();
        requests.idle(LIMITS).await;
        assert_eq!(began.elapsed().as_secs(), 10, "no first request");
        let (one, other) = (requests.open(), requests.open());
        let idle = tokio::spawn({
            let requests = requests.clone();
            async move { requests.idle(LIMITS).await }
        });
        sleep(Duration::from_secs(1000)).await;
        drop(one);
        sleep(Duration::from_secs(1000)).await;
        drop(other);
        sleep(Duration::from_secs(179)).await;
        drop(requests.open());
        let again = Instant::now();
        idle.await.unwrap();
        assert_eq!(again.elapsed().as_secs(), 180);
    }
}
