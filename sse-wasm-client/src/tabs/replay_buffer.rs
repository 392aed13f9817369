//! The last events that a leader has sent.

use std::collections::VecDeque;

use sse_core::EventId;

use super::seen_ids::order;
use crate::{Delivery, Message};

/// A few seconds of a busy stream: enough for a tab that missed some events, or was just reloaded.
const EVENTS: usize = 512;

/// The size of all events together. A replay is one message of about this size.
const BYTES: usize = 512 * 1024;

/// The last events of a term, by their numbers. The oldest are dropped for new ones.
#[derive(Debug)]
pub(super) struct ReplayBuffer {
    /// At most `EVENTS` of at most `BYTES` in all. Their numbers are consecutive, from `floor + 1`.
    events: VecDeque<Delivery<Message>>,
    /// The number before the oldest event here.
    floor: u64,
    /// The last event ID as of `floor`.
    floor_id: EventId,
    bytes: usize,
}

impl ReplayBuffer {
    /// An empty buffer, for a stream that resumes after `start`.
    pub(super) fn new(start: EventId) -> Self {
        Self { events: VecDeque::new(), floor: 0, floor_id: start, bytes: 0 }
    }

    /// Adds the next event and returns its number.
    pub(super) fn push(&mut self, event: Delivery<Message>) -> u64 {
        self.bytes += size(&event);
        self.events.push_back(event);
        while self.events.len() > EVENTS || self.bytes > BYTES {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= size(&oldest);
            self.floor += 1;
            if !oldest.id.text().is_empty() {
                self.floor_id = oldest.id;
            }
        }
        self.last()
    }

    /// The number of the last event; 0 before the first.
    pub(super) fn last(&self) -> u64 {
        self.floor + self.events.len() as u64
    }

    /// The number before the oldest event here.
    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    /// The events after `number`, if all of them are here.
    pub(super) fn after(&self, number: u64) -> Option<Vec<Delivery<Message>>> {
        let skip = usize::try_from(number.checked_sub(self.floor)?).ok()?;
        (skip <= self.events.len()).then(|| self.events.range(skip..).cloned().collect())
    }

    /// The highest number up to which a tab whose last ID is `id` has had everything, if all that follows is here. Also
    /// returns whether the tab has had more than that, so that it may have had the next events.
    pub(super) fn find(&self, id: &EventId) -> Option<(u64, bool)> {
        let known = [&self.floor_id].into_iter().chain(self.events.iter().map(|event| &event.id));
        let numbered = (self.floor..).zip(known).filter_map(|(number, known)| {
            let order = order(known, id).filter(|order| order.is_le())?;
            Some((number, order.is_lt()))
        });
        numbered.last()
    }
}

fn size(event: &Delivery<Message>) -> usize {
    let Delivery { value: Message { name, data }, id, origin } = event;
    name.text().len() + data.len() + id.text().len() + origin.len()
}

#[cfg(test)]
mod tests {
    use sse_core::EventName;

    use super::*;
    use crate::tabs::seen_ids::{long, short};

    fn event(id: &str, data: &str) -> Delivery<Message> {
        let value = Message { name: EventName::from_static("tick"), data: data.into() };
        Delivery { value, id: long(id), origin: "".into() }
    }

    fn ids(events: Option<Vec<Delivery<Message>>>) -> Option<Vec<String>> {
        events.map(|events| events.iter().map(|event| short(&event.id)).collect())
    }

    fn find(buffer: &ReplayBuffer, id: &str) -> Option<(u64, bool)> {
        buffer.find(&long(id))
    }

    #[test]
    fn it_hands_out_again_what_follows() {
        let mut buffer = ReplayBuffer::new(long("a-2"));
        assert_eq!((buffer.last(), ids(buffer.after(0))), (0, Some(vec![])));
        for id in ["a-4", "a-6", "b-1"] {
            buffer.push(event(id, ""));
        }
        assert_eq!(ids(buffer.after(1)).unwrap(), ["a-6", "b-1"]);
        assert_eq!((ids(buffer.after(3)), ids(buffer.after(4))), (Some(vec![]), None));
        // The start, between two, the last of an epoch, beyond it, the last of all.
        for (id, number, ahead) in [
            ("a-2", 0, false),
            ("a-3", 0, true),
            ("a-4", 1, false),
            ("a-5", 1, true),
            ("a-6", 2, false),
            ("a-9", 2, true),
            ("b-1", 3, false),
            ("b-7", 3, true),
        ] {
            assert_eq!(find(&buffer, id), Some((number, ahead)), "{id}");
        }
        for id in ["a-1", "b-0", "c-1", "", "x"] {
            assert_eq!(find(&buffer, id), None, "{id}");
        }
    }

    #[test]
    fn it_holds_so_many() {
        let mut buffer = ReplayBuffer::new(EventId::default());
        for number in 1..=EVENTS as u64 + 3 {
            assert_eq!(buffer.push(event(&format!("#{number}"), "")), number);
        }
        assert_eq!((buffer.floor(), buffer.events.len()), (3, EVENTS));
        assert_eq!((buffer.after(2), find(&buffer, "#2"), find(&buffer, "#3")), (None, None, Some((3, false))));
    }

    #[test]
    fn it_holds_so_many_bytes() {
        let mut buffer = ReplayBuffer::new(EventId::default());
        let half = "x".repeat(BYTES / 2);
        for id in ["a-1", "a-2", "a-3"] {
            buffer.push(event(id, &half));
        }
        assert_eq!((buffer.floor(), buffer.last()), (2, 3)); // with names and IDs two are too many
        buffer.push(event("a-4", &"x".repeat(BYTES)));
        assert_eq!((buffer.floor(), buffer.last(), buffer.bytes, find(&buffer, "a-4")), (4, 4, 0, Some((4, false))));
    }
}
