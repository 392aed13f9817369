//! The log and its readers, as one value.

use crate::{
    Bounds, Cursor, Draft, Epoch, Full, GroupId, Millis, OutOfOrder, Pending, Placement, Retained, Selectors, Start,
    Step, StorePage, StoredHead, Topic, TopicInfo, Trim, Window, group::Groups, resume,
};

/// The log's window in memory, and the groups that read it.
#[derive(Debug)]
pub struct Engine {
    window: Window,
    groups: Groups,
    bounds: Bounds,
}

impl Engine {
    /// An empty log of this epoch.
    pub fn new(epoch: Epoch, bounds: Bounds) -> Self {
        Self { window: Window::new(epoch, bounds), groups: Groups::default(), bounds }
    }

    /// What is in memory.
    pub const fn window(&self) -> &Window {
        &self.window
    }

    /// Appends an event, and adds to `matched` the groups that it is for, each once.
    ///
    /// # Errors
    ///
    /// [`OutOfOrder`] unless `seq` is above that of every event before; nothing is changed then.
    pub fn publish(
        &mut self,
        seq: u64,
        time: Millis,
        draft: &Draft,
        matched: &mut Vec<GroupId>,
    ) -> Result<(), OutOfOrder> {
        self.window.push(seq, time, draft)?;
        self.groups.note(seq, self.window.start(), &draft.topic, matched);
        Ok(())
    }

    /// Puts a subscriber at its start, as a member of the group of its selectors.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no room for another group.
    pub fn subscribe(&mut self, selectors: Selectors, start: &Start) -> Result<Placement, Full> {
        let group = self.groups.join(selectors, self.window.head(), self.bounds.groups, self.bounds.nodes)?;
        Ok(resume::place(&self.window, self.groups.get(group), group, start))
    }

    /// Goes on with a [`Placement::NeedStore`]: `first` is the first event that the store has of what was to be read,
    /// and `through` is how far there is no other.
    pub fn placed(&self, cursor: Cursor, pending: Pending, first: Option<u64>, through: u64) -> Placement {
        let group = self.groups.get(cursor.group());
        resume::looked_up(&self.window, group, cursor, pending, first, through)
    }

    /// Returns true if all that was published at or after `time` is in memory.
    pub fn reaches_back_to(&self, time: Millis) -> bool {
        self.window.reaches_back_to(time)
    }

    /// What comes next for a subscriber: at most `room` bytes of events, but at least one event.
    pub fn next(&self, cursor: &mut Cursor, room: usize, now: Millis) -> Step {
        cursor.next(&self.window, &self.groups, &self.bounds, room, now)
    }

    /// Goes on with what was read for the last [`Step::NeedStore`].
    pub fn take(&self, cursor: &mut Cursor, page: StorePage, now: Millis) -> Step {
        cursor.take(&self.window, &self.groups, &self.bounds, page, now)
    }

    /// Forgets a member of a group.
    pub fn leave(&mut self, group: GroupId) {
        self.groups.leave(group);
    }

    /// From now on the log is what a store has: what leaves the window is still there.
    pub fn back_by_store(&mut self, head: StoredHead) {
        self.window.back_by_store(head);
    }

    /// What the store has of a topic, and the last event that was trimmed of it with its publish time.
    pub fn restore(&mut self, topic: &Topic, retained: Retained, trimmed: (u64, Millis)) {
        self.window.restore(topic, retained, trimmed);
    }

    /// After a failure of the store, it has everything through an event, and what it has of each topic is to be
    /// [restored](Self::restore): none of that is in the window any more.
    pub fn begin_again(&mut self, through: u64) {
        self.window.begin_again(through);
    }

    /// Events through this one can be read from the store.
    pub fn settle(&mut self, through: u64) {
        self.window.settle(through);
    }

    /// The store is about to drop events.
    pub fn trim(&mut self, trim: &Trim) {
        self.window.trim_stored(trim);
        if trim.lossy {
            self.groups.note_trimmed(&trim.topic, trim.through);
        }
    }

    /// Drops what a topic has in the window through `through`, where the window is all that there is.
    pub fn trim_topic(&mut self, topic: &Topic, through: u64) {
        if let Some(seq) = self.window.trim_topic(topic, through) {
            self.groups.note_trimmed(topic, seq);
        }
    }

    /// How many subscribers there are, in how many groups, and how many nodes their patterns take.
    pub fn subscribers(&self) -> (usize, usize, usize) {
        (self.groups.members(), self.groups.len(), self.groups.nodes())
    }

    /// What is known of a topic: retained events and live subscribers.
    pub fn topic(&self, topic: &Topic) -> Option<TopicInfo> {
        let subscribers = self.groups.members_of(topic);
        let info = self.window.topics().info(topic, subscribers);
        info.or_else(|| (subscribers > 0).then(|| TopicInfo::unpublished(topic.clone(), subscribers)))
    }

    /// Up to `count` topics after a name, in the order of their names: published ones, and those that subscribers name.
    pub fn topics_after(&self, after: Option<&str>, count: usize) -> Vec<TopicInfo> {
        let mut names: Vec<_> = self
            .window
            .topics()
            .names_after(after)
            .take(count)
            .chain(self.groups.names_after(after).take(count))
            .collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().take(count).filter_map(|topic| self.topic(topic)).collect()
    }
}
