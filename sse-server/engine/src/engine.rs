//! The window and the groups of subscribers, as one value.

use std::collections::VecDeque;

use crate::{
    Bounds, Cursor, Draft, EncodedPage, Epoch, Full, GroupId, Lasts, Millis, OutOfOrder, Pending, Placement, Selectors,
    StartFound, StartPoint, Step, StoredHead, StoredTopic, Topic, TopicInfo, Trim, Window,
    cursor::{View, ended_by},
    group::Groups,
    hidden::Hidden,
    looks::{Looks, SLICE},
    portion::PortionBytes,
    resume::{self, Asked},
};

/// The window of the log in memory, and the groups of subscribers that read it.
///
/// Nothing takes more than [`MAX_LOOKS`](crate::MAX_LOOKS) at once, whatever the number of groups, selectors, topics and
/// events: what may take longer says so, and is continued by another call.
#[derive(Debug)]
pub struct Engine {
    window: Window,
    groups: Groups,
    bounds: Bounds,
    /// The events that are hidden until it is known which groups they match.
    hidden: VecDeque<Hidden>,
    /// The groups that hidden events match, and shown ones that have not been reported.
    matched: Vec<GroupId>,
    looks: Looks,
    portion_bytes: PortionBytes,
}

impl Engine {
    /// An empty log with `epoch`.
    pub fn new(epoch: Epoch, bounds: Bounds) -> Self {
        Self {
            window: Window::new(epoch, bounds),
            groups: Groups::default(),
            bounds,
            hidden: VecDeque::new(),
            matched: Vec::new(),
            looks: Looks::default(),
            portion_bytes: PortionBytes::default(),
        }
    }

    /// The window in memory.
    pub const fn window(&self) -> &Window {
        &self.window
    }

    /// Begins what is done at once, under one taking of a lock: from here on, debug builds count the looks.
    pub fn begin(&mut self) {
        self.looks.begin();
    }

    /// Appends an event, and [works](Self::work) until nothing is left, for those who have no lock to give up: the groups that
    /// it matches are added to `matched`, each once.
    ///
    /// # Errors
    ///
    /// [`OutOfOrder`] if `seq` is not greater than that of every earlier event. Nothing is changed then.
    pub fn publish(
        &mut self,
        seq: u64,
        time: Millis,
        draft: &Draft,
        matched: &mut Vec<GroupId>,
    ) -> Result<(), OutOfOrder> {
        self.append(seq, time, draft)?;
        while !self.work(SLICE, matched) {}
        Ok(())
    }

    /// Appends an event, which is hidden from subscribers until the [work](Self::work) on it is done.
    ///
    /// # Errors
    ///
    /// [`OutOfOrder`] if `seq` is not greater than that of every earlier event. Nothing is changed then.
    pub fn append(&mut self, seq: u64, time: Millis, draft: &Draft) -> Result<(), OutOfOrder> {
        self.window.append(seq, time, draft)?;
        self.looks.count(1);
        if seq > self.window.shown() {
            self.hidden.push_back(Hidden::event(seq, draft));
            if draft.end && draft.private {
                // the end is known to all
                self.hidden.push_back(Hidden::end(seq, &draft.topic));
            }
        }
        Ok(())
    }

    /// Ends `topic` after its last event, which is returned: there is [work](Self::work) because of it. A topic without
    /// events ends at `at`.
    pub fn end(&mut self, topic: &Topic, at: u64) -> u64 {
        self.looks.count(1);
        let topics = self.window.topics();
        let ended = topics.id(topic).map_or(at, |id| topics.state(id).retained.end_at(at));
        self.window.set_ended(topic, ended);
        self.hidden.push_back(Hidden::end(ended, topic));
        ended
    }

    /// Goes on with `topic`, if it has ended.
    pub fn reopen(&mut self, topic: &Topic) {
        self.groups.forget_joined(); // some may say that there is an end
        self.window.set_ended(topic, 0);
    }

    /// The event with which `topic` ended, or after which it did.
    pub fn ended(&self, topic: &Topic) -> Option<u64> {
        let topics = self.window.topics();
        topics.id(topic).map(|id| topics.state(id).ended).filter(|ended| *ended > 0)
    }

    /// Returns true if there is nothing to come for a subscriber that starts at `start`: it names only topics, all of which
    /// have ended, and has had everything.
    pub fn has_ended(&self, selectors: &Selectors, start: &StartPoint) -> bool {
        // mostly no, and quick to tell
        if ended_by(&self.window, selectors, self.window.head()).is_none() {
            return false;
        }
        Asked::of(&self.window, selectors, start).is_some_and(|Asked { after, gap, .. }| {
            gap.is_none() && after <= self.window.head() && ended_by(&self.window, selectors, after).is_some()
        })
    }

