//! A subscriber's place in the log, and what it gets next.
//!
//! ```text
//!             nothing after it matches
//!        ┌────────────── Wait ──────────────┐
//!        ▼                                  │
//!   next(hub, room, now) ── matching ──▶ Write ──▶ further along
//!        │
//!        ├── not in the window any more ──▶ Read ── take(page) ──▶ Write, further along
//!        ├── lost some, policy gap ────────▶ Gap ──▶ before the first that follows
//!        └── lost some, policy disconnect ─▶ Lagged
//! ```

use std::collections::HashMap;

use super::{
    Gap, GapReason, GroupId, Hub, LagPolicy, Log, Millis, Selectors, Write,
    frame::Frame,
    group::Group,
    topics::{TopicId, Topics, Trimmed},
};

/// How many events one step looks up at most.
const PAGE: usize = 256;
/// How many events of other topics one step passes over at most.
const SCAN: usize = 4096;

/// A subscriber's group and the position through which it has been served. The hub counts it as a member until
/// [`Hub::leave`].
#[derive(Debug)]
pub(crate) struct Cursor {
    group: GroupId,
    place: Place,
}

/// All that decides, within a group, what comes next: members at the same place get the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The sequence number through which the subscriber has been served.
    seq: u64,
    /// Trims up to this one have been told to the subscriber, or did not concern it.
    told: u64,
    /// The subscriber has been at the head, so the age of what it has not got is of its own making.
    caught_up: bool,
}

/// What a subscriber gets next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Frames to write; the cursor stands behind them.
    Write { write: Write, events: usize },
    /// Nothing to write until its group matches again. The cursor stands at the head.
    Wait,
    /// What comes next is not in the window: read it from the store, and [`take`](Cursor::take) it.
    Read(Span),
    /// Nothing found yet: call again, when others have had their turn.
    Again,
    /// Something was lost. The cursor stands before what follows.
    Gap(Gap),
    /// The subscriber fell too far behind, and the policy is to end its stream.
    Lagged,
}

/// What a subscriber is to be read from the store: what these selectors match, after one sequence number and through
/// another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) selectors: Selectors,
    pub(crate) after: u64,
    pub(crate) until: u64,
}

/// What was read of a [`Span`].
#[derive(Debug)]
pub(crate) struct Found {
    /// The events, encoded, and how many they are; none if there were none.
    pub(crate) write: Option<(Write, usize)>,
    /// The first of them, and its publish time.
    pub(crate) first: Option<(u64, Millis)>,
    /// No others match through this one.
    pub(crate) through: u64,
}

impl Cursor {
    pub(super) const fn new(group: GroupId, seq: u64, told: u64) -> Self {
        Self { group, place: Place { seq, told, caught_up: false } }
    }

    /// The same member at the same place, while it is being placed.
    pub(crate) const fn again(&self) -> Self {
        Self { group: self.group, place: self.place }
    }

    /// Where the first event that follows is looked up.
    pub(super) const fn begin_at(&mut self, seq: u64) {
        self.place.seq = seq;
    }

    pub(crate) const fn group(&self) -> GroupId {
        self.group
    }

    /// The sequence number through which the subscriber has been served.
    pub(crate) const fn seq(&self) -> u64 {
        self.place.seq
    }

    pub(crate) const fn place(&self) -> Place {
        self.place
    }

    /// Goes where [`next`](Self::next) took another member of the group from the same place.
    pub(crate) const fn follow(&mut self, place: Place) {
        self.place = place;
    }

    /// What comes next: at most `room` bytes of frames, but at least one frame.
    pub(crate) fn next(&mut self, hub: &mut Hub, room: usize, now: Millis) -> Step {
        let Hub { log, groups, bounds } = hub;
        let group = groups.get_mut(self.group);
        let place = &mut self.place;
        let lost = lost(log, group, place.seq, place.told);
        let far = |bytes: u64| bounds.lag_bytes > 0 && bytes > bounds.lag_bytes as u64;
        if lost && bounds.lag_policy == LagPolicy::Disconnect {
            return Step::Lagged;
        }
        if is_stored(log, group, place.seq) {
            if place.caught_up && far(log.bytes_in_window()) && bounds.lag_policy == LagPolicy::Disconnect {
                return Step::Lagged;
            }
            let selectors = group.selectors.clone();
            return Step::Read(Span { selectors, after: place.seq, until: log.evicted() });
        }
        if lost {
            let requested = log.at(place.seq);
            let first = first_after(log, group, place.seq);
            place.seq = first.map_or(log.head(), |first| first - 1);
            place.told = log.trims();
            return Step::Gap(Gap::new(log, GapReason::Lagged, requested.to_string(), place.seq, first));
        }
        let found = matching_after(log, group, place.seq, PAGE);
        let Some(first) = found.frames.first() else {
            place.seq = found.through;
            if place.seq < log.head() {
                return Step::Again;
            }
            place.caught_up = true;
            return Step::Wait;
        };
        let waited = now.saturating_sub(log.time(first.seq).unwrap_or(now));
        let late = u128::from(waited) > bounds.lag.as_millis();
        if place.caught_up && (late || far(log.bytes_after(first.seq))) && bounds.lag_policy == LagPolicy::Disconnect {
            return Step::Lagged;
        }
        let (write, events) = groups.joined(self.group, log, &found.frames, room);
        place.seq = found.frames[events - 1].seq;
        Step::Write { write, events }
    }

