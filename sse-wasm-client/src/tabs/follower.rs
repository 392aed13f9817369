//! A tab that gets the events from another.

use std::time::Duration;

use super::{
    notice::{BEAT, Here, Says, Term},
    output::Output,
    seen_ids::Relation,
    tab_state::TabState,
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
    pub(super) fn new(tab: &mut TabState, now: Duration) -> Self {
        let beat = BEAT + Duration::from_millis(tab.id % 1000);
        let mut follower = Self {
            number: None,
            asked: false,
            ask_at: now,
            beat,
            look_at: now.saturating_add(beat),
            heard: false,
            silent: 0,
        };
        follower.ask(tab, now);
        follower
    }

    /// The number in the term, if the tab's own place is neither before nor beyond.
    pub(super) fn in_step(&self, tab: &TabState) -> Option<u64> {
        self.number.filter(|_| !tab.ahead)
    }

    /// A later term has begun: numbers are another's. Gives what the number was.
    pub(super) fn lose_step(&mut self) -> Option<u64> {
        self.number.take()
    }

    /// What another tab says in the present term, or a call of any. `was`: the term and the number until this came, if
    /// it is the first of its term.
    pub(super) fn handle(&mut self, tab: &mut TabState, says: Says, was: Option<(Term, u64)>, now: Duration) {
        self.heard |= says.is_leaders() || says == Says::Call;
        match says {
            Says::Call if tab.fresh => {}
            Says::Call => self.say_here(tab),
            Says::Here(_) => {}
            Says::Begin { start, was: leader_was } => {
                tab.enter(State::Connecting);
                if tab.fresh && !start.text().is_empty() {
                    return self.ask(tab, now); // and not begin where others were
                }
                // One that had as much as the leader in the term before is not behind it now.
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
                self.stand(0);
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
                tab.enter(state);
                if self.number.is_some_and(|had| had >= number) {
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
                            tab.tell_place();
                        }
                        tab.ahead |= ahead; // what is known may follow yet, too, after what came late
                        after
                    }
                    _ => return, // what it answers is past
                };
                let through = after.saturating_add(events.len() as u64);
                for event in events.into_iter().skip(usize::try_from(had - after).unwrap_or(usize::MAX)) {
                    tab.take(event);
                }
                self.stand(had.max(through));
            }
            Says::Replay { .. } => {}
        }
    }

    pub(super) fn handle_time(&mut self, tab: &mut TabState, now: Duration) {
        if self.asked {
            self.ask(tab, now);
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
            self.say_here(tab);
        } else {
            self.silent = 0;
            tab.output(Output::Steal);
        }
    }

    pub(super) fn next_time(&self) -> Duration {
        if self.asked { self.look_at.min(self.ask_at) } else { self.look_at }
    }

    /// Tells the leader that something is missing here, but not again and again.
    pub(super) fn ask(&mut self, tab: &mut TabState, now: Duration) {
        self.asked = true;
        if now >= self.ask_at {
            self.ask_at = now.saturating_add(ANSWER);
            self.say_here(tab);
        }
    }

    fn say_here(&self, tab: &mut TabState) {
        tab.say(Says::Here(Here { id: tab.seen.last(), number: self.number, is_fresh: tab.fresh }));
    }

    fn stand(&mut self, number: u64) {
        self.number = Some(number);
        self.asked = false;
    }
}
