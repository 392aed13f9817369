//! The window and the groups of subscribers, as one value.

use crate::{
    Bounds, Cursor, Draft, Epoch, Full, GroupId, Millis, OutOfOrder, Pending, Placement, Retained, Selectors, Start,
    Step, StorePage, StoredHead, Topic, TopicInfo, Trim, Window, group::Groups, resume,
};

/// The window of the log in memory, and the groups of subscribers that read it.
#[derive(Debug)]
pub struct Engine {
    window: Window,
    groups: Groups,
    bounds: Bounds,
}

impl Engine {
    /// An empty log with `epoch`.
    pub fn new(epoch: Epoch, bounds: Bounds) -> Self {
        Self { window: Window::new(epoch, bounds), groups: Groups::default(), bounds }
    }

    /// The window in memory.
    pub const fn window(&self) -> &Window {
        &self.window
    }

    /// Appends an event, and adds the groups that it matches to `matched`, each once.
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
        if let Some((topic, through)) = self.window.push(seq, time, draft)? {
            self.groups.note_trimmed(&topic, through);
        }
        self.groups.note(seq, self.window.start(), &draft.topic, matched);
        Ok(())
    }

    /// Places a subscriber at `start`, as a member of the group with its selectors.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no room for another group.
    pub fn subscribe(&mut self, selectors: Selectors, start: &Start) -> Result<Placement, Full> {
        let group = self.groups.join(selectors, self.window.head(), self.bounds.groups, self.bounds.nodes)?;
        Ok(resume::start(&self.window, self.groups.get(group), group, start))
    }

    /// Continues a [`Placement::NeedStore`]: `first` is the first event that the store has in the requested range, and
    /// `through` the sequence number through which there is no other.
    pub fn continue_start(&self, cursor: Cursor, pending: Pending, first: Option<u64>, through: u64) -> Placement {
        let group = self.groups.get(cursor.group());
        resume::continue_start(&self.window, group, cursor, pending, first, through)
    }

    /// Returns true if everything published at or after `time` is in memory.
    pub fn reaches_back_to(&self, time: Millis) -> bool {
        self.window.reaches_back_to(time)
    }

    /// The next step of a subscriber: at most `room` bytes of events, but at least one event.
    pub fn next(&self, cursor: &mut Cursor, room: usize, now: Millis) -> Step {
        cursor.next(&self.window, &self.groups, &self.bounds, room, now)
    }

    /// Continues with the page read for the last [`Step::NeedStore`].
    pub fn accept_page(&self, cursor: &mut Cursor, page: StorePage, now: Millis) -> Step {
        cursor.accept_page(&self.window, &self.groups, &self.bounds, page, now)
    }

    /// Removes a member from its group.
    pub fn leave(&mut self, group: GroupId) {
        self.groups.leave(group);
    }

    /// Puts a store behind the window: events that leave the window are still retained.
    pub fn back_by_store(&mut self, head: StoredHead) {
        self.window.back_by_store(head);
    }

    /// Restores a topic from the store: what it retains, and the last trimmed event with its publish time.
    pub fn restore(&mut self, topic: &Topic, retained: Retained, trimmed: (u64, Millis)) {
        self.window.restore(topic, retained, trimmed);
    }

    /// Begins again after a failure of the store, which has everything that was published. Trims of events through `undone`
    /// were announced and did not happen: they are read from the store from now on. [Restore](Self::restore) each topic
    /// next.
    pub fn begin_again(&mut self, undone: u64) {
        self.window.begin_again(undone);
    }

    /// Events through `through` can be read from the store.
    pub fn settle(&mut self, through: u64) {
        self.window.settle(through);
    }

    /// The store is about to trim events.
    pub fn trim(&mut self, trim: &Trim) {
        self.window.trim_stored(trim);
        if trim.lossy {
            self.groups.note_trimmed(&trim.topic, trim.through);
        }
    }

    /// Trims the events of `topic` through `through`, if there is no store behind the window.
    pub fn trim_topic(&mut self, topic: &Topic, through: u64) {
        if let Some(seq) = self.window.trim_topic(topic, through) {
            self.groups.note_trimmed(topic, seq);
        }
    }

    /// The number of subscribers, of groups, and of nodes in their patterns.
    pub fn subscribers(&self) -> (usize, usize, usize) {
        (self.groups.members(), self.groups.len(), self.groups.nodes())
    }

    /// The retained events and the live subscribers of `topic`.
    pub fn topic(&self, topic: &Topic) -> Option<TopicInfo> {
        let subscribers = self.groups.members_of(topic);
        let info = self.window.topics().info(topic, subscribers);
        info.or_else(|| (subscribers > 0).then(|| TopicInfo::unpublished(topic.clone(), subscribers)))
    }

    /// Up to `count` topics after `after`, ordered by name: those published to, and those that subscribers name.
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
