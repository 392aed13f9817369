//! The last event of each topic that a subscriber selects, with which its stream may begin.
//!
//! They are found in order of the log, a page of their numbers at a time: so a subscriber of very many topics takes no
//! more memory than others, and its events come as it takes them.

use std::collections::BTreeSet;

use crate::{
    Cursor, Kind, Matcher, Selection, Step, StorePage, StoreRead,
    cursor::View,
    group::{Group, Groups},
    steps::SLICE,
    topic_state::TopicState,
};

/// The events of one page: some 200 KB of numbers. All topics are looked at for each page, so few pages are better.
const PAGE: usize = 16_384;

/// The topics that are looked at under one taking of the lock: others have more urgent things to do.
const LOOK: usize = if SLICE < 128 { SLICE } else { 128 };

/// The most of them that one step looks up.
const AT_ONCE: usize = 256;

/// The last events that a stream begins with, as far as they are found and delivered.
#[derive(Debug, PartialEq, Eq)]
pub struct Lasts {
    /// The last event shown when the stream was opened: what follows it comes as to everyone.
    until: u64,
    /// The events of this page that are not delivered, in order.
    page: BTreeSet<u64>,
    /// Events through this one are delivered.
    after: u64,
    /// The topics that are still to be looked at for this page; `None` if there are none.
    search: Option<Selection>,
    /// There may be others behind this page.
    has_more: bool,
    /// Some of them are being read from the store.
    pub(crate) is_reading: bool,
}

impl Lasts {
    /// Those through the event `until`.
    pub(crate) fn new(until: u64) -> Self {
        let (page, search) = (BTreeSet::new(), Some(Selection::default()));
        Self { until, page, after: 0, search, has_more: false, is_reading: false }
    }

    pub(crate) const fn until(&self) -> u64 {
        self.until
    }

    /// The next event to deliver.
    pub(crate) fn first(&self) -> Option<u64> {
        self.page.first().copied()
    }

    /// The next `count` events to deliver.
    pub(crate) fn next(&self, count: usize) -> impl Iterator<Item = u64> {
        self.page.iter().take(count).copied()
    }

    /// The events through `seq` are delivered, or gone.
    pub(crate) fn delivered(&mut self, seq: u64) {
        self.after = self.after.max(seq);
        self.page = self.page.split_off(&(seq + 1));
    }

    /// Looks for the next page, if this one is delivered, for a slice. Returns true if it is found; it is empty if there are
    /// no more.
    pub(crate) fn search(&mut self, view: &View<'_>, group: &Group) -> bool {
        if self.page.is_empty() && self.has_more && self.search.is_none() {
            self.search = Some(Selection::default());
            self.has_more = false;
        }
        let Some(mut selection) = self.search.take() else { return true };
        let topics = view.window.topics();
        let over = match group.selectors.topics_only() {
            Some(names) => {
                for id in names.filter_map(|name| topics.id(name)) {
                    self.look(view, group, topics.state(id));
                    view.steps.count(1);
                }
                true
            }
            None => {
                let mut steps = LOOK;
                let matcher = Matcher::new(&group.selectors);
                let over = matcher.select(topics.names(), &mut selection, &mut steps, |_, id| {
                    self.look(view, group, topics.state(*id));
                    true
                });
                view.steps.count(LOOK - steps);
                over
            }
        };
        if !over {
            self.search = Some(selection);
        }
        over
    }

    /// Takes the last event of a topic that the subscriber may read.
    fn look(&mut self, view: &View<'_>, group: &Group, state: &TopicState) {
        let granted = !group.selectors.grants().is_empty();
        let mut lasts = [None; 4];
        for kind in Kind::seen(granted) {
            lasts[kind.index()] = self.last(view, group, state, kind);
        }
        lasts.sort_unstable_by(|a, b| b.cmp(a)); // those that are not there come last
        for seq in lasts.into_iter().flatten() {
            self.add(seq);
            // of one in the store it is not known whether it may be read
            if view.window.frame(seq).is_some() || !granted {
                return;
            }
        }
    }

    /// The last event of one kind, of private ones the last that the subscriber may read.
    fn last(&self, view: &View<'_>, group: &Group, state: &TopicState, kind: Kind) -> Option<u64> {
        let seqs = state.seqs.of(kind);
        let in_window = seqs.partition_point(|seq| *seq <= self.until);
        let mut latest = seqs.range(..in_window).rev();
        let found = if kind.private {
            // one further back is passed over: what a client can't read must not cost more than what it can
            latest.take(LOOK).find(|seq| {
                view.steps.count(1);
                view.window.frame(**seq).is_some_and(|frame| view.window.may_read(&group.selectors, frame))
            })
        } else {
            latest.next()
        };
        let stored = || Some(state.retained.of(kind).last).filter(|last| (1..=self.until).contains(last));
        let stored = || stored().filter(|last| view.window.frame(*last).is_none());
        found.copied().or_else(stored)
    }

    fn add(&mut self, seq: u64) {
        if seq <= self.after {
            return;
        }
        self.page.insert(seq);
        if self.page.len() > PAGE {
            self.page.pop_last();
            self.has_more = true;
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
            self.set_seq(lasts.until());
            return Step::CaughtUp;
        };
        let seqs: Vec<_> = lasts.next(AT_ONCE).collect();
        view.steps.count(seqs.len());
        let is_stored = |seq: &u64| *seq <= window.evicted() && window.frame(*seq).is_none();
        if is_stored(&first) {
            let only: Vec<_> = seqs.iter().copied().take_while(is_stored).collect();
            let until = only.last().copied().unwrap_or(first);
            lasts.is_reading = true;
            return Step::NeedStore(StoreRead { selectors: group.selectors.clone(), after: first - 1, until, only });
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
    pub(crate) fn accept_lasts(&mut self, lasts: &mut Lasts, page: StorePage) -> Step {
        lasts.is_reading = false;
        lasts.delivered(page.through);
        self.set_seq(page.through);
        page.write.map_or(Step::Yield, |(events, count)| Step::Events { events, count })
    }
}