    /// Goes on with what was read for the last [`Step::Read`].
    pub(crate) fn take(&mut self, hub: &mut Hub, found: Found, now: Millis) -> Step {
        let Hub { log, groups, bounds } = hub;
        let group = groups.get_mut(self.group);
        let place = &mut self.place;
        let disconnects = bounds.lag_policy == LagPolicy::Disconnect;
        // The store tells of a trim before it trims: what the page may lack is known.
        if lost(log, group, place.seq, place.told) {
            if disconnects {
                return Step::Lagged;
            }
            let requested = log.at(place.seq).to_string();
            let first = found.first.map(|(first, _)| first);
            place.seq = first.map_or(found.through, |first| first - 1);
            place.told = log.trims();
            return Step::Gap(Gap::new(log, GapReason::Lagged, requested, place.seq, first));
        }
        let waited = found.first.map_or(0, |(_, time)| now.saturating_sub(time));
        if disconnects && place.caught_up && u128::from(waited) > bounds.lag.as_millis() {
            return Step::Lagged;
        }
        place.seq = found.through;
        found.write.map_or(Step::Again, |(write, events)| Step::Write { write, events })
    }
}

/// Matching events in the window, and the sequence number up to which there are no others.
pub(super) struct Matching<'a> {
    pub(super) frames: Vec<&'a Frame>,
    pub(super) through: u64,
}

/// Up to `count` retained events after `seq` that the group wants.
pub(super) fn matching_after<'a>(log: &'a Log, group: &Group, seq: u64, count: usize) -> Matching<'a> {
    let head = log.head();
    if seq >= group.complete_after {
        let frames = group.seqs_after(seq).filter_map(|seq| log.frame(seq)).take(count).collect();
        return Matching { frames, through: head };
    }
    if let Some(topics) = group.selectors.topics_only() {
        let mut seqs = Vec::new();
        for id in topics.filter_map(|topic| log.topics().id(topic)) {
            let of_topic = &log.topics().state(id).seqs;
            let from = of_topic.partition_point(|one| *one <= seq);
            seqs.extend(of_topic.range(from..).take(count));
        }
        seqs.sort_unstable();
        seqs.truncate(count);
        return Matching { frames: seqs.into_iter().filter_map(|seq| log.frame(seq)).collect(), through: head };
    }
    let mut wanted = Wanted::new(log, &group.selectors);
    let mut frames = Vec::new();
    let mut through = head;
    for (scanned, frame) in log.frames_after(seq).enumerate() {
        if scanned == SCAN || frames.len() == count {
            through = frame.seq - 1;
            break;
        }
        if wanted.takes(frame) {
            frames.push(frame);
        }
    }
    Matching { frames, through }
}

/// Whether selectors want a topic, asked once for each topic that a scan meets.
struct Wanted<'a> {
    log: &'a Log,
    selectors: &'a Selectors,
    known: HashMap<TopicId, bool>,
}

impl<'a> Wanted<'a> {
    fn new(log: &'a Log, selectors: &'a Selectors) -> Self {
        Self { log, selectors, known: HashMap::new() }
    }

    fn takes(&mut self, frame: &Frame) -> bool {
        let Self { log, selectors, known } = self;
        *known.entry(frame.topic).or_insert_with(|| selectors.matches(log.topic_of(frame.topic)))
    }
}

/// The first retained event after `seq` that the group wants.
pub(super) fn first_after(log: &Log, group: &Group, seq: u64) -> Option<u64> {
    let found = matching_after(log, group, seq, 1);
    if !found.frames.is_empty() || found.through == log.head() {
        return found.frames.first().map(|frame| frame.seq);
    }
    let mut wanted = Wanted::new(log, &group.selectors);
    log.frames_after(found.through).find(|frame| wanted.takes(frame)).map(|frame| frame.seq)
}

/// Whether an event after `seq` that the group wants may be in the store and not in the window.
pub(super) fn is_stored(log: &Log, group: &mut Group, seq: u64) -> bool {
    if seq >= log.evicted() || (seq >= group.complete_after && group.settle(log) <= seq) {
        return false;
    }
    // The topics' own counts say more, where they can be asked.
    group.selectors.topics_only().is_none_or(|topics| {
        topics.filter_map(|topic| log.topics().id(topic)).any(|id| {
            let topic = log.topics().state(id);
            topic.retained.events > topic.seqs.len() && topic.retained.last > seq
        })
    })
}

/// Whether an event after `seq` that the group wants was trimmed, and the subscriber has not been told.
pub(super) fn lost(log: &Log, group: &mut Group, seq: u64, told: u64) -> bool {
    if log.trimmed() <= seq || log.trims() <= told {
        return false;
    }
    // The group knows of all that it wanted since it began; only what is older has to be looked up.
    if seq >= group.complete_after && group.settle(log) <= seq {
        return false;
    }
    any_topic(log.topics(), &group.selectors, |trimmed| trimmed.takes(seq, told))
}

/// Whether something was trimmed of any topic that the selectors match, a forgotten one included.
pub(super) fn any_topic(topics: &Topics, selectors: &Selectors, trimmed: impl Fn(&Trimmed) -> bool) -> bool {
    let floor = || trimmed(&topics.floor());
    match selectors.topics_only() {
        Some(mut names) => names.any(|name| match topics.id(name) {
            Some(id) => trimmed(&topics.state(id).trimmed),
            None => floor(),
        }),
        None => floor() || topics.iter().any(|state| trimmed(&state.trimmed) && selectors.matches(&state.topic)),
    }
}
