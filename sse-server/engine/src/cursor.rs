//! How far a subscriber has been served, and what it gets next.
//!
//! ```text
//!             nothing after it matches
//!        ┌──────────── CaughtUp ────────────┐
//!        ▼                                  │
//!   next(room, date) ─── matching ───▶ Events ──▶ further along
//!        │
//!        ├── not in the window any more ──▶ ReadStore ── accept_page(page) ──▶ Events, further along
//!        ├── all its topics have ended ────▶ Ended
//!        ├── lost some, policy gap ────────▶ Gap ──▶ before the first that follows
//!        └── lost some, policy disconnect ─▶ Lagged
//! ```

use std::{collections::HashMap, sync::atomic::Ordering};

use crate::{
    Bounds, Gap, GapReason, GroupId, LagPolicy, Matcher, Millis, Selectors, Topic, Write,
    frame::Frame,
    group::{Group, Groups},
    looks::{Looks, SLICE},
    portion::PortionBytes,
    topic_state::Losses,
    topics::TopicId,
    window::Window,
};

/// The most events that one step looks up.
pub(crate) const STEP_EVENTS: usize = 256;

/// A subscriber's group and the position through which it has been served. The engine counts it as a member of the group
/// until [`Engine::unsubscribe`](crate::Engine::unsubscribe).
#[derive(Debug)]
pub struct Cursor {
    group: GroupId,
    progress: Progress,
}

/// Everything that determines, within a group, what comes next: members with the same progress get the same events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The sequence number through which the subscriber has been served.
    seq: u64,
    /// The generation of the last loss that was reported to the subscriber, or did not concern it.
    generation_seen: u64,
    /// The subscriber has caught up before, so it is responsible for any lag.
    caught_up: bool,
}

/// What a subscriber gets next; `W` is the form in which its events are carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<W = Write> {
    /// Events to write; the cursor stands after them.
    Events {
        /// The events.
        events: W,
        /// How many they are.
        count: usize,
    },
    /// Nothing to write until the group matches again. The cursor has passed all that is shown.
    CaughtUp,
    /// The next events are not in the window: read them from the store, and pass them to [`accept_page`](crate::Engine::accept_page).
    ReadStore(StoreRead),
    /// Nothing found yet: call again after others have had their turn.
    Yield,
    /// Something was lost. The cursor stands before what follows.
    Gap(Gap),
    /// The subscriber lagged too far, and the policy is to end its stream.
    Lagged,
    /// The subscriber has had everything, and all its topics, which these are, have ended.
    Ended(Vec<Topic>),
}

impl<W> Step<W> {
    /// The same step with its events carried another way.
    pub fn map<V>(self, carry: impl FnOnce(W) -> V) -> Step<V> {
        match self {
            Self::Events { events, count } => Step::Events { events: carry(events), count },
            Self::CaughtUp => Step::CaughtUp,
            Self::ReadStore(read) => Step::ReadStore(read),
            Self::Yield => Step::Yield,
            Self::Gap(gap) => Step::Gap(gap),
            Self::Lagged => Step::Lagged,
            Self::Ended(topics) => Step::Ended(topics),
        }
    }
}

/// A range that a subscriber needs from the store: the events that match `selectors`, after one sequence number and
/// through another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRead {
    /// The selectors to match.
    pub selectors: Selectors,
    /// The sequence number after which the range begins.
    pub after: u64,
    /// The last sequence number of the range.
    pub through: u64,
    /// These events of the range only, if there are any here.
    pub only: Vec<u64>,
}

/// The result of a [`StoreRead`].
#[derive(Debug)]
pub struct EncodedPage {
    /// The encoded events and their number, or `None` if there were none.
    pub write: Option<(Write, usize)>,
    /// The sequence number and the publish time of the first of them.
    pub first: Option<(u64, Millis)>,
    /// The sequence number through which nothing else matches.
    pub through: u64,
    /// Before the first of them there may have been others, which the store can't read any more.
    pub damaged: bool,
}

impl Cursor {
    pub(crate) const fn new(group: GroupId, seq: u64, generation_seen: u64) -> Self {
        Self { group, progress: Progress { seq, generation_seen, caught_up: false } }
    }

    /// Moves to `seq`, where the subscriber starts or through which it has been served.
    pub(crate) const fn set_seq(&mut self, seq: u64) {
        self.progress.seq = seq;
    }

    /// The group whose member the subscriber is.
    pub const fn group(&self) -> GroupId {
        self.group
    }

    /// The sequence number through which the subscriber has been served.
    pub const fn seq(&self) -> u64 {
        self.progress.seq
    }

    /// How far the subscriber has come within its group.
    pub const fn progress(&self) -> Progress {
        self.progress
    }

    /// Moves to `progress`, to which another member of the group has come from where this one is.
    pub const fn jump_to(&mut self, progress: Progress) {
        self.progress = progress;
    }

