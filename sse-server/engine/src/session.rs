//! The life of a stream, from its first bytes to its last. It has no I/O, clock or randomness of its own: the driver
//! writes, sleeps, and supplies the time.
//!
//! ```text
//!  Opening ──▶ Live ◀────page──── Reading
//!     └─▶ Lasts ─▶┘
//!               │ └──not in window──▶ │
//!               │                     │
//!        age, shutdown          age, shutdown, store closed
//!               ▼                     │
//!            Ending ──through──▶ LastWords ──▶ Ended
//!                                     ▲
//!   end of its grant, once open ──────┤
//!               lag, log failed ──────┤
//!               all topics ended ─────┘
//! ```
//!
//! How a stream opens, beats and ends is the contract of the hub's protocol over the
//! [event stream format](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation).

mod driver;

use std::time::Duration;

use bytes::Bytes;

use crate::{Cursor, DrainReason, EncodedPage, GapReason, Lasts, Millis, Opening, Step, Topic, millis, wire};
pub use driver::{Action, Control, ControlKind, Driver, Failed, StreamEnd, Surroundings, Timing};

/// How many bytes of events one write has at most, if it has more than one event.
pub const WRITE_BYTES: usize = 64 << 10;

/// The fraction of the drain window over which the ends of the streams are spread. The rest is left for the last
/// writes.
const SPREAD: f64 = 0.9;

/// The longest time for the last bytes of a stream whose time has come.
const MAX_GRACE: Millis = 10_000;

/// The state of one stream, independent of what carries it.
#[derive(Debug)]
pub struct Session {
    cursor: Cursor,
    phase: Phase,
    control: Control,
    /// When a heartbeat is due, if nothing is written before.
    silent_until: Millis,
    /// When the stream has to end; [`Millis::MAX`] means never.
    ends_at: Millis,
    end_reason: DrainReason,
    /// When its grant ends, after which nothing more is sent; [`Millis::MAX`] means never.
    granted_until: Millis,
    /// Its grant was taken back.
    revoked: bool,
}

// There is one for each subscriber.
const _: () = assert!(size_of::<Session>() <= 80);

#[derive(Debug)]
enum Phase {
    /// Nothing has been written yet.
    Opening(Box<Opening>),
    /// Events are written as they come.
    Live,
    /// The last event of each topic is written.
    Lasts(Box<Lasts>),
    /// The next events are being read from the store; among the last ones of each topic if these are still written.
    Reading(Option<Box<Lasts>>),
    /// Events are written through this sequence number, then the last block.
    Ending { through: u64 },
    /// The last block comes next.
    LastWords,
    /// The last block was handed out.
    Ended,
}

impl Session {
    /// A stream that starts where `cursor` is.
    pub fn new(
        cursor: Cursor,
        opening: Opening,
        control: Control,
        now: Millis,
        surroundings: &impl Surroundings,
    ) -> Self {
        let timing = surroundings.timing();
        let ends_at = match timing.max_age {
            Duration::ZERO => Millis::MAX,
            // streams that started together don't end together
            age => now.saturating_add(millis(age * 9 / 10 + part_of(age / 5, surroundings.random()))),
        };
        Self {
            cursor,
            phase: Phase::Opening(Box::new(opening)),
            control,
            silent_until: now.saturating_add(millis(timing.heartbeat)),
            ends_at,
            end_reason: DrainReason::Age,
            granted_until: Millis::MAX,
            revoked: false,
        }
    }

    /// Sets when the grant of the stream ends; [`Millis::MAX`] means never. A grant that was taken back stays so.
    ///
    /// From then on no event is sent, whatever is left. The stream ends with [`DrainReason::Expired`].
    pub const fn grant(&mut self, until: Millis) {
        if !self.revoked {
            self.granted_until = until;
        }
    }

    /// Takes the grant of the stream back: it ends at once, with [`DrainReason::Revoked`].
    pub const fn revoke(&mut self) {
        self.revoked = true;
        self.granted_until = 0;
    }

    /// Keeps the stream from ending by its age.
    pub const fn forget_age(&mut self) {
        self.ends_at = Millis::MAX;
    }

    /// The next thing to do. Poll again after each [`Action`] as it says.
    pub fn poll<D: Driver>(&mut self, now: Millis, driver: &mut D) -> Action<D::Events> {
        self.end_if_due(now, driver.surroundings());
        match &mut self.phase {
            Phase::Ended => return Action::Ended,
            Phase::Lasts(lasts) => {
                let step = driver.next_lasts(&mut self.cursor, lasts);
                return self.act_on_lasts(step, now, driver);
            }
            Phase::Opening(_) => return self.open(now, driver),
            Phase::LastWords => return self.last_words(driver.surroundings()),
            Phase::Ending { through } if self.cursor.seq() >= *through => {
                return self.last_words(driver.surroundings());
            }
            Phase::Reading(_) => return self.beat_or_wait(now, driver),
            Phase::Live | Phase::Ending { .. } => {}
        }
        let step = driver.next(&mut self.cursor);
        self.act(step, now, driver)
    }

