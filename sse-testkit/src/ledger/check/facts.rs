//! What the records say, by event and by reader.

use std::collections::{BTreeMap, HashMap, HashSet, hash_map};

use crate::ledger::{entry::Entry, findings::Finding, ids::Ids};

/// Everything known of a run.
#[derive(Debug, Default)]
pub(super) struct Facts<'a> {
    pub(super) events: Vec<EventFacts<'a>>,
    pub(super) readers: BTreeMap<&'a str, ReaderFacts<'a>>,
}

/// An event that was published, once or more often.
#[derive(Debug)]
pub(super) struct EventFacts<'a> {
    pub(super) data: &'a str,
    pub(super) topic: &'a str,
    /// When its first publish began.
    pub(super) start: LogTime,
    /// The first time at which it certainly was in the log, since it was acknowledged or seen, for each source that
    /// knows of it.
    pub(super) ends: Vec<LogTime>,
    pub(super) id: &'a str,
    pub(super) acknowledged: bool,
    publishes: usize,
    refusals: usize,
}

/// What one reader entered.
#[derive(Debug, Default)]
pub(super) struct ReaderFacts<'a> {
    wants: Option<HashSet<&'a str>>,
    pub(super) from_start: bool,
    /// The last time that it connected without an id before it had seen anything.
    pub(super) since: Option<LogTime>,
    pub(super) complete: Option<LogTime>,
    pub(super) items: Vec<Sighting>,
    /// The names and data of events that nobody published.
    pub(super) forged: Vec<(&'a str, &'a str)>,
}

/// The time of a record. Only times of the same source are in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LogTime {
    /// Which process or file the record comes from.
    pub(super) source: usize,
    pub(super) at: usize,
}

impl LogTime {
    pub(super) const fn is_before(self, other: Self) -> bool {
        self.source == other.source && self.at < other.at
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sighting {
    Event(usize),
    Gap,
}

impl<'a> Facts<'a> {
    pub(super) fn of(records: &'a [Entry], ids: Ids, all: &mut Vec<Finding>) -> Self {
        let mut facts = Self::default();
        let mut known = HashMap::new();
        let mut publishes = HashMap::new();
        // publishes first: with several files, that of a reader may come first
        for (at, record) in timed(records) {
            if let Entry::Published { publish, topic, data } = record {
                let event = facts.published(&mut known, at, topic, data, all);
                publishes.insert(*publish, event);
            }
        }
        let mut named = Vec::new();
        for (at, record) in timed(records) {
            facts.enter(at, record, &known, &publishes, &mut named);
        }
        if ids != Ids::Shared {
            let data: Vec<_> = facts.events.iter().map(|event| event.data).collect();
            identities(named.into_iter(), &data, all);
        }
        facts
    }

    fn published(
        &mut self,
        known: &mut HashMap<&'a str, usize>,
        at: LogTime,
        topic: &'a str,
        data: &'a str,
        all: &mut Vec<Finding>,
    ) -> usize {
        match known.entry(data) {
            hash_map::Entry::Vacant(entry) => {
                let event = *entry.insert(self.events.len());
                self.events.push(EventFacts {
                    data,
                    topic,
                    start: at,
                    ends: Vec::new(),
                    id: "",
                    acknowledged: false,
                    publishes: 1,
                    refusals: 0,
                });
                event
            }
            hash_map::Entry::Occupied(entry) => {
                let event = &mut self.events[*entry.get()];
                event.publishes += 1;
                if event.topic != topic {
                    all.push(Finding::SameData { data: data.into(), topics: [event.topic.into(), topic.into()] });
                }
                *entry.get()
            }
        }
    }

    fn enter(
        &mut self,
        at: LogTime,
        record: &'a Entry,
        known: &HashMap<&'a str, usize>,
        publishes: &HashMap<u64, usize>,
        named: &mut Vec<(&'a str, usize)>,
    ) {
        match record {
            Entry::Published { .. } | Entry::Drawn { .. } | Entry::Elsewhere {} => {}
            Entry::Acknowledged { publish, id } => {
                // a publish that was never begun can only be in a file that somebody has edited; it is ignored
                if let Some(event) = publishes.get(publish) {
                    self.events[*event].acknowledged = true;
                    self.events[*event].is_there(at, id);
                    named.push((id, *event));
                }
            }
            Entry::Refused { publish } => {
                if let Some(event) = publishes.get(publish) {
                    self.events[*event].refusals += 1;
                }
            }
            Entry::Wants { reader, topics } => {
                self.reader(reader).wants = Some(topics.iter().map(String::as_str).collect());
            }
            Entry::FromStart { reader } => self.reader(reader).from_start = true,
            Entry::Connected { reader, last_event_id } => {
                let reader = self.reader(reader);
                if reader.items.is_empty() && (last_event_id.is_empty() || reader.since.is_none()) {
                    reader.since = Some(at);
                }
            }
            Entry::Saw { reader, name, data, id } => match known.get(&**data) {
                Some(event) => {
                    self.events[*event].is_there(at, id);
                    named.push((id, *event));
                    self.reader(reader).items.push(Sighting::Event(*event));
                }
                None => self.reader(reader).forged.push((name, data)),
            },
            Entry::Gap { reader, .. } => self.reader(reader).items.push(Sighting::Gap),
            Entry::Left { reader } => {
                self.reader(reader);
            }
            Entry::Complete { reader } => self.reader(reader).complete = Some(at),
        }
    }

    fn reader(&mut self, name: &'a str) -> &mut ReaderFacts<'a> {
        self.readers.entry(name).or_default()
    }
}

/// The records with their times.
fn timed(records: &[Entry]) -> impl Iterator<Item = (LogTime, &Entry)> {
    records.iter().enumerate().scan(0, |source, (at, record)| {
        *source += usize::from(*record == Entry::Elsewhere {});
        Some((LogTime { source: *source, at }, record))
    })
}

impl<'a> EventFacts<'a> {
    fn is_there(&mut self, at: LogTime, id: &'a str) {
        if self.ends.iter().all(|end| end.source != at.source) {
            self.ends.push(at);
        }
        if self.id.is_empty() {
            self.id = id;
        }
    }

    /// Returns true if every publish of it was refused.
    pub(super) const fn is_refused(&self) -> bool {
        self.refusals == self.publishes
    }
}

impl ReaderFacts<'_> {
    pub(super) fn wants(&self, topic: &str) -> bool {
        self.wants.as_ref().is_none_or(|topics| topics.contains(topic))
    }

    /// The events that the reader saw, with their positions.
    pub(super) fn events(&self) -> impl Iterator<Item = (usize, usize)> {
        self.items.iter().enumerate().filter_map(|(position, item)| match item {
            Sighting::Event(event) => Some((position, *event)),
            Sighting::Gap => None,
        })
    }
}

/// Finds events with two ids, and ids of two events.
fn identities<'a>(ids: impl Iterator<Item = (&'a str, usize)>, data: &[&'a str], all: &mut Vec<Finding>) {
    let mut of_event: HashMap<usize, &str> = HashMap::new();
    let mut of_id: HashMap<&str, usize> = HashMap::new();
    let mut told = HashSet::new();
    for (id, event) in ids.filter(|(id, _)| !id.is_empty()) {
        let known = *of_event.entry(event).or_insert(id);
        if known != id && told.insert((event, id)) {
            all.push(Finding::TwoIds { data: data[event].into(), ids: [known.into(), id.into()] });
        }
        let other = *of_id.entry(id).or_insert(event);
        if other != event && told.insert((event, id)) {
            all.push(Finding::SameId { id: id.into(), events: [data[other].into(), data[event].into()] });
        }
    }
}
