//! A subscriber as an ordinary response body: for HTTP/2, for programs that embed the routes, and in-process tests.
//!
//! ```text
//!  opening ──▶ live ──(age, shutdown)──▶ last words, once all up to now is out ──▶ ended
//!               └─────(lag)─────────────▶ last words ──────────────────────────────▲
//! ```

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;
use tokio::{
    sync::oneshot,
    time::{Instant, Sleep, sleep_until},
};

use super::life;
use crate::{
    handle::Subscriber,
    hub::{DrainReason, Found, Opening, Span, Step},
    random, wire,
};

/// How many bytes of events one frame of the body has at most, if it has more than one event.
const ROOM: usize = 64 << 10;

/// How heartbeats look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Heartbeat {
    /// An `sse-cursor` with the position served.
    #[default]
    Cursor,
    /// A comment.
    Comment,
}

/// The body of a stream.
#[derive(Debug)]
pub(crate) struct EventBody {
    phase: Phase,
    subscriber: Subscriber,
    heartbeat: Heartbeat,
    interval: Duration,
    /// When the next heartbeat is due, if nothing is written before.
    silent_until: Instant,
    /// When the stream is to end, and why.
    end: Option<(Instant, DrainReason)>,
    draining: bool,
    /// What comes next, on its way from the store.
    reading: Option<oneshot::Receiver<Option<Found>>>,
    /// Goes off at the earlier of the two.
    timer: Pin<Box<Sleep>>,
}

#[derive(Debug)]
enum Phase {
    Opening(Bytes),
    Live,
    /// On its way out: after the event of this sequence number come the last words.
    Leaving(u64, DrainReason),
    Ended,
}

impl EventBody {
    pub(crate) fn new(subscriber: Subscriber, opening: &Opening, heartbeat: Heartbeat) -> Self {
        let config = &subscriber.hub().config().stream;
        let now = Instant::now();
        let interval = config.heartbeat;
        let silent_until = now + interval;
        let end = life::age(config.max_age).map(|age| (now + Duration::from_millis(age), DrainReason::Age));
        let bytes = wire::opening(reconnection_time(config.retry), opening.position, opening.gap.as_ref());
        Self {
            phase: Phase::Opening(bytes),
            heartbeat,
            interval,
            silent_until,
            end,
            draining: false,
            reading: None,
            timer: Box::pin(sleep_until(silent_until)),
            subscriber,
        }
    }

    /// A shutdown gives each stream a moment of its own within its window.
    fn notice_drain(&mut self) {
        if self.draining {
            return;
        }
        if let Some(drain) = self.subscriber.hub().draining() {
            self.draining = true;
            let at = drain.began + random::part_of(drain.window.mul_f64(0.9));
            self.end = Some((at, DrainReason::Shutdown));
        }
    }

    fn wrote(&mut self, bytes: Bytes) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.silent_until = Instant::now() + self.interval;
        Poll::Ready(Some(Ok(bytes)))
    }

    fn last_words(&mut self, reason: DrainReason) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.phase = Phase::Ended;
        self.subscriber.ends(life::ended(reason));
        let retry = reconnection_time(self.subscriber.hub().config().stream.retry);
        self.wrote(wire::drain(retry, self.subscriber.position(), reason))
    }

    /// What comes next. Where it is being read from the store, it is to be waited for.
    fn next_step(&mut self, cx: &mut Context<'_>) -> Step {
        let Some(reading) = &mut self.reading else { return self.subscriber.poll_next(ROOM, cx) };
        match Pin::new(reading).poll(cx) {
            Poll::Pending => Step::Wait,
            Poll::Ready(found) => {
                self.reading = None;
                match found {
                    Ok(Some(found)) => self.subscriber.take_counted(found),
                    // the store is closed: there is no more to be had
                    Ok(None) => {
                        self.phase = Phase::Leaving(0, DrainReason::Shutdown);
                        Step::Again
                    }
                    Err(_) => Step::Again,
                }
            }
        }
    }

    fn read(&mut self, span: Span) {
        let (answer, answered) = oneshot::channel();
        let hub = self.subscriber.hub().clone();
        tokio::spawn(async move {
            let found = hub.read(span, ROOM, || !answer.is_closed()).await;
            let _ = answer.send(found); // the client may be gone
        });
        self.reading = Some(answered);
    }

    /// Whether the timer went off, which is set to the next thing that is due.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let due = self.end.map_or(self.silent_until, |(end, _)| end.min(self.silent_until));
        if self.timer.deadline() != due {
            self.timer.as_mut().reset(due);
        }
        self.timer.as_mut().poll(cx)
    }
}

impl Stream for EventBody {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        match std::mem::replace(&mut this.phase, Phase::Live) {
            Phase::Opening(bytes) => return this.wrote(bytes),
            Phase::Ended => {
                this.phase = Phase::Ended;
                return Poll::Ready(None);
            }
            phase => this.phase = phase,
        }
        loop {
            this.notice_drain();
            if let (Phase::Live, Some((at, reason))) = (&this.phase, this.end)
                && at <= Instant::now()
            {
                this.phase = Phase::Leaving(this.subscriber.hub().head(), reason);
            }
            if let Phase::Leaving(through, reason) = this.phase
                && this.subscriber.has_reached(through)
            {
                return this.last_words(reason);
            }
            match this.next_step(cx) {
                Step::Write { write, .. } => return this.wrote(write.payload()),
                Step::Gap(gap) => return this.wrote(wire::gap(&gap)),
                Step::Lagged => return this.last_words(DrainReason::Lag),
                Step::Again => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Step::Read(span) => {
                    this.read(span);
                    continue;
                }
                // What is left in the store is much; the client comes back for it.
                Step::Wait if this.reading.is_some() => {
                    if let Phase::Leaving(_, reason) = this.phase {
                        return this.last_words(reason);
                    }
                }
                Step::Wait if matches!(this.phase, Phase::Leaving(..)) => continue,
                Step::Wait => {}
            }
            // A shutdown may have begun since it was looked for: then it found nobody to wake.
            this.notice_drain();
            ready!(this.poll_timer(cx));
            if this.silent_until <= Instant::now() {
                this.subscriber.hub().metrics().heartbeats.inc();
                let beat = match this.heartbeat {
                    Heartbeat::Cursor => wire::cursor(this.subscriber.position()),
                    Heartbeat::Comment => wire::comment(),
                };
                return this.wrote(beat);
            }
        }
    }
}

/// The configured time and up to as much again, so that clients do not come back in step.
pub(crate) fn reconnection_time(base: Duration) -> Duration {
    base + random::part_of(base)
}
