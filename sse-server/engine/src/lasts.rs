//! The last event of each topic that a subscriber selects, with which its stream may begin.
//!
//! They are found in order of the log, a portion of their numbers at a time: so the memory of a subscriber of very many topics
//! is bounded, and its events come as it takes them. All topics are looked at for each portion, so few portions are better.

use crate::{
    Cursor, EncodedPage, Kind, Selection, Step, StoreRead, Topic,
    cursor::{STEP_EVENTS, View},
    group::{Group, Groups},
    looks::SLICE,
    portion::{Portion, PortionBytes},
    topic_state::TopicState,
};

/// The topics that are looked at under one taking of the lock: others have more urgent things to do.
const LOOK: usize = if SLICE < 128 { SLICE } else { 128 };

/// The last events that a stream begins with, as far as they are found and delivered.
#[derive(Debug, PartialEq, Eq)]
pub struct Lasts {
    /// The last event shown when the stream was opened: what follows it comes as to everyone.
    through: u64,
    /// The events that were found and are not delivered.
    portion: Portion,
    /// Events through this one are delivered.
    after: u64,
    /// The topics that are still to be looked at for this portion; `None` if there are none.
    search: Option<Selection>,
    /// The topic at which the last slice ended, and how far it had come.
    walk: Option<(Topic, Walk)>,
}

/// The way back in one topic to the last event that the subscriber may read, past private ones that it may not.
#[derive(Debug, Default, PartialEq, Eq)]
struct Walk {
    /// The kinds that are done.
    kinds: usize,
    /// Of the next kind, the events from this one on are done.
    from: Option<u64>,
    /// What was found, by kind.
    lasts: [Option<u64>; 4],
}

impl Lasts {
    /// Those through the event `through`.
    pub(crate) fn new(through: u64, all: &PortionBytes) -> Self {
        let (portion, search) = (Portion::new(all.clone()), Some(Selection::default()));
        Self { through, portion, after: 0, search, walk: None }
    }

    pub(crate) const fn through(&self) -> u64 {
        self.through
    }

    /// The next event to deliver.
    pub(crate) fn first(&self) -> Option<u64> {
        self.portion.iter().next()
    }

    /// The next `count` events to deliver.
    pub(crate) fn next(&self, count: usize) -> impl Iterator<Item = u64> {
        self.portion.iter().take(count)
    }

    /// The events through `seq` are delivered, or gone.
    pub(crate) fn delivered(&mut self, seq: u64) {
        self.after = self.after.max(seq);
        self.portion.remove_through(seq);
    }

    /// Puts in order what was found. The next step does it if nobody did; it may take a millisecond, so it is better done
    /// before the engine is locked.
    pub fn arrange(&mut self) {
        if self.search.is_none() && self.walk.is_none() || self.portion.is_full() {
            self.portion.arrange();
        }
    }

    /// Looks for the next portion, if this one is delivered, for a slice. Returns true if it is found; it is empty if there are
    /// no more.
    pub(crate) fn search(&mut self, view: &View<'_>, group: &Group) -> bool {
        self.arrange();
        let is_over = self.search.is_none() && self.walk.is_none();
        if is_over && !(self.portion.is_empty() && self.portion.has_dropped()) {
            return true;
        }
        if is_over {
            self.portion.clear();
            self.search = Some(Selection::default());
        }
        let mut looks = LOOK;
        let over = self.walk_on(view, group, &mut looks) && self.select(view, group, &mut looks);
        view.looks.count(LOOK - looks);
        if over && self.portion.len() <= LOOK {
            self.portion.arrange();
        }
        over && self.portion.is_arranged()
    }

    /// Goes on with the topic at which the last slice ended. Returns true if it is done.
    fn walk_on(&mut self, view: &View<'_>, group: &Group, looks: &mut usize) -> bool {
        let Some((topic, walk)) = self.walk.take() else { return true };
        let topics = view.window.topics();
        // one that is forgotten has no events
        topics.id(&topic).is_none_or(|id| self.look(view, group, topics.state(id), walk, looks))
    }

    /// Looks at the topics that have not been looked at. Returns true if all have been.
    fn select(&mut self, view: &View<'_>, group: &Group, looks: &mut usize) -> bool {
        let Some(mut selection) = self.search.take() else { return true };
        let mut names_left = LOOK;
        let over = view.window.topics().select(&group.selectors, &mut selection, &mut names_left, |state| {
            self.look(view, group, state, Walk::default(), looks)
        });
        view.looks.count(LOOK - names_left);
        if !over {
            self.search = Some(selection);
        }
        over
    }

