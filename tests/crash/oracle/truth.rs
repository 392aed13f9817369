//! The log as it was, put together from all that was seen of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::record::{Record, first_word};

pub(super) struct Truth<'a> {
    pub(super) record: &'a Record,
    /// Contents by ID: whatever was acknowledged or received, later lost or not.
    pub(super) events: BTreeMap<&'a str, &'a str>,
    topics: HashMap<&'a str, &'static str>,
    /// The life in which an ID was first given to anyone.
    first_seen: HashMap<&'a str, usize>,
    /// For each life the events that it began with: IDs by content.
    retained: Vec<HashMap<&'a str, &'a str>>,
}

impl<'a> Truth<'a> {
    pub(super) fn of(record: &'a Record, faults: &mut Vec<String>) -> Self {
        let mut truth = Self {
            record,
            events: BTreeMap::new(),
            topics: HashMap::new(),
            first_seen: HashMap::new(),
            retained: Vec::new(),
        };
        for (number, life) in record.lives.iter().enumerate() {
            truth.topics.extend(life.publishes.iter().map(|publish| (&*publish.content, publish.topic)));
            for id in life.ids() {
                truth.first_seen.entry(id).or_insert(number);
            }
            let acknowledged = life.publishes.iter().filter_map(|publish| Some((publish.id()?, &*publish.content)));
            let received = life.sessions.iter().flat_map(|session| session.events());
            for (id, content) in acknowledged.chain(received) {
                truth.enter(id, content, faults);
            }
            truth.retain(number, faults);
        }
        truth
    }

    fn enter(&mut self, id: &'a str, content: &'a str, faults: &mut Vec<String>) {
        let known = self.events.entry(id).or_insert(content);
        if *known != content {
            faults.push(format!("{id} was given to {}, and to {}", first_word(known), first_word(content)));
        }
    }

    fn retain(&mut self, life: usize, faults: &mut Vec<String>) {
        let Some(life) = self.record.lives.get(life) else { return };
        let audit = life.sessions.first().into_iter().flat_map(|audit| audit.events());
        let mut retained = HashMap::new();
        for (id, content) in audit.filter(|(id, _)| *id < life.marker.as_str()) {
            if let Some(other) = retained.insert(content, id) {
                faults.push(format!("{} is twice in the log: {other} and {id}", first_word(content)));
            }
        }
        self.retained.push(retained);
    }

    /// The life in which an event was published.
    pub(super) fn born(&self, id: &str) -> usize {
        self.record.lives.partition_point(|life| life.marker.as_str() <= id).saturating_sub(1)
    }

    /// The life in which an ID was first given to anyone, as a place to come back to.
    pub(super) fn first_seen(&self, id: &str) -> usize {
        self.first_seen.get(id).copied().unwrap_or_else(|| self.born(id))
    }

    pub(super) fn topic(&self, id: &str) -> Option<&'static str> {
        self.topics.get(self.events.get(id)?).copied()
    }

    /// Whether the life began with the event.
    pub(super) fn is_retained(&self, id: &str, life: usize) -> bool {
        self.events.get(id).and_then(|content| self.retained_id(content, life)) == Some(id)
    }

    /// The ID of a content that the life began with.
    pub(super) fn retained_id(&self, content: &str, life: usize) -> Option<&'a str> {
        self.retained.get(life)?.get(content).copied()
    }

    pub(super) fn retained_ids(&self, life: usize) -> impl Iterator<Item = &'a str> {
        self.retained.get(life).into_iter().flat_map(|retained| retained.values().copied())
    }

    /// Whether the event was in the log during a life.
    pub(super) fn is_alive(&self, id: &str, life: usize) -> bool {
        self.born(id) == life || self.is_retained(id, life)
    }

    /// The events that were published in a life, as far as they are known, in order.
    pub(super) fn born_in(&self, life: usize) -> impl Iterator<Item = &'a str> {
        self.events.keys().copied().filter(move |id| self.born(id) == life)
    }

    /// Those of them that are gone after the crash at the life's end.
    pub(super) fn lost(&self, life: usize) -> impl Iterator<Item = &'a str> {
        let over = life + 1 < self.record.lives.len();
        self.born_in(life).filter(move |id| over && !self.is_retained(id, life + 1))
    }

    /// An event, for a sentence.
    pub(super) fn name(&self, id: &str) -> String {
        format!("{id} ({})", self.events.get(id).map_or("never seen", |content| first_word(content)))
    }
}

/// IDs have one form and one epoch, go on after every crash beyond all that were given, and stand for what was
/// published, once.
pub(super) fn check(truth: &Truth<'_>, faults: &mut Vec<String>) {
    forms(truth, faults);
    beyond(truth, faults);
    let mut numbered = HashSet::new();
    for (id, content) in &truth.events {
        if !truth.topics.contains_key(content) {
            faults.push(format!("{} was never published", truth.name(id)));
        }
        if !numbered.insert((*content, truth.born(id))) {
            faults.push(format!("{} was numbered twice", truth.name(id)));
        }
    }
}

fn forms(truth: &Truth<'_>, faults: &mut Vec<String>) {
    let ids = truth.record.ids();
    let epoch = ids.first().and_then(|id| id.split_once('-')).map(|(epoch, _)| epoch);
    for id in ids {
        let right = id.split_once('-').is_some_and(|(this, number)| Some(this) == epoch && number.len() == 11);
        if !right || id.len() != 24 {
            faults.push(format!("{id} is no ID of this log"));
        }
    }
}

fn beyond(truth: &Truth<'_>, faults: &mut Vec<String>) {
    let mut last = "";
    for (number, life) in truth.record.lives.iter().enumerate() {
        if life.marker.as_str() <= last {
            faults.push(format!("life {number} numbers from {}, but {last} was given before", life.marker));
        }
        last = life.ids().fold(last, |last, id| last.max(id));
    }
}
