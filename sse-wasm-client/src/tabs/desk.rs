//! What a tab keeps whichever its part: its own place in the stream, and what is to be done.

use std::collections::VecDeque;

use sse_core::{EventId, EventName, Text};

use super::{
    Output,
    notice::{Notice, Says, Term},
    trail::{Place, Trail},
};
use crate::{
    Delivery, Message, State,
    signal::{CURSOR, GAP},
};

#[derive(Debug)]
pub(super) struct Desk {
    /// Which tab this is.
    pub(super) tab: u64,
    /// The latest term that it knows of.
    pub(super) term: Term,
    /// What the tab's program has had.
    pub(super) trail: Trail,
    /// Whether the events that come may have been had: the term's stream began before the tab's own place.
    pub(super) ahead: bool,
    /// Whether nothing was had yet, and nothing is wanted but what comes from now on.
    pub(super) fresh: bool,
    /// Whether another tab was ever heard.
    pub(super) has_company: bool,
    pub(super) state: State,
    /// Taken out after each input.
    outputs: VecDeque<Output>,
}

impl Desk {
    pub(super) fn new(tab: u64, start: EventId) -> Self {
        Self {
            tab,
            term: Term::default(),
            ahead: false,
            fresh: start.text().is_empty(),
            has_company: false,
            trail: Trail::new(start),
            state: State::Connecting,
            outputs: VecDeque::new(),
        }
    }

    /// An event of the stream, which the program gets unless it has had it.
    pub(super) fn take(&mut self, event: Delivery<Message>) {
        if self.ahead {
            match self.trail.place(&event.id) {
                Place::Behind => return,
                Place::Here => {
                    self.ahead = false;
                    return;
                }
                Place::Beyond => self.ahead = false,
                Place::Unknown => {} // a gap, or an ID that does not compare: what is known may follow yet
            }
        }
        self.fresh = false;
        self.trail.push(event.id.clone());
        self.output(Output::Event(event));
    }

    /// Tells the program where it is, which had nothing: so a hub's stream would begin.
    pub(super) fn tell_place(&mut self) {
        let value = Message { name: EventName::from_static(CURSOR), data: Text::default() };
        self.output(Output::Event(Delivery { value, id: self.trail.last(), origin: Text::default() }));
    }

    /// Tells the program that something is lost after what it has had.
    pub(super) fn tell_gap(&mut self, first: Option<&Delivery<Message>>) {
        let id = self.trail.last();
        let requested = serde_json::to_string(id.as_str()).unwrap_or_default();
        let name = EventName::from_static(GAP);
        let data = ["{\"reason\":\"lagged\",\"requested\":", &requested, "}"].concat().into();
        let origin = first.map(|event| event.origin.clone()).unwrap_or_default();
        self.output(Output::Event(Delivery { value: Message { name, data }, id, origin }));
    }

    pub(super) fn enter(&mut self, state: State) {
        if self.state != state {
            self.state = state;
            self.output(Output::State(state));
        }
    }

    pub(super) fn say(&mut self, says: Says) {
        self.output(Output::Post(Notice { from: self.tab, term: self.term, says }));
    }

    pub(super) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }
}
