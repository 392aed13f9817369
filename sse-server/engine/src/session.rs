//! The life of a stream, from its first bytes to its last words. Without IO, clock and randomness of its own: the code
//! that drives it writes, sleeps, and says what time it is.
//!
//! ```text
//!  Opening ──▶ Live ◀────page──── Reading
//!               │ └──not in window──▶ │
//!               │                     │
//!        age, shutdown          age, shutdown, store closed
//!               ▼                     │
//!            Leaving ──through──▶ last words ──▶ Ended
//!                                     ▲
//!               lag, log failed ──────┘
//! ```
//!
//! How a stream opens, beats and ends is the contract of the hub's protocol over the
//! [event stream format](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation).

use std::time::Duration;

use bytes::Bytes;

use crate::{Cursor, DrainReason, GapReason, Millis, Opening, Position, Step, StorePage, StoreRead, wire};

/// Which part of a shutdown's window the ends of the streams are spread over. The rest is for the last of them to be
/// written.
const SPREAD: f64 = 0.9;

/// One stream, whatever carries it.
#[derive(Debug)]
pub struct Session {
    cursor: Cursor,
    phase: Phase,
    heartbeat: Heartbeat,
    /// When a heartbeat is due, unless something is written before.
    silent_until: Millis,
    /// When the stream is to end; [`Millis::MAX`] is never.
    ends_at: Millis,
    end_reason: DrainReason,
}

// There is one for each subscriber.
const _: () = assert!(size_of::<Session>() <= 72);

#[derive(Debug)]
enum Phase {
    /// Nothing is written yet.
    Opening(Box<Opening>),
    /// Events are written as they come.
    Live,
    /// What comes next is being read from the store.
    Reading,
    /// On its way out: after the event with this sequence number come the last words.
    Leaving { through: u64 },
    /// The last words were handed out.
    Ended,
}

/// How heartbeats look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Heartbeat {
    /// An `sse-cursor` with the position served.
    #[default]
    Cursor,
    /// A comment.
    Comment,
}

/// The times of all streams.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// How long a stream is silent before a heartbeat.
    pub heartbeat: Duration,
    /// The least reconnection time; a random part of as much again is added.
    pub retry: Duration,
    /// How long a stream lives, give or take a tenth; zero is for ever.
    pub max_age: Duration,
}

/// What the sessions of a hub have in common.
pub trait Surroundings {
    /// The last sequence number published.
    fn head(&self) -> u64;

    /// The position of a sequence number in this log.
    fn position(&self, seq: u64) -> Position;

    /// The times of all streams.
    fn timing(&self) -> &Timing;

    /// A random number, for jitter.
    fn random(&self) -> u32;
}

/// What a session needs from the code that drives it.
pub trait Driver {
    /// How events are carried: framed or not, shared or not.
    type Events;

    /// What it has in common with others.
    fn surroundings(&self) -> &impl Surroundings;

    /// What comes next for the cursor: [`Engine::next`](crate::Engine::next), or what is remembered of it. Whoever
    /// answers [`Step::CaughtUp`] polls the session again when the cursor's group has matched an event.
    ///
    /// # Errors
    ///
    /// [`Failed`] if the log can't go on.
    fn next(&mut self, cursor: &mut Cursor) -> Result<Step<Self::Events>, Failed>;

    /// Goes on with a page: [`Engine::take`](crate::Engine::take).
    ///
    /// # Errors
    ///
    /// [`Failed`] if the log can't go on.
    fn take(&mut self, cursor: &mut Cursor, page: StorePage) -> Result<Step<Self::Events>, Failed>;
}

/// The log can't go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed;

/// What the code that drives a session has to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Action<E> {
    /// Write these events, then poll again.
    Events {
        /// How they are carried.
        events: E,
        /// How many they are.
        count: usize,
    },
    /// Write a block of the hub's own, then poll again.
    Own {
        /// The block.
        block: Bytes,
        /// What it is.
        kind: Own,
    },
    /// Read this from the store, and give it to [`Session::take`].
    ReadStore(StoreRead),
    /// Poll again when others have had their turn.
    Yield,
    /// Poll again at this time, or when the group has matched an event, whichever comes first.
    WaitUntil(Millis),
    /// Write the last words, and end the stream in good order.
    End {
        /// The hub's own block that says why.
        last_words: Bytes,
        /// Why.
        reason: DrainReason,
    },
    /// The stream has ended before.
    Ended,
}