    /// The next step: at most `room` bytes of events, but at least one event.
    pub(crate) fn next(&mut self, view: &View<'_>, room: usize, date: Millis) -> Step {
        let View { window, groups, bounds, .. } = *view;
        let group = groups.get(self.group);
        let progress = &mut self.progress;
        let Some(missed) = missed_a_trim(view, group, progress) else { return Step::Yield };
        if missed && bounds.lag_policy == LagPolicy::Disconnect {
            return Step::Lagged;
        }
        if is_stored(window, group, progress.seq) {
            if progress.lags(bounds, 0, || window.bytes_held_since_start()) {
                return Step::Lagged;
            }
            let selectors = group.selectors.clone();
            return Step::ReadStore(StoreRead {
                selectors,
                after: progress.seq,
                through: window.evicted().min(window.shown()),
                only: Vec::new(),
            });
        }
        let found = matching_after(view, group, progress.seq, if missed { 1 } else { STEP_EVENTS });
        let through = found.through.max(progress.seq);
        if missed {
            progress.generation_seen = window.generation();
            let first = found.frames.first().map(|first| first.seq);
            return progress.gap_before(window, first, through, GapReason::Lagged);
        }
        let Some(first) = found.frames.first() else {
            progress.seq = through;
            if progress.seq < window.shown() {
                return Step::Yield;
            }
            progress.caught_up = true;
            return ended(window, group, progress.seq).map_or(Step::CaughtUp, Step::Ended);
        };
        let waited = date.saturating_sub(window.time(first.seq).unwrap_or(date));
        if progress.lags(bounds, waited, || window.bytes_after(first.seq)) {
            return Step::Lagged;
        }
        let (events, count) = groups.joined(self.group, window, &found.frames, room);
        progress.seq = found.frames[count - 1].seq;
        Step::Events { events, count }
    }

    /// Continues with the page read for the last [`Step::ReadStore`].
    pub(crate) fn accept_page(&mut self, view: &View<'_>, page: EncodedPage, date: Millis) -> Step {
        let View { window, groups, bounds, .. } = *view;
        let group = groups.get(self.group);
        let progress = &mut self.progress;
        let first = page.first.map(|(first, _)| first);
        // The store announces a trim before it trims, so any event missing from the page is already known.
        let Some(missed) = missed_a_trim(view, group, progress) else { return Step::Yield };
        if missed {
            if bounds.lag_policy == LagPolicy::Disconnect {
                return Step::Lagged;
            }
            progress.generation_seen = window.generation();
            return progress.gap_before(window, first, page.through, GapReason::Lagged);
        }
        // What the disk lost is not the subscriber's fault, whatever the policy for lag.
        if page.damaged {
            return progress.gap_before(window, first, page.through, GapReason::Lost);
        }
        let waited = page.first.map_or(0, |(_, time)| date.saturating_sub(time));
        if progress.lags(bounds, waited, || 0) {
            return Step::Lagged;
        }
        progress.seq = page.through;
        page.write.map_or(Step::Yield, |(events, count)| Step::Events { events, count })
    }
}

impl Progress {
    /// The generation of the last loss that was reported to the subscriber, or did not concern it.
    pub(crate) const fn generation_seen(&self) -> u64 {
        self.generation_seen
    }

    /// Returns true if the stream has to end because its next event has `waited` for too long, or has too many bytes
    /// after it.
    fn lags(&self, bounds: &Bounds, waited: Millis, bytes_after: impl FnOnce() -> u64) -> bool {
        let late = u128::from(waited) > bounds.lag.as_millis();
        let far = || bounds.lag_bytes > 0 && bytes_after() > bounds.lag_bytes as u64;
        self.caught_up && bounds.lag_policy == LagPolicy::Disconnect && (late || far())
    }

    /// Moves to just before the event `first`, or to `through` if there is none, and tells why events may be missing before
    /// that.
    fn gap_before(&mut self, window: &Window, first: Option<u64>, through: u64, reason: GapReason) -> Step {
        let requested = window.at(self.seq).to_string();
        self.seq = first.map_or(through, |first| first - 1);
        Step::Gap(Gap::new(reason, requested, first.map(|first| window.at(first).id())))
    }
}

/// What is read when a cursor moves on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) window: &'a Window,
    pub(crate) groups: &'a Groups,
    pub(crate) bounds: &'a Bounds,
    pub(crate) looks: &'a Looks,
    pub(crate) portion_bytes: &'a PortionBytes,
}

/// Matching events in the window, and the sequence number through which nothing else matches.
pub(crate) struct Matching<'a> {
    pub(crate) frames: Vec<&'a Frame>,
    pub(crate) through: u64,
}

