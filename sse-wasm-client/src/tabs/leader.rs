//! A tab that holds the stream and sends its events to the others.

use std::{cmp::Ordering, mem, time::Duration};

use sse_core::{
    EventId,
    hub::names::event::{CURSOR, DRAIN, END, GAP},
};

use super::{
    notice::{BEAT, Here, Says, Term},
    output::Output,
    replay_buffer::ReplayBuffer,
    seen_ids::{Relation, order},
    tab_state::{TabState, is_end},
};
use crate::{Delivery, Message, State};

/// How long a new leader waits for the others to tell their positions. Tabs of one browser answer within a few
/// milliseconds; one that is late asks for what it missed.
const CALL: Duration = Duration::from_millis(150);

/// How many tabs that join before the first event are remembered. Others have to ask again.
const EARLY: usize = 32;

#[derive(Debug)]
pub(super) struct Leader {
    /// Set while it waits for the others' positions.
    call: Option<Call>,
    /// The stream, once the first term has begun.
    stream: Option<Stream>,
    /// The term and the number that it had as a follower, if its position was just there.
    was: Option<(Term, u64)>,
    beat_at: Duration,
}

#[derive(Debug)]
struct Call {
    until: Duration,
    /// Where the stream is to begin: the lowest position so far.
    lowest: EventId,
    /// Where the leader is to begin if it has had nothing itself: the highest position so far.
    furthest: Option<EventId>,
}

#[derive(Debug)]
struct Stream {
    buffer: ReplayBuffer,
    /// An event has arrived, so the buffer reaches to the server's present.
    has_begun: bool,
    /// The server is a hub, which can be asked for all events after an ID.
    is_hubs: bool,
    /// The connection is being made and resumes where others are, so the next events may be old.
    is_catching_up: bool,
    /// Tabs that have had nothing and asked for a position before the first event. At most `EARLY`.
    early: Vec<u64>,
}

impl Leader {
    pub(super) fn new(tab: &mut TabState, was: Option<(Term, u64)>, now: Duration) -> Self {
        let was = was.filter(|_| !tab.fresh); // otherwise it has no position yet
        let mut leader = Self { call: None, stream: None, was, beat_at: now };
        let own = tab.seen.last();
        if tab.has_company {
            leader.call(tab, own, now);
        } else {
            leader.begin(tab, own, now);
        }
        leader
    }

    pub(super) const fn has_stream(&self) -> bool {
        self.stream.is_some()
    }

    /// An event arrived on the leader's stream.
    pub(super) fn handle_event(&mut self, tab: &mut TabState, mut event: Delivery<Message>, now: Duration) {
        let Some(stream) = &mut self.stream else { return };
        let own = tab.seen.last();
        if !stream.has_begun && is_of_later_epoch(tab, &event) && !own.text().is_empty() {
            return self.begin(tab, own, now);
        }
        let is_drain = event.value.name.as_str() == DRAIN;
        if !stream.has_begun && is_drain {
            // A stream that opens with its end was refused and has not begun. Its ID is only what was asked for.
            event.id = EventId::default();
        } else {
            stream.has_begun = true;
            stream.is_hubs |= [CURSOR, GAP, END].contains(&event.value.name.as_str());
            stream.is_catching_up &= is_drain; // one that turns it away brings it no further
            for id in mem::take(&mut stream.early) {
                // A hub tells its position first, so the tab begins there. Another server's events may be old or not:
                // this tab gets them, so that none is lost.
                if !stream.is_hubs {
                    tab.say(position_reply(tab, id, stream.buffer.last()));
                }
            }
        }
        let number = stream.buffer.push(event.clone());
        self.beat_at = now.saturating_add(BEAT);
        tab.say(Says::Event { number, event: event.clone() });
        tab.take(event);
    }