    /// Continues with the page read for the last [`Action::ReadStore`], or ends because there is none to be had.
    pub fn accept_page<D: Driver>(
        &mut self,
        page: Result<EncodedPage, DrainReason>,
        now: Millis,
        driver: &mut D,
    ) -> Action<D::Events> {
        self.end_if_due(now, driver.surroundings());
        let Phase::Reading(lasts) = &mut self.phase else {
            return self.poll(now, driver); // the stream ended meanwhile
        };
        let lasts = lasts.take();
        let page = match page {
            Ok(page) => page,
            Err(reason) => {
                self.end(reason, now);
                return self.last_words(driver.surroundings());
            }
        };
        if let Some(mut lasts) = lasts {
            let step = self.cursor.accept_lasts(&mut lasts, page).map(|write| driver.carry(write));
            self.phase = Phase::Lasts(lasts);
            return self.act_on_lasts(Ok(step), now, driver);
        }
        self.phase = Phase::Live;
        let step = driver.accept_page(&mut self.cursor, page);
        self.act(step, now, driver)
    }

    /// Abandons the page that is being read: it will be requested again.
    pub fn abandon_page(&mut self) {
        if let Phase::Reading(lasts) = &mut self.phase {
            self.phase = lasts.take().map_or(Phase::Live, Phase::Lasts);
        }
    }

    /// Schedules the end of the stream for `reason`, at a random moment within the drain window.
    pub fn drain(&mut self, began: Millis, window: Duration, reason: DrainReason, surroundings: &impl Surroundings) {
        if !self.is_ending() {
            self.ends_at = began.saturating_add(millis(part_of(window.mul_f64(SPREAD), surroundings.random())));
            self.end_reason = reason;
        }
    }

    /// Restarts the heartbeat interval, because earlier output has been written only now.
    pub fn wrote(&mut self, now: Millis, timing: &Timing) {
        self.silent_until = now.saturating_add(millis(timing.heartbeat));
    }

    /// Starts to end if it is time to. Polling does this, too; call it while the stream can't be polled because an
    /// earlier write is still unsent.
    pub fn end_if_due(&mut self, now: Millis, surroundings: &impl Surroundings) {
        if self.granted_until <= now {
            let reason = if self.revoked { DrainReason::Revoked } else { DrainReason::Expired };
            match self.phase {
                Phase::LastWords | Phase::Ended => {}
                Phase::Opening(_) => self.end_reason = reason, // it opens first, for its last words
                _ => self.end(reason, now),
            }
            return;
        }
        if self.ends_at > now {
            return;
        }
        match self.phase {
            Phase::Live => self.phase = Phase::Ending { through: surroundings.shown() },
            // There may be much left in the store; the client returns for it.
            Phase::Reading(_) | Phase::Lasts(_) => self.phase = Phase::LastWords,
            Phase::Opening(_) | Phase::Ending { .. } | Phase::LastWords | Phase::Ended => {}
        }
    }

    /// When the stream has to be polled if nothing happens before.
    pub fn due(&self) -> Millis {
        self.ends_at().min(self.silent_until)
    }

    /// When the stream has to end; [`Millis::MAX`] if never, or if it is already ending.
    pub const fn ends_at(&self) -> Millis {
        match self.phase {
            Phase::LastWords | Phase::Ended => Millis::MAX,
            Phase::Ending { .. } => self.granted_until,
            _ if self.granted_until < self.ends_at => self.granted_until,
            _ => self.ends_at,
        }
    }

    /// When the stream has to be gone, if it may take `grace` to get its last bytes out; [`Millis::MAX`] if never. A
    /// driver that can't write cuts it off then, for [`end_reason`](Self::end_reason).
    ///
    /// A grant's end has no grace: what is unsent then was not sent in time.
    pub const fn overdue_at(&self, grace: Millis) -> Millis {
        let overdue = self.ends_at.saturating_add(if grace < MAX_GRACE { grace } else { MAX_GRACE });
        if self.granted_until < overdue { self.granted_until } else { overdue }
    }

    /// Returns true if the grant of the stream has ended at `now`: not even what is half sent may be finished.
    pub const fn is_out_of_grant(&self, now: Millis) -> bool {
        self.granted_until <= now
    }

    /// Why the stream ends at its time.
    pub const fn end_reason(&self) -> DrainReason {
        self.end_reason
    }

    /// The cursor of the stream.
    pub const fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Returns true if the next events are being read from the store.
    pub const fn is_reading(&self) -> bool {
        matches!(self.phase, Phase::Reading(_))
    }

