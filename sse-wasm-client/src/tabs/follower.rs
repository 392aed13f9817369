//! A tab that gets its events from the leader.

use std::time::Duration;

use super::{
    notice::{BEAT, Here, Says, Term},
    output::Output,
    seen_ids::Relation,
    tab_state::TabState,
};
use crate::State;

/// How long the leader's answer may take before the tab asks again.
const ANSWER: Duration = Duration::from_secs(1);

/// After this number of beats in a row without a word from the leader, although it was asked, it is considered frozen.
/// A leader that runs answers at once, even if its timers are throttled.
const SILENT_BEATS: u32 = 4;

#[derive(Debug)]
pub(super) struct Follower {
    /// The number up to which everything was received in this term; `None` if unknown.
    number: Option<u64>,
    /// The leader was asked and has not answered.
    asked: bool,
    /// The earliest time to ask again.
    ask_at: Duration,
    /// The interval at which to check that the leader runs. It differs from tab to tab, so that they don't all take
    /// over at once.
    beat: Duration,
    check_at: Duration,
    /// A leader was heard since the last check.
    heard: bool,
    /// Checks in a row before which none was heard.
    silent: u32,
}

impl Follower {
    pub(super) fn new(tab: &mut TabState, now: Duration) -> Self {
        let beat = BEAT + Duration::from_millis(tab.id % 1000);
        let mut follower = Self {
            number: None,
            asked: false,
            ask_at: now,
            beat,
            check_at: now.saturating_add(beat),
            heard: false,
            silent: 0,
        };
        follower.ask(tab, now);
        follower
    }

    /// The number in the term, if the program's position is just there.
    pub(super) fn in_step(&self, tab: &TabState) -> Option<u64> {
        self.number.filter(|_| !tab.ahead)
    }

    /// A later term has begun, with numbers of its own. Returns the number in the earlier one.
    pub(super) fn lose_step(&mut self) -> Option<u64> {
        self.number.take()
    }

    /// Another tab has sent a notice in the present term, or a call in any. If the notice is the first of its term,
    /// `was` is the term before and the number in it.
    pub(super) fn handle(&mut self, tab: &mut TabState, says: Says, was: Option<(Term, u64)>, now: Duration) {
        self.heard |= says.is_leaders() || says == Says::Call {};
        match says {
            Says::Call {} if tab.fresh => {}
            Says::Call {} => self.say_here(tab),
            Says::Here(_) => {}
            Says::Begin { start, was: leader_was } => {
                tab.enter(State::Connecting);
                if tab.fresh && !start.text().is_empty() {
                    return self.ask(tab, now); // it would begin where others were
                }
                // A tab that had as much as the leader in the term before is not behind it now.
                let kept_up = || matches!((was, leader_was), (Some((term, own)), Some((of, leader))) if term == of && own >= leader);
                match tab.seen.relation(&start) {
                    Relation::Last => tab.ahead = false,
                    Relation::Behind => tab.ahead = true,
                    Relation::Unknown if kept_up() => tab.ahead = true,
                    Relation::Beyond | Relation::Unknown => {
                        self.number = None;
                        return self.ask(tab, now);
                    }
                }
                self.set_number(0);
            }
            Says::Event { number, event } => match self.number {
                Some(had) if number <= had => {}
                Some(had) if number - had == 1 => {
                    self.number = Some(number);
                    tab.take(event);
                }
                _ => self.ask(tab, now),
            },
            Says::Beat { number, state } => {
                let has_all = self.number.is_some_and(|had| had >= number);
                // At the end the leader is gone. A tab that has not had everything gets the lock, and then the rest.
                if has_all || !state.has_ended() {
                    tab.enter(state);
                }
                if has_all {
                    self.asked = false;
                } else {
                    self.ask(tab, now);
                }
            }
            Says::Aside(aside) => tab.output(Output::Aside(aside)),
            Says::Replay { to, id, after, ahead, lost, had: before, events } if to == tab.id => {
                let had = match (self.number, ahead) {
                    (Some(had), _) if after <= had => had,
                    (number, Some(ahead)) if (number.is_none() || lost) && id == tab.seen.last() => {
                        if lost {
                            tab.tell_gap(events.first());
                        }
                        tab.seen.recall(before);
                        if tab.fresh && !tab.seen.last().text().is_empty() {
                            tab.fresh = false;
                            tab.tell_position();
                        }
                        tab.ahead |= ahead; // events that were seen may still follow those that came late
                        after
                    }
                    _ => return, // it answers an earlier question
                };
                let through = after.saturating_add(events.len() as u64);
                for event in events.into_iter().skip(usize::try_from(had - after).unwrap_or(usize::MAX)) {
                    tab.take(event);
                }
                self.set_number(had.max(through));
            }
            Says::Replay { .. } => {}
        }
    }

    pub(super) fn handle_time(&mut self, tab: &mut TabState, now: Duration) {
        if self.asked {
            self.ask(tab, now);
        }
        if now < self.check_at {
            return;
        }
        self.check_at = now.saturating_add(self.beat);
        if std::mem::take(&mut self.heard) {
            self.silent = 0;
            return;
        }
        self.silent += 1;
        if self.silent < SILENT_BEATS {
            self.say_here(tab);
        } else {
            self.silent = 0;
            tab.output(Output::Steal);
        }
    }

    pub(super) fn next_time(&self) -> Duration {
        if self.asked { self.check_at.min(self.ask_at) } else { self.check_at }
    }

    /// Tells the leader that something is missing here, at most once a second.
    pub(super) fn ask(&mut self, tab: &mut TabState, now: Duration) {
        self.asked = true;
        if now >= self.ask_at {
            self.ask_at = now.saturating_add(ANSWER);
            self.say_here(tab);
        }
    }

    fn say_here(&self, tab: &mut TabState) {
        tab.say(Says::Here(Here { id: tab.seen.last(), number: self.number, fresh: tab.fresh }));
    }

    fn set_number(&mut self, number: u64) {
        self.number = Some(number);
        self.asked = false;
    }
}