/// Up to `count` retained events after `seq` that match the group.
pub(crate) fn matching_after<'a>(view: &View<'a>, group: &Group, seq: u64, count: usize) -> Matching<'a> {
    let View { window, looks, .. } = *view;
    let shown = window.shown();
    if seq >= group.complete_after {
        let seqs = group.seqs_after(seq).take_while(|seq| *seq <= shown);
        let frames: Vec<_> = seqs.filter_map(|seq| window.frame(seq)).take(count).collect();
        looks.count(frames.len());
        return Matching { frames, through: shown };
    }
    let sees_private = group.selectors.sees_private();
    if let Some(topics) = group.selectors.topics_only() {
        let mut seqs = Vec::new();
        for id in topics.filter_map(|topic| window.topics().id(topic)) {
            for list in window.topics().state(id).seqs.seen(sees_private) {
                let from = list.partition_point(|one| *one <= seq);
                // one more says whether there are others
                seqs.extend(list.range(from..).take_while(|seq| **seq <= shown).take(count + 1));
                looks.count(1);
            }
        }
        looks.count(seqs.len());
        seqs.sort_unstable();
        seqs.dedup();
        let through = seqs.get(count).map_or(shown, |_| seqs[count - 1]);
        seqs.truncate(count);
        let frames = seqs.into_iter().filter_map(|seq| window.frame(seq));
        let frames = frames.filter(|frame| window.may_read(&group.selectors, frame)).collect();
        return Matching { frames, through };
    }
    let matcher = Matcher::new(&group.selectors);
    let mut known: HashMap<TopicId, bool> = HashMap::new();
    let mut matches = |id: TopicId| *known.entry(id).or_insert_with(|| matcher.matches(window.topic_of(id)));
    let mut frames = Vec::new();
    let mut through = shown;
    let mut scanned = 0;
    for frame in window.frames_after(seq) {
        if scanned >= SLICE || frames.len() == count {
            through = frame.seq - 1;
            break;
        }
        scanned += 1 + frame.others().len();
        looks.count(1 + frame.others().len());
        if (matches(frame.topic) || frame.others().iter().any(|id| matches(*id)))
            && window.may_read(&group.selectors, frame)
        {
            frames.push(frame);
        }
    }
    Matching { frames, through }
}

/// The topics of the group, if it has only topics and all of them have ended for a subscriber served through `seq`.
fn ended(window: &Window, group: &Group, seq: u64) -> Option<Vec<Topic>> {
    if !group.may_have_ended.load(Ordering::Relaxed) {
        return None;
    }
    let ended = ended_by(window, &group.selectors, seq);
    if ended.is_none() && seq >= window.head() {
        group.may_have_ended.store(false, Ordering::Relaxed); // until another topic ends
    }
    ended
}

/// The topics of `selectors`, if they are only topics and all of them have ended for a subscriber served through `seq`.
pub(crate) fn ended_by(window: &Window, selectors: &Selectors, seq: u64) -> Option<Vec<Topic>> {
    let has_ended = |topic: &Topic| {
        let state = window.topics().id(topic).map(|id| window.topics().state(id));
        state.is_some_and(|state| (1..=seq).contains(&state.ended))
    };
    let mut topics = selectors.topics_only()?;
    topics.all(has_ended).then(|| selectors.topics_only().into_iter().flatten().cloned().collect())
}

/// Returns true if an event after `seq` that matches the group, and is not hidden, may be in the store but not in the window.
fn is_stored(window: &Window, group: &Group, seq: u64) -> bool {
    if seq >= window.evicted().min(window.shown()) || group.has_all(seq, window.start()) {
        return false;
    }
    let sees_private = group.selectors.sees_private();
    // Without patterns, the counts of the topics give a sharper answer.
    group.selectors.topics_only().is_none_or(|topics| {
        topics
            .filter_map(|topic| window.topics().id(topic))
            .any(|id| window.topics().state(id).is_stored(seq, sees_private))
    })
}

/// Returns true if no event after `seq` that matches the group has been trimmed, as far as the group knows.
pub(crate) fn is_intact(view: &View<'_>, group: &Group, seq: u64) -> bool {
    let View { window, looks, .. } = *view;
    let present = |seq| {
        looks.count(1);
        window.frame(seq).is_some()
    };
    group.has_all(seq, window.start()) && group.seqs_after(seq).all(present)
}

/// Returns true if an event that matches the group and that a subscriber with `progress` has not had was lost to a trim
/// that it has not seen, and `None` if more losses have to be looked at than one step does. Those that do not concern it
/// are seen from then on.
fn missed_a_trim(view: &View<'_>, group: &Group, progress: &mut Progress) -> Option<bool> {
    let View { window, looks, .. } = *view;
    let Progress { seq, generation_seen, .. } = *progress;
    if window.lost_through() <= seq || window.generation() <= generation_seen {
        return Some(false);
    }
    if is_intact(view, group, seq) {
        return Some(false);
    }
    let topics = window.topics();
    let sees_private = group.selectors.sees_private();
    let is_lost = |losses: &Losses| losses.any(sees_private, |loss| loss.affects(seq, generation_seen));
    let floor = || is_lost(topics.floor());
    if let Some(mut names) = group.selectors.topics_only() {
        let missed = names.any(|name| {
            looks.count(1);
            topics.id(name).map_or_else(floor, |id| is_lost(&topics.state(id).losses))
        });
        return Some(missed);
    }
    if floor() {
        return Some(true);
    }
    let matcher = Matcher::new(&group.selectors);
    for (at, (generation, state)) in topics.losses_since(generation_seen).enumerate() {
        if at == SLICE {
            return None;
        }
        looks.count(1);
        if state.is_some_and(|state| is_lost(&state.losses) && matcher.matches(&state.topic)) {
            return Some(true);
        }
        progress.generation_seen = generation;
    }
    Some(false)
}
