//! A tab that gets the events from another.

use std::time::Duration;

use super::{
    BEAT, Output,
    desk::Desk,
    notice::{Here, Says, Term},
    trail::Place,
};
use crate::State;

/// How long an answer may take before the question is put again.
const ANSWER: Duration = Duration::from_secs(1);

/// So many beats in a row without a word of the leader, though it was asked, and it is taken for frozen. A leader that
/// lives answers at once, also where its timers are throttled.
const SILENT_BEATS: u32 = 4;

#[derive(Debug)]
pub(super) struct Follower {
    /// The number in the term through which everything was had; none if that is not known.
    number: Option<u64>,
    /// Whether the leader owes an answer.
    asked: bool,
    /// Not to ask before.
    ask_at: Duration,
    /// Between two looks at whether the leader lives: different for each tab, so that they don't take over all at once.
    beat: Duration,
    look_at: Duration,
    /// Whether a leader was heard since the last look.
    heard: bool,
    /// Looks in a row at which none was.
    silent: u32,
}

impl Follower {
    pub(super) fn new(desk: &mut Desk, now: Duration) -> Self {
        let beat = BEAT + Duration::from_millis(desk.tab % 1000);
        let mut follower = Self {
            number: None,
            asked: false,
            ask_at: now,
            beat,
            look_at: now.saturating_add(beat),
            heard: false,
            silent: 0,
        };
        follower.ask(desk, now);
        follower
    }

    /// The number in the term, if the tab's own place is neither before nor beyond.
    pub(super) fn in_step(&self, desk: &Desk) -> Option<u64> {
        self.number.filter(|_| !desk.ahead)
    }

    /// A later term has begun: numbers are another's. Gives what the number was.
    pub(super) fn lose_step(&mut self) -> Option<u64> {
        self.number.take()
    }

    /// What another tab says in the present term, or a call of any. `was`: the term and the number until this came, if
    /// it is the first of its term.
    pub(super) fn handle(&mut self, desk: &mut Desk, says: Says, was: Option<(Term, u64)>, now: Duration) {
        self.heard |= says.is_leaders() || says == Says::Call;
        match says {
            Says::Call if desk.fresh => {}
            Says::Call => self.say_here(desk),
            Says::Here(_) => {}
            Says::Begin { start, was: leader_was } => {
                desk.enter(State::Connecting);
                if desk.fresh && !start.text().is_empty() {
                    return self.ask(desk, now); // and not begin where others were
                }
                // One that had as much as the leader in the term before is not behind it now.
                let kept_up = || matches!((was, leader_was), (Some((term, own)), Some((of, leader))) if term == of && own >= leader);
                match desk.trail.place(&start) {
                    Place::Here => desk.ahead = false,
                    Place::Behind => desk.ahead = true,
                    Place::Unknown if kept_up() => desk.ahead = true,
                    Place::Beyond | Place::Unknown => {
                        self.number = None;
                        return self.ask(desk, now);
                    }
                }
                self.stand(0);
            }
            Says::Event { number, event } => match self.number {
                Some(had) if number <= had => {}
                Some(had) if number - had == 1 => {
                    self.number = Some(number);
                    desk.take(event);
                }
                _ => self.ask(desk, now),
            },
            Says::Beat { number, state } => {
                desk.enter(state);
                if self.number.is_some_and(|had| had >= number) {
                    self.asked = false;
                } else {
                    self.ask(desk, now);
                }
            }
            Says::Aside(aside) => desk.output(Output::Aside(aside)),
            Says::Replay { to, id, after, ahead, lost, had: before, events } if to == desk.tab => {
                let had = match (self.number, ahead) {
                    (Some(had), _) if after <= had => had,
                    (number, Some(ahead)) if (number.is_none() || lost) && id == desk.trail.last() => {
                        if lost {
                            desk.tell_gap(events.first());
                        }
                        desk.trail.recall(before);
                        if desk.fresh && !desk.trail.last().text().is_empty() {
                            desk.fresh = false;
                            desk.tell_place();
                        }
                        desk.ahead |= ahead; // what is known may follow yet, too, after what came late
                        after
                    }
                    _ => return, // what it answers is past
                };
                let through = after.saturating_add(events.len() as u64);
                for event in events.into_iter().skip(usize::try_from(had - after).unwrap_or(usize::MAX)) {
                    desk.take(event);
                }
                self.stand(had.max(through));
            }
            Says::Replay { .. } => {}
        }
    }

    pub(super) fn handle_time(&mut self, desk: &mut Desk, now: Duration) {
        if self.asked {
            self.ask(desk, now);
        }
        if now < self.look_at {
            return;
        }
        self.look_at = now.saturating_add(self.beat);
        if std::mem::take(&mut self.heard) {
            self.silent = 0;
            return;
        }
        self.silent += 1;
        if self.silent < SILENT_BEATS {
            self.say_here(desk);
        } else {
            self.silent = 0;
            desk.output(Output::Steal);
        }
    }

    pub(super) fn next_time(&self) -> Duration {
        if self.asked { self.look_at.min(self.ask_at) } else { self.look_at }
    }

    /// Tells the leader that something is missing here, but not again and again.
    pub(super) fn ask(&mut self, desk: &mut Desk, now: Duration) {
        self.asked = true;
        if now >= self.ask_at {
            self.ask_at = now.saturating_add(ANSWER);
            self.say_here(desk);
        }
    }

    fn say_here(&self, desk: &mut Desk) {
        desk.say(Says::Here(Here { id: desk.trail.last(), number: self.number, is_fresh: desk.fresh }));
    }

    fn stand(&mut self, number: u64) {
        self.number = Some(number);
        self.asked = false;
    }
}