    pub(super) fn handle_state(&mut self, tab: &mut TabState, state: State, now: Duration) {
        let Some(stream) = &mut self.stream else { return };
        stream.is_catching_up |= stream.is_hubs && state != State::Open;
        if tab.stream_state != state {
            tab.enter(state);
            self.beat(tab, now);
        }
    }

    /// Another tab has sent a notice in the present term, or a call in any. `is_of_term` is false if it knew an earlier
    /// term only.
    pub(super) fn handle(&mut self, tab: &mut TabState, from: u64, says: Says, is_of_term: bool, now: Duration) {
        match says {
            Says::Here(here) if self.call.is_some() => self.hear(tab, here),
            Says::Here(here) => self.answer(tab, from, here, is_of_term, now),
            // Another tab has the lock. This one goes on until it is told, and its position counts meanwhile.
            Says::Call {} => tab.say(Says::Here(Here { id: tab.seen.last(), number: None, fresh: tab.fresh })),
            // The stream was closed just before this tab got the lock, and the lock arrived first. At its end that
            // concerns a tab that has had everything; another one gets the rest by its own connection.
            Says::Beat { state: state @ State::Closed { .. }, number }
                if !self.has_stream() && (!state.has_ended() || self.had(tab) >= Some(number)) =>
            {
                tab.enter(state);
            }
            Says::Event { number, event }
                if !self.has_stream() && is_end(&event) && self.had(tab) >= Some(number.saturating_sub(1)) =>
            {
                tab.take(event);
            }
            // Why it was closed, or will be.
            Says::Aside(aside) if !self.has_stream() => tab.output(Output::Aside(aside)),
            // From the leader before, about another stream.
            Says::Begin { .. } | Says::Event { .. } | Says::Beat { .. } | Says::Aside(_) | Says::Replay { .. } => {}
        }
    }

    pub(super) fn handle_time(&mut self, tab: &mut TabState, now: Duration) {
        if let Some(call) = self.call.take_if(|call| now >= call.until) {
            // If IDs do not compare, nobody knows which is the highest. Then some old events are better than a loss.
            let compares = |furthest: &EventId| order(&call.lowest, furthest).is_some();
            if let Some(furthest) = call.furthest.filter(|furthest| tab.fresh && compares(furthest)) {
                tab.seen.push(furthest);
                tab.tell_position();
            }
            self.begin(tab, call.lowest, now);
        }
        if self.has_stream() && now >= self.beat_at {
            self.beat(tab, now);
        }
    }

    pub(super) fn next_time(&self) -> Option<Duration> {
        let until = self.call.as_ref().map(|call| call.until);
        let beat = self.has_stream().then_some(self.beat_at);
        until.into_iter().chain(beat).min()
    }

    /// Tells the others that it runs, its number and the state of the stream.
    pub(super) fn beat(&mut self, tab: &mut TabState, now: Duration) {
        if let Some(stream) = &self.stream {
            let number = stream.buffer.last();
            tab.say(Says::Beat { number, state: tab.stream_state });
            self.beat_at = now.saturating_add(BEAT);
        }
    }

    /// The number up to which it had everything of the term before, which is the present one until it begins its own.
    fn had(&self, tab: &TabState) -> Option<u64> {
        self.was.filter(|(term, _)| *term == tab.term).map(|(_, number)| number)
    }

    fn call(&mut self, tab: &mut TabState, lowest: EventId, now: Duration) {
        tab.say(Says::Call {});
        self.call = Some(Call { until: now.saturating_add(CALL), lowest, furthest: None });
    }