    /// Takes the last event of a topic that the subscriber may read. Returns false if there are no `looks` left for it.
    fn look(&mut self, view: &View<'_>, group: &Group, state: &TopicState, mut walk: Walk, looks: &mut usize) -> bool {
        let sees_private = group.selectors.sees_private();
        for kind in Kind::seen(sees_private).skip(walk.kinds) {
            match self.last(view, group, state, (kind, walk.from), looks) {
                Ok(last) => walk.lasts[kind.index()] = last,
                Err(from) => {
                    walk.from = Some(from);
                    self.walk = Some((state.topic.clone(), walk));
                    return false;
                }
            }
            walk.kinds += 1;
            walk.from = None;
        }
        let mut lasts = walk.lasts;
        lasts.sort_unstable_by(|a, b| b.cmp(a)); // those that are not there come last
        for seq in lasts.into_iter().flatten() {
            self.add(seq);
            // of one in the store it is not known whether it may be read
            if view.window.frame(seq).is_some() || !sees_private {
                break;
            }
        }
        true
    }

    /// The last event of one kind before `from`, of private ones the last that the subscriber may read.
    ///
    /// # Errors
    ///
    /// There are no `looks` left: the event before which to go on.
    fn last(
        &self,
        view: &View<'_>,
        group: &Group,
        state: &TopicState,
        (kind, from): (Kind, Option<u64>),
        looks: &mut usize,
    ) -> Result<Option<u64>, u64> {
        let seqs = state.seqs.of(kind);
        let end = seqs.partition_point(|seq| *seq <= self.through && from.is_none_or(|from| *seq < from));
        let back = seqs.range(..end).rev();
        let found = view.window.first_readable(&group.selectors, kind.private, back, looks).map_err(|seq| seq + 1)?;
        let stored = || Some(state.retained.of(kind).last).filter(|last| (1..=self.through).contains(last));
        let stored = || stored().filter(|last| view.window.frame(*last).is_none());
        Ok(found.or_else(stored))
    }

    fn add(&mut self, seq: u64) {
        if seq > self.after {
            self.portion.add(seq);
        }
    }
}

impl Cursor {
    /// The next step of a subscriber that begins with the last event of each topic: it has [caught up](Step::CaughtUp) when it
    /// has had these.
    pub(crate) fn next_lasts(&mut self, view: &View<'_>, lasts: &mut Lasts, room: usize) -> Step {
        let View { window, groups, .. } = *view;
        let group = groups.get(self.group());
        if !lasts.search(view, group) {
            return Step::Yield;
        }
        let Some(first) = lasts.first() else {
            self.set_seq(lasts.through());
            return Step::CaughtUp;
        };
        let seqs: Vec<_> = lasts.next(STEP_EVENTS).collect();
        view.looks.count(seqs.len());
        let is_stored = |seq: &u64| *seq <= window.evicted() && window.frame(*seq).is_none();
        if is_stored(&first) {
            let only: Vec<_> = seqs.iter().copied().take_while(is_stored).collect();
            let through = only.last().copied().unwrap_or(first);
            return Step::ReadStore(StoreRead { selectors: group.selectors.clone(), after: first - 1, through, only });
        }
        let seqs = seqs.into_iter().take_while(|seq| !is_stored(seq)).collect::<Vec<_>>();
        let frames: Vec<_> = seqs.iter().filter_map(|seq| window.frame(*seq)).collect();
        let Some(last) = seqs.last() else { return Step::Yield };
        if frames.is_empty() {
            lasts.delivered(*last); // they went since
            return Step::Yield;
        }
        let (events, count) = Groups::joined_once(window, group.selectors.envelope, &frames, room);
        let through = if count == frames.len() { *last } else { frames[count - 1].seq };
        lasts.delivered(through);
        self.set_seq(through);
        Step::Events { events, count }
    }

    /// Continues with the page read for some of the last events.
    pub(crate) fn accept_lasts(&mut self, lasts: &mut Lasts, page: EncodedPage) -> Step {
        lasts.delivered(page.through);
        self.set_seq(page.through);
        page.write.map_or(Step::Yield, |(events, count)| Step::Events { events, count })
    }
}
