//! A model of the server and its log.

use std::time::Duration;

use sse_core::{
    EventId, EventName,
    hub::names::event::{CURSOR, DRAIN, END, GAP},
};

use crate::{Delivery, Message, tabs::seen_ids::order};

/// The name of published events. The data is the event's index among all that were ever published.
pub(super) const TICK: EventName = EventName::from_static("tick");

/// Which IDs a server sets, and what it does with one that it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// They compare, and it announces a gap.
    Hub,
    /// They do not compare, and nothing is lost.
    Foreign,
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) kind: Kind,
    epoch: u32,
    /// The indices of the present epoch's events, from number 1 on.
    log: Vec<usize>,
    trimmed: usize,
    /// When each event was published, by its index.
    pub(super) times: Vec<Duration>,
    pub(super) is_up: bool,
    /// It refuses each connection, with a stream that opens with its end.
    pub(super) is_busy: bool,
    /// It tells all clients not to connect again.
    pub(super) refuses: bool,
    /// The topic has ended: nothing more is published, and streams end after what there is.
    pub(super) has_ended: bool,
    /// How many requests have reached it.
    pub(super) asked: usize,
    /// How many requests it has refused.
    pub(super) refused: usize,
    /// Gaps that were announced.
    pub(super) gaps: usize,
    /// Gaps whose only cause was an ID that the server never set.
    pub(super) stray_gaps: usize,
}

impl Server {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            epoch: 0,
            log: Vec::new(),
            trimmed: 0,
            times: Vec::new(),
            is_up: true,
            is_busy: false,
            refuses: false,
            has_ended: false,
            asked: 0,
            refused: 0,
            gaps: 0,
            stray_gaps: 0,
        }
    }

    /// Publishes an event, which goes to every open connection.
    pub(super) fn publish(&mut self, now: Duration) -> Delivery<Message> {
        self.log.push(self.published());
        self.times.push(now);
        self.event(self.log.len())
    }

    /// How many were published.
    pub(super) const fn published(&self) -> usize {
        self.times.len()
    }

    /// The ID and index of the event `ago` before the last, if it is of the present epoch.
    pub(super) fn before(&self, ago: usize) -> Option<(EventId, usize)> {
        let number = self.log.len().checked_sub(ago)?;
        Some((self.id(number), *self.log.get(number.checked_sub(1)?)?))
    }

    /// The index of an event, by its ID of a kind that does not compare.
    pub(super) fn index(&self, id: &EventId) -> usize {
        let number = id.as_str().strip_prefix('#').and_then(|number| number.parse::<usize>().ok());
        number.map_or(0, |number| number - 1)
    }

    /// Drops all events but the last `but`.
    pub(super) fn trim(&mut self, but: usize) {
        if self.kind == Kind::Hub {
            self.trimmed = self.trimmed.max(self.log.len().saturating_sub(but));
        }
    }

    /// Loses the log.
    pub(super) fn begin_epoch(&mut self) {
        if self.kind == Kind::Hub {
            self.epoch += 1;
            self.gaps += 1; // it concerns all, although it may be announced to an astray tab
            self.log.clear();
            self.trimmed = 0;
        }
    }

    /// The last event of every stream whose topics have ended.
    pub(super) fn end(&self) -> Delivery<Message> {
        event(EventName::from_static(END), r#"{"topics":["a"]}"#.into(), self.id(self.log.len()))
    }

    /// Whether a client with this ID has had everything, and nothing more will come.
    pub(super) fn wants_no_more(&self, id: &EventId) -> bool {
        self.refuses || (self.has_ended && *id == self.id(self.log.len()))
    }

    /// What a connection that resumes after `id` gets at once.
    pub(super) fn open(&mut self, id: &EventId) -> Vec<Delivery<Message>> {
        let asked = (0..=self.log.len()).find(|&number| self.id(number) == *id);
        let (hello, after) = match (self.kind, asked) {
            (Kind::Foreign, asked) => (None, asked.unwrap_or(self.log.len())),
            (Kind::Hub, _) if id.text().is_empty() => (Some(CURSOR), self.log.len()),
            (Kind::Hub, Some(asked)) if asked >= self.trimmed => (Some(CURSOR), asked),
            (Kind::Hub, _) => (Some(GAP), self.trimmed),
        };
        let is_known = asked.is_some() || order(id, &self.id(0)).is_some();
        if hello == Some(GAP) {
            let is_for_all = is_known || self.trimmed > 0; // otherwise only for an astray tab
            self.gaps += usize::from(is_for_all);
            self.stray_gaps += usize::from(!is_for_all);
        }
        let hello = hello.map(|name| event(EventName::from_static(name), String::new(), self.id(after)));
        hello.into_iter().chain((after + 1..=self.log.len()).map(|number| self.event(number))).collect()
    }

    /// The only event of a refused connection, which was to resume after `id`.
    pub(super) fn turn_away(id: &EventId) -> Delivery<Message> {
        event(EventName::from_static(DRAIN), r#"{"reason":"busy"}"#.into(), id.clone())
    }

    fn event(&self, number: usize) -> Delivery<Message> {
        event(TICK, self.log[number - 1].to_string(), self.id(number))
    }

    fn id(&self, number: usize) -> EventId {
        let id = match self.kind {
            Kind::Hub => format!("{:012}-{number:011}", self.epoch),
            Kind::Foreign => format!("#{number}"),
        };
        EventId::new(id).unwrap()
    }
}

fn event(name: EventName, data: String, id: EventId) -> Delivery<Message> {
    Delivery { value: Message { name, data: data.into() }, id, origin: "http://hub.example".into() }
}