    /// Begins a term with a stream that resumes after `start`, in place of the one that it has.
    fn begin(&mut self, tab: &mut TabState, start: EventId, now: Duration) {
        let was = match &self.stream {
            Some(stream) => (!tab.ahead).then(|| (tab.term, stream.buffer.last())),
            None => self.was.take(),
        };
        let was = was.filter(|_| !start.text().is_empty()); // otherwise it begins with what comes from now on
        if self.has_stream() {
            tab.output(Output::Disconnect);
        }
        let own = tab.seen.last();
        tab.term = tab.term.next(tab.id);
        tab.fresh &= own.text().is_empty();
        tab.ahead = own != start;
        tab.say(Says::Begin { start: start.clone(), was });
        tab.enter(State::Connecting);
        tab.output(Output::Connect { last_event_id: start.clone() });
        self.stream = Some(Stream {
            is_catching_up: !start.text().is_empty(),
            buffer: ReplayBuffer::new(start),
            has_begun: false,
            is_hubs: false,
            early: Vec::new(),
        });
        self.beat_at = now.saturating_add(BEAT);
    }

    /// A tab told its position during the call.
    fn hear(&mut self, tab: &mut TabState, here: Here) {
        let Some(call) = &mut self.call else { return };
        if here.id.text().is_empty() {
            return; // nothing to begin at
        }
        if call.lowest.text().is_empty() {
            call.lowest = here.id.clone();
        }
        // A leader that has had nothing wants nothing old: it begins at the highest position.
        if tab.fresh && call.furthest.as_ref().is_none_or(|furthest| order(&here.id, furthest) != Some(Ordering::Less))
        {
            call.furthest = Some(here.id.clone());
        }
        if tab.seen.is_before(&here.id, &call.lowest) {
            call.lowest = here.id;
        }
    }

    /// Sends a tab what it missed: from the buffer, or else from the server, for which a new term begins.
    fn answer(&mut self, tab: &mut TabState, from: u64, here: Here, is_of_term: bool, now: Duration) {
        let Some(stream) = &mut self.stream else { return };
        let number = here.number.filter(|_| is_of_term);
        if here.fresh && number.is_none() && stream.is_catching_up {
            // The tab asks again. It gets the position before the first event only if that turns out to be right.
            if !stream.has_begun && !stream.early.contains(&from) && stream.early.len() < EARLY {
                stream.early.push(from);
            }
            return self.beat(tab, now);
        }
        let buffer = &stream.buffer;
        if number == Some(buffer.last()) {
            return self.beat(tab, now);
        }
        let replay = |after, ahead, lost, had| {
            let events = buffer.after(after)?;
            Some(Says::Replay { to: from, id: here.id.clone(), after, ahead, lost, had, events })
        };
        let by_number = || replay(number?, None, false, Vec::new());
        let by_id = || {
            let (after, ahead) = buffer.find(&here.id)?;
            replay(after, Some(ahead), false, tab.seen.through(&here.id))
        };
        let says = if let Some(held) = by_number() {
            Some(held)
        } else if here.fresh {
            Some(position_reply(tab, from, buffer.last()))
        } else if let Some(held) = by_id() {
            Some(held)
        } else if !stream.has_begun || stream.is_catching_up {
            // Whether the server knows that ID will show with its next event. The tab asks again.
            return self.beat(tab, now);
        } else if stream.is_hubs && !here.id.text().is_empty() {
            return self.call(tab, here.id, now);
        } else {
            replay(buffer.floor(), Some(true), true, Vec::new())
        };
        if let Some(says) = says {
            tab.say(says);
            self.beat(tab, now); // for the state of the stream
        }
    }
}

/// Returns true if the stream, whose first event this is, began at the position of a tab that is in a later epoch than
/// this one: a hub resumes without a gap only in its present epoch, of which this tab has had nothing.
fn is_of_later_epoch(tab: &TabState, event: &Delivery<Message>) -> bool {
    tab.ahead && event.value.name.as_str() == CURSOR && tab.seen.relation(&event.id) == Relation::Unknown
}

/// The answer to a tab that has had nothing: its position is the leader's own, at number `after`.
fn position_reply(tab: &TabState, to: u64, after: u64) -> Says {
    Says::Replay {
        to,
        id: EventId::default(),
        after,
        ahead: Some(tab.ahead),
        lost: false,
        had: tab.seen.through(&tab.seen.last()),
        events: Vec::new(),
    }
}
