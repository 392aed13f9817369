//! A subscriber's place in the log, and what it gets next.
//!
//! ```text
//!             nothing after it matches
//!        ┌────────────── Wait ──────────────┐
//!        ▼                                  │
//!   next(hub, room, now) ── matching ──▶ Write ──▶ further along
//!        │
//!        ├── lost some, policy gap ────────▶ Gap ──▶ before the first that follows
//!        └── lost some, policy disconnect ─▶ Lagged
//! ```

use std::collections::HashMap;

use super::{
    Gap, GroupId, Hub, LagPolicy, Log, Millis, Reason, Selectors, Write,
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
    /// Nothing found yet: call again, when others have had their turn.
    Again,
    /// Something was lost. The cursor stands before what follows.
    Gap(Gap),
    /// The subscriber fell too far behind, and the policy is to end its stream.
    Lagged,
}

impl Cursor {
    pub(super) const fn new(group: GroupId, seq: u64, told: u64) -> Self {
        Self { group, place: Place { seq, told, caught_up: false } }
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
        if lost(log, group, place.seq, place.told) {
            if bounds.lag_policy == LagPolicy::Disconnect {
                return Step::Lagged;
            }
            let requested = log.at(place.seq);
            let first = first_after(log, group, place.seq);
            place.seq = first.map_or(log.head(), |first| first - 1);
            place.told = log.trims();
            return Step::Gap(Gap::new(log, Reason::Lagged, requested.to_string(), place.seq, first));
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
        let far = bounds.lag_bytes > 0 && log.bytes_after(first.seq) > bounds.lag_bytes as u64;
        if place.caught_up && (late || far) && bounds.lag_policy == LagPolicy::Disconnect {
            return Step::Lagged;
        }
        let (write, events) = groups.joined(self.group, log, &found.frames, room);
        place.seq = found.frames[events - 1].seq;
        Step::Write { write, events }
    }
}

/// Matching events, and the sequence number up to which there are no others.
pub(super) struct Found<'a> {
    pub(super) frames: Vec<&'a Frame>,
    pub(super) through: u64,
}

/// Up to `count` retained events after `seq` that the group wants.
pub(super) fn matching_after<'a>(log: &'a Log, group: &Group, seq: u64, count: usize) -> Found<'a> {
    let head = log.head();
    if seq >= group.complete_after {
        let frames = group.seqs_after(seq).filter_map(|seq| log.frame(seq)).take(count).collect();
        return Found { frames, through: head };
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
        return Found { frames: seqs.into_iter().filter_map(|seq| log.frame(seq)).collect(), through: head };
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
    Found { frames, through }
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