    const fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ending { .. } | Phase::LastWords | Phase::Ended)
    }

    fn open<D: Driver>(&mut self, now: Millis, driver: &D) -> Action<D::Events> {
        let Phase::Opening(mut opening) = std::mem::replace(&mut self.phase, Phase::Live) else { return Action::Yield };
        let surroundings = driver.surroundings();
        if let Some(lasts) = opening.lasts.take() {
            self.phase = Phase::Lasts(lasts);
        }
        let retry = reconnection_time(surroundings.timing().retry, surroundings.random());
        let block = match self.control {
            Control::Events | Control::CommentHeartbeats => {
                wire::opening(retry, opening.position, opening.gap.as_ref(), driver.stream_name())
            }
            Control::Off => wire::comment(),
        };
        self.say(block, ControlKind::Opening, now, surroundings)
    }

    fn act<D: Driver>(
        &mut self,
        step: Result<Step<D::Events>, Failed>,
        now: Millis,
        driver: &mut D,
    ) -> Action<D::Events> {
        match step {
            Ok(Step::Events { events, count }) => {
                self.wrote(now, driver.surroundings().timing());
                Action::Events { events, count }
            }
            Ok(Step::Gap(gap)) if self.control == Control::Off => {
                let is_damage = gap.reason == GapReason::Lost;
                self.end(if is_damage { DrainReason::Store } else { DrainReason::Lag }, now);
                self.last_words(driver.surroundings())
            }
            Ok(Step::Gap(gap)) => {
                let block = wire::gap(driver.surroundings().position(self.cursor.seq()), &gap);
                self.say(block, ControlKind::Gap(gap.reason), now, driver.surroundings())
            }
            Ok(Step::Yield) => Action::Yield,
            Ok(Step::Lagged) => {
                self.end(DrainReason::Lag, now);
                self.last_words(driver.surroundings())
            }
            Err(Failed) => {
                self.end(DrainReason::Store, now);
                self.last_words(driver.surroundings())
            }
            Ok(Step::Ended(topics)) => self.end_with_topics(&topics, driver.surroundings()),
            Ok(Step::ReadStore(_) | Step::CaughtUp) if self.is_ending() => self.last_words(driver.surroundings()),
            Ok(Step::ReadStore(read)) => {
                let lasts = match std::mem::replace(&mut self.phase, Phase::Live) {
                    Phase::Lasts(lasts) => Some(lasts),
                    _ => None,
                };
                self.phase = Phase::Reading(lasts);
                Action::ReadStore(read)
            }
            Ok(Step::CaughtUp) => self.beat_or_wait(now, driver),
        }
    }

    /// Acts on a step among the last events with which the stream begins.
    fn act_on_lasts<D: Driver>(
        &mut self,
        step: Result<Step<D::Events>, Failed>,
        now: Millis,
        driver: &mut D,
    ) -> Action<D::Events> {
        match step {
            Ok(Step::CaughtUp) => {
                self.phase = Phase::Live;
                self.poll(now, driver)
            }
            step => self.act(step, now, driver),
        }
    }

    fn beat_or_wait<D: Driver>(&mut self, now: Millis, driver: &D) -> Action<D::Events> {
        let surroundings = driver.surroundings();
        if self.silent_until > now {
            return Action::WaitUntil(self.due());
        }
        let block = match self.control {
            Control::Events => wire::cursor(surroundings.position(self.cursor.seq()), driver.stream_name()),
            Control::CommentHeartbeats | Control::Off => wire::comment(),
        };
        self.say(block, ControlKind::Heartbeat, now, surroundings)
    }

    fn say<E>(&mut self, block: Bytes, kind: ControlKind, now: Millis, surroundings: &impl Surroundings) -> Action<E> {
        self.wrote(now, surroundings.timing());
        Action::Control { block, kind }
    }

    /// The last block comes next, for `reason`.
    fn end(&mut self, reason: DrainReason, now: Millis) {
        self.ends_at = self.ends_at.min(now);
        self.end_reason = reason;
        self.phase = Phase::LastWords;
    }

    fn last_words<E>(&mut self, surroundings: &impl Surroundings) -> Action<E> {
        self.phase = Phase::Ended;
        let retry = reconnection_time(surroundings.timing().retry, surroundings.random());
        let drain = || wire::drain(retry, surroundings.position(self.cursor.seq()), self.end_reason);
        Action::End { last_words: self.unless_off(drain), reason: StreamEnd::Drained(self.end_reason) }
    }

    /// All topics of the stream have ended, and the client has had everything.
    fn end_with_topics<E>(&mut self, topics: &[Topic], surroundings: &impl Surroundings) -> Action<E> {
        self.phase = Phase::Ended;
        let end = || wire::end(surroundings.position(self.cursor.seq()), topics);
        Action::End { last_words: self.unless_off(end), reason: StreamEnd::TopicsEnded }
    }

    fn unless_off(&self, block: impl FnOnce() -> Bytes) -> Bytes {
        if self.control == Control::Off { Bytes::new() } else { block() }
    }
}

/// The configured time plus up to as much again, so that clients don't return all at once.
pub fn reconnection_time(base: Duration, random: u32) -> Duration {
    base + part_of(base, random)
}

/// A random part of `time`.
fn part_of(time: Duration, random: u32) -> Duration {
    time.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests;