    /// Works off what earlier calls left: finds the groups that hidden events match, shows the events, evicts what is beyond
    /// the bounds, and removes groups without members. Groups with events that were shown are added to `matched`. It takes
    /// `looks` and a few more at most, and returns true if nothing is left.
    pub fn work(&mut self, mut looks: usize, matched: &mut Vec<GroupId>) -> bool {
        let allowed = looks;
        let over = self.work_on(&mut looks, matched);
        self.looks.count(allowed - looks);
        over
    }

    fn work_on(&mut self, looks: &mut usize, matched: &mut Vec<GroupId>) -> bool {
        self.window.shrink(looks);
        while let Some(hidden) = self.hidden.front() {
            if !self.groups.note(hidden, self.window.start(), looks, &mut self.matched) {
                return false;
            }
            self.window.show(hidden.seq);
            self.hidden.pop_front();
            matched.append(&mut self.matched);
            // no group waits longer than for the walk that it was in
            if !self.remove_unused(looks) {
                return false;
            }
        }
        self.remove_unused(looks) && *looks > 0
    }

    fn remove_unused(&mut self, looks: &mut usize) -> bool {
        while self.groups.unused() > 0 {
            if *looks == 0 {
                return false;
            }
            *looks = looks.saturating_sub(REMOVAL);
            self.groups.remove_unused(1);
        }
        true
    }

    /// The number of hidden events, and of ends that are not known to subscribers yet.
    pub fn hidden(&self) -> usize {
        self.hidden.len()
    }

    /// Places a subscriber at `start`, as a member of the group with its selectors.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no room for another group.
    pub fn subscribe(&mut self, selectors: Selectors, start: &StartPoint) -> Result<Placement, Full> {
        let window = (self.window.shown(), self.window.start());
        self.looks.count(REMOVAL);
        let group = self.groups.add_member(selectors, window, &self.bounds, &mut self.matched)?;
        Ok(resume::start(&self.view(), group, start))
    }

    /// Continues a [`Placement::Yield`], or with what was `found` a [`Placement::ReadStore`].
    pub fn continue_start(&self, cursor: Cursor, pending: Pending, found: Option<StartFound>) -> Placement {
        resume::continue_start(&self.view(), cursor, pending, found)
    }

    /// Returns true if everything published at or after `time` is in memory.
    pub fn reaches_back_to(&self, time: Millis) -> bool {
        self.window.reaches_back_to(time)
    }

    /// The next step of a subscriber: at most `room` bytes of events, but at least one event. `date` is the publish time that
    /// an event would have now.
    pub fn next(&self, cursor: &mut Cursor, room: usize, date: Millis) -> Step {
        cursor.next(&self.view(), room, date)
    }

    /// The next step of a subscriber that begins with the last event of each topic. It has [caught up](Step::CaughtUp) when
    /// it has had these; what follows is the [next](Self::next) step.
    pub fn next_lasts(&self, cursor: &mut Cursor, lasts: &mut Lasts, room: usize) -> Step {
        cursor.next_lasts(&self.view(), lasts, room)
    }

    /// Continues with the page read for the last [`Step::ReadStore`].
    pub fn accept_page(&self, cursor: &mut Cursor, page: EncodedPage, date: Millis) -> Step {
        cursor.accept_page(&self.view(), page, date)
    }