/// Which of the hub's own blocks it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// The first of the stream.
    Opening,
    /// A heartbeat.
    Heartbeat,
    /// A gap in mid-stream.
    Gap(GapReason),
}

impl Session {
    /// A stream that is to open at the place of its cursor.
    pub fn new(
        cursor: Cursor,
        opening: Opening,
        heartbeat: Heartbeat,
        now: Millis,
        surroundings: &impl Surroundings,
    ) -> Self {
        let timing = surroundings.timing();
        let ends_at = match timing.max_age {
            Duration::ZERO => Millis::MAX,
            // streams that began together do not end together
            age => now.saturating_add(millis(age * 9 / 10 + part_of(age / 5, surroundings.random()))),
        };
        Self {
            cursor,
            phase: Phase::Opening(Box::new(opening)),
            heartbeat,
            silent_until: now.saturating_add(millis(timing.heartbeat)),
            ends_at,
            end_reason: DrainReason::Age,
        }
    }

    /// From now on the stream does not end because of its age.
    pub const fn forget_age(&mut self) {
        self.ends_at = Millis::MAX;
    }

    /// What there is to do. Poll again after each [`Action`], as it says.
    pub fn poll<D: Driver>(&mut self, now: Millis, driver: &mut D) -> Action<D::Events> {
        self.leave_if_due(now, driver.surroundings());
        match &self.phase {
            Phase::Ended => return Action::Ended,
            Phase::Opening(_) => return self.open(now, driver.surroundings()),
            Phase::Leaving { through } if self.cursor.seq() >= *through => {
                return self.last_words(driver.surroundings());
            }
            Phase::Reading => return self.beat_or_wait(now, driver.surroundings()),
            Phase::Live | Phase::Leaving { .. } => {}
        }
        let step = driver.next(&mut self.cursor);
        self.act(step, now, driver)
    }

    /// Goes on with the page that was read for the last [`Action::ReadStore`]; `None` if the store is closed, so that
    /// there is no more to be had.
    pub fn take<D: Driver>(&mut self, page: Option<StorePage>, now: Millis, driver: &mut D) -> Action<D::Events> {
        if !matches!(self.phase, Phase::Reading) {
            return self.poll(now, driver); // it has ended meanwhile
        }
        self.phase = Phase::Live;
        let Some(page) = page else {
            self.leave(DrainReason::Shutdown);
            return self.poll(now, driver);
        };
        let step = driver.take(&mut self.cursor, page);
        self.act(step, now, driver)
    }

    /// Passes over the page that is being read: it will be asked for again.
    pub fn pass_over_page(&mut self) {
        if matches!(self.phase, Phase::Reading) {
            self.phase = Phase::Live;
        }
    }

    /// The streams end within a window that began at a time: this one at a moment of its own, for `reason`.
    pub fn drain(&mut self, began: Millis, window: Duration, reason: DrainReason, surroundings: &impl Surroundings) {
        if !matches!(self.phase, Phase::Leaving { .. } | Phase::Ended) {
            self.ends_at = began.saturating_add(millis(part_of(window.mul_f64(SPREAD), surroundings.random())));
            self.end_reason = reason;
        }
    }

    /// What was handed out before is written only now, so heartbeats begin anew.
    pub fn wrote(&mut self, now: Millis, timing: &Timing) {
        self.silent_until = now.saturating_add(millis(timing.heartbeat));
    }

    /// Begins to leave if it is time to. Polling does so, too; call this where the stream can't be polled because what
    /// was written before is not yet taken.
    pub fn leave_if_due(&mut self, now: Millis, surroundings: &impl Surroundings) {
        if self.ends_at > now {
            return;
        }
        match self.phase {
            Phase::Live => self.phase = Phase::Leaving { through: surroundings.head() },
            // What is left in the store is much: the client comes back for it.
            Phase::Reading => self.phase = Phase::Leaving { through: 0 },
            Phase::Opening(_) | Phase::Leaving { .. } | Phase::Ended => {}
        }
    }

