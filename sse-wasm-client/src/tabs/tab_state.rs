//! What a tab keeps in every role: what it has had, the state of the stream, and its outputs.

use std::collections::VecDeque;

use sse_core::{
    EventId, EventName, Text,
    hub::names::event::{CURSOR, DRAIN, END, GAP},
};

use super::{
    notice::{Notice, Says, Term},
    output::Output,
    seen_ids::{Relation, SeenIds},
};
use crate::{CloseReason, Delivery, Message, State};

#[derive(Debug)]
pub(super) struct TabState {
    /// The number of this tab.
    pub(super) id: u64,
    /// The latest known term.
    pub(super) term: Term,
    /// The IDs of the events that the program has had.
    pub(super) seen: SeenIds,
    /// The term's stream began before this tab's position, so the program may have had the next events.
    pub(super) ahead: bool,
    /// The program has had nothing, and wants only what comes from now on.
    pub(super) fresh: bool,
    /// Another tab has been heard.
    pub(super) has_company: bool,
    pub(super) stream_state: State,
    /// Emptied by the driver after each input.
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

    /// Hands an event of the stream to the program, unless that has had it. After the end of all topics the stream is
    /// closed for this tab, which has had everything.
    pub(super) fn take(&mut self, event: Delivery<Message>) {
        let is_end = is_end(&event);
        self.pass(event);
        if is_end {
            self.enter(State::Closed { why: CloseReason::Ended });
        }
    }

    fn pass(&mut self, event: Delivery<Message>) {
        let is_drain = event.value.name.as_str() == DRAIN;
        let mut is_seen = is_drain && event.id.text().is_empty(); // a refusal, which has no position
        if !is_seen && self.ahead {
            let relation = self.seen.relation(&event.id);
            // After a gap, and with IDs that do not compare, events that were seen may still follow.
            self.ahead = matches!(relation, Relation::Behind | Relation::Unknown);
            is_seen = matches!(relation, Relation::Behind | Relation::Last);
        }
        if is_seen {
            if is_drain || is_end(&event) {
                // The end of the stream concerns this tab wherever it is.
                self.output(Output::Event(Delivery { id: self.seen.last(), ..event }));
            }
            return;
        }
        self.fresh = false;
        self.seen.push(event.id.clone());
        self.output(Output::Event(event));
    }

    /// Tells the program its position by a cursor, as a hub does when a stream begins.
    pub(super) fn tell_position(&mut self) {
        let value = Message { name: EventName::from_static(CURSOR), data: Text::default() };
        self.output(Output::Event(Delivery { value, id: self.seen.last(), origin: Text::default() }));
    }

    /// Tells the program that events are missing between what it has had and `first`.
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

    /// Takes over a state of the stream, and tells the program if it is another one.
    pub(super) fn enter(&mut self, state: State) {
        if self.stream_state != state {
            self.stream_state = state;
            self.output(Output::State(state));
        }
    }

    /// Sends a notice to all other tabs.
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

/// Returns true if nothing comes after this event of a hub's.
pub(super) fn is_end(event: &Delivery<Message>) -> bool {
    event.value.name.as_str() == END
}