    const fn view(&self) -> View<'_> {
        View {
            window: &self.window,
            groups: &self.groups,
            bounds: &self.bounds,
            looks: &self.looks,
            portion_bytes: &self.portion_bytes,
        }
    }

    /// Removes a member from its group. Returns true if the group has no members left.
    pub fn unsubscribe(&mut self, group: GroupId) -> bool {
        self.looks.count(REMOVAL);
        self.groups.remove_member(group)
    }

    /// Returns true if there are subscribers with these `selectors`.
    pub fn has_members(&self, selectors: &Selectors) -> bool {
        self.groups.has_members(selectors)
    }

    /// The memory that all sets of selectors take, approximately.
    pub const fn selector_bytes(&self) -> usize {
        self.groups.selector_bytes()
    }

    /// Puts a store behind the window: events that leave the window are still retained.
    pub fn back_by_store(&mut self, head: StoredHead) {
        self.window.back_by_store(head);
    }

    /// Restores a topic from the store.
    pub fn restore(&mut self, stored: &StoredTopic) {
        self.window.restore(stored);
    }

    /// All topics are restored: those without events may be forgotten again.
    pub fn restored(&mut self) {
        self.window.restored();
    }

    /// Begins again after a failure of the store, which has everything that was published. Trims of events through `undone`
    /// were announced and did not happen: they are read from the store from now on. [Restore](Self::restore) each topic
    /// next, and say when [all are](Self::restored).
    pub fn begin_again(&mut self, undone: u64) {
        self.window.begin_again(undone);
    }

    /// Events through `through` can be read from the store. Returns true if there is [work](Self::work) because of it.
    pub fn set_committed(&mut self, through: u64) -> bool {
        self.window.set_committed(through);
        self.window.is_too_large()
    }

    /// The store is about to trim events: whoever has not had them is told of the loss from now on. Then
    /// [finish](Self::finish_trim) it.
    pub fn begin_trim(&mut self, trim: &Trim) {
        self.window.begin_trim(trim);
        self.looks.count(1);
    }

    /// Removes trimmed events from the window. Returns true if there are no more.
    pub fn finish_trim(&mut self, trim: &Trim) -> bool {
        let mut looks = SLICE;
        let over = self.window.finish_trim(trim, &mut looks);
        self.looks.count(SLICE - looks);
        over
    }

    /// Trims the events of `topic` through `through`, if there is no store behind the window. Returns true if there are no
    /// more to trim.
    pub fn trim_topic(&mut self, topic: &Topic, through: u64) -> bool {
        let mut looks = SLICE;
        let over = self.window.trim_topic(topic, through, &mut looks);
        self.looks.count(SLICE - looks);
        over
    }

    /// The number of subscribers, of groups, and of nodes in their patterns.
    pub fn subscribers(&self) -> (usize, usize, usize) {
        (self.groups.members(), self.groups.len(), self.groups.nodes())
    }

    /// The retained events and the live subscribers of `topic`. A subscriber with several selectors that match it, none of
    /// which covers another, is counted for each.
    pub fn topic(&self, topic: &Topic) -> Option<TopicInfo> {
        let (subscribers, looks) = self.groups.members_of(topic);
        self.looks.count(looks);
        self.info(topic, subscribers)
    }

    /// Returns true if something was published to `topic`, as far as that is remembered.
    #[must_use]
    pub fn knows(&self, topic: &Topic) -> bool {
        self.window.topics().id(topic).is_some()
    }

    fn info(&self, topic: &Topic, subscribers: usize) -> Option<TopicInfo> {
        let info = self.window.topics().info(topic, subscribers);
        info.or_else(|| (subscribers > 0).then(|| TopicInfo::unpublished(topic.clone(), subscribers)))
    }

    /// Adds the [information](Self::topic) on the next of `names` to `infos`. Returns true if there are more: call it again
    /// after others have had their turn.
    pub fn topics<'a>(&self, names: &mut impl Iterator<Item = &'a Topic>, infos: &mut Vec<TopicInfo>) -> bool {
        let mut looks = 0;
        for name in names {
            let (subscribers, more) = self.groups.members_of(name);
            infos.extend(self.info(name, subscribers));
            looks += more;
            if looks >= SLICE {
                self.looks.count(looks);
                return true;
            }
        }
        self.looks.count(looks);
        false
    }

    /// Up to `count` names of topics after `after`, in order: those published to, and those that subscribers name. If they
    /// are fewer because the slice ended first, the name after which to go on comes with them.
    pub fn names_after(&self, after: Option<&str>, count: usize) -> (Vec<Topic>, Option<Topic>) {
        let (mut names, mut last, mut looks) = (Vec::new(), None, 0);
        let mut published = self.window.topics().names_after(after);
        while looks < SLICE && names.len() < count {
            let Some((name, is_public)) = published.next() else {
                last = None;
                break;
            };
            last = Some(name);
            looks += 1;
            if is_public {
                names.push(name.clone());
            }
        }
        self.looks.count(looks);
        let is_passed = |name: &&Topic| last.is_none_or(|last| *name <= last);
        names.extend(self.groups.names_after(after).take_while(is_passed).take(count).cloned());
        self.looks.count(names.len());
        names.sort_unstable();
        names.dedup();
        names.truncate(count);
        let on = last.filter(|_| names.len() < count).cloned();
        (names, on)
    }
}

/// What adding or removing a group counts for: it has some tens of selectors.
const REMOVAL: usize = 64;