    /// When the stream is to be polled if nothing happens before.
    pub fn due(&self) -> Millis {
        self.ends_at().min(self.silent_until)
    }

    /// When the stream is to end; [`Millis::MAX`] if that is never, or if it is on its way out.
    pub const fn ends_at(&self) -> Millis {
        match self.phase {
            Phase::Leaving { .. } | Phase::Ended => Millis::MAX,
            _ => self.ends_at,
        }
    }

    /// Where the stream stands.
    pub const fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Returns true if what comes next is being read from the store.
    pub const fn is_reading(&self) -> bool {
        matches!(self.phase, Phase::Reading)
    }

    fn open<E>(&mut self, now: Millis, surroundings: &impl Surroundings) -> Action<E> {
        let Phase::Opening(opening) = std::mem::replace(&mut self.phase, Phase::Live) else { return Action::Yield };
        let retry = reconnection_time(surroundings.timing().retry, surroundings.random());
        self.own(wire::opening(retry, opening.position, opening.gap.as_ref()), Own::Opening, now, surroundings)
    }

    fn act<D: Driver>(
        &mut self,
        step: Result<Step<D::Events>, Failed>,
        now: Millis,
        driver: &mut D,
    ) -> Action<D::Events> {
        match step {
            Ok(Step::Write { write, events }) => {
                self.wrote(now, driver.surroundings().timing());
                Action::Events { events: write, count: events }
            }
            Ok(Step::Gap(gap)) => self.own(wire::gap(&gap), Own::Gap(gap.reason), now, driver.surroundings()),
            Ok(Step::Yield) => Action::Yield,
            Ok(Step::Lagged) => {
                self.leave(DrainReason::Lag);
                self.last_words(driver.surroundings())
            }
            Err(Failed) => {
                self.leave(DrainReason::Store);
                self.last_words(driver.surroundings())
            }
            Ok(Step::NeedStore(_) | Step::CaughtUp) if matches!(self.phase, Phase::Leaving { .. }) => {
                self.last_words(driver.surroundings())
            }
            Ok(Step::NeedStore(read)) => {
                self.phase = Phase::Reading;
                Action::ReadStore(read)
            }
            Ok(Step::CaughtUp) => self.beat_or_wait(now, driver.surroundings()),
        }
    }

    fn beat_or_wait<E>(&mut self, now: Millis, surroundings: &impl Surroundings) -> Action<E> {
        if self.silent_until > now {
            return Action::WaitUntil(self.due());
        }
        let block = match self.heartbeat {
            Heartbeat::Cursor => wire::cursor(surroundings.position(self.cursor.seq())),
            Heartbeat::Comment => wire::comment(),
        };
        self.own(block, Own::Heartbeat, now, surroundings)
    }

    fn own<E>(&mut self, block: Bytes, kind: Own, now: Millis, surroundings: &impl Surroundings) -> Action<E> {
        self.wrote(now, surroundings.timing());
        Action::Own { block, kind }
    }

    /// What is next are the last words.
    fn leave(&mut self, reason: DrainReason) {
        self.end_reason = reason;
        self.phase = Phase::Leaving { through: 0 };
    }

    fn last_words<E>(&mut self, surroundings: &impl Surroundings) -> Action<E> {
        self.phase = Phase::Ended;
        let retry = reconnection_time(surroundings.timing().retry, surroundings.random());
        let last_words = wire::drain(retry, surroundings.position(self.cursor.seq()), self.end_reason);
        Action::End { last_words, reason: self.end_reason }
    }
}

/// The configured time and up to as much again, so that clients do not come back in step.
pub fn reconnection_time(base: Duration, random: u32) -> Duration {
    base + part_of(base, random)
}

/// From none of a time to all of it, by a random number.
fn part_of(time: Duration, random: u32) -> Duration {
    time.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

fn millis(time: Duration) -> Millis {
    Millis::try_from(time.as_millis()).unwrap_or(Millis::MAX)
}

#[cfg(test)]
mod tests;
