//! What a tab keeps whichever its part: its own place in the stream, and what is to be done.

use std::collections::VecDeque;

use sse_core::{
    EventId, EventName, Text,
    hub::names::event::{CURSOR, DRAIN, GAP},
};

use super::{
    notice::{Notice, Says, Term},
    output::Output,
    seen_ids::{Relation, SeenIds},
};
use crate::{Delivery, Message, State};

#[derive(Debug)]
pub(super) struct TabState {
    /// Which tab this is.
    pub(super) id: u64,
    /// The latest term that it knows of.
    pub(super) term: Term,
    /// What the tab's program has had.
    pub(super) seen: SeenIds,
    /// Whether the events that come may have been had: the term's stream began before the tab's own place.
    pub(super) ahead: bool,
    /// Whether nothing was had yet, and nothing is wanted but what comes from now on.
    pub(super) fresh: bool,
    /// Whether another tab was ever heard.
    pub(super) has_company: bool,
    pub(super) stream_state: State,
    /// Taken out after each input.
    outputs: VecDeque<Output>,
}

impl TabState {
    pub(super) fn new(id: u64, start: EventId) -> Self {
        Self {
            id,
            term: Term::default(),
            ahead: false,
            fresh: start.text().is_empty(),
            has_company: false,
            seen: SeenIds::new(start),
            stream_state: State::Connecting,
            outputs: VecDeque::new(),
        }
    }

    /// Hands an event of the stream to the program, unless that has had it.
    pub(super) fn take(&mut self, event: Delivery<Message>) {
        let is_drain = event.value.name.as_str() == DRAIN;
        let mut is_seen = is_drain && event.id.text().is_empty(); // a refusal, which has no position
        if !is_seen && self.ahead {
            let relation = self.seen.relation(&event.id);
            // After a gap, and with IDs that do not compare, events that were seen may still follow.
            self.ahead = matches!(relation, Relation::Behind | Relation::Unknown);
            is_seen = matches!(relation, Relation::Behind | Relation::Last);
        }
        if is_seen {
            if is_drain {
                // The end of the stream concerns this tab wherever it is.
                self.output(Output::Event(Delivery { id: self.seen.last(), ..event }));
            }
            return;
        }
        self.fresh = false;
        self.seen.push(event.id.clone());
        self.output(Output::Event(event));
    }

    /// Tells the program where it is, which had nothing: so a hub's stream would begin.
    pub(super) fn tell_place(&mut self) {
        let value = Message { name: EventName::from_static(CURSOR), data: Text::default() };
        self.output(Output::Event(Delivery { value, id: self.seen.last(), origin: Text::default() }));
    }

    /// Tells the program that something is lost between what it has had and this.
    pub(super) fn tell_gap(&mut self, first: Option<&Delivery<Message>>) {
        let id = self.seen.last();
        let json = |id: &EventId| serde_json::to_string(id.as_str()).unwrap_or_default();
        let name = EventName::from_static(GAP);
        let first_id = first.map(|event| &event.id).filter(|id| !id.text().is_empty());
        let first_id = first_id.map_or("null".to_owned(), json);
        let data = ["{\"reason\":\"lagged\",\"requested\":", &json(&id), ",\"first\":", &first_id, "}"];
        let data = data.concat().into();
        let origin = first.map(|event| event.origin.clone()).unwrap_or_default();
        self.output(Output::Event(Delivery { value: Message { name, data }, id, origin }));
    }

    pub(super) fn enter(&mut self, state: State) {
        if self.stream_state != state {
            self.stream_state = state;
            self.output(Output::State(state));
        }
    }

    pub(super) fn say(&mut self, says: Says) {
        self.output(Output::Post(Notice { from: self.id, term: self.term, says }));
    }

    pub(super) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }
}
