//! The hub without IO: one log, groups of subscribers, cursors.
//!
//! Plain data and functions. Nothing here knows a socket, a task, a channel or a clock; whoever drives it brings the
//! time and does the waking. Everything a subscriber receives is read from the [`Log`] through its [`Cursor`]: live
//! delivery and replay are the same code.
//!
//! ```text
//! Draft -> Log::push -> Interest (which groups match) -> group index -> Cursor::next -> bytes
//! ```

mod topic;

mod draft;
mod frame;
mod log;
mod retained;
mod topics;

mod group;
mod interest;
mod pattern;

mod cursor;
mod resume;
mod write;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use sse_core::hub::{DrainReason, Epoch, GapReason, Position};

pub(crate) use cursor::{Cursor, Found, Place, Span, Step};
pub(crate) use draft::{Draft, data_of};
pub(crate) use frame::{Name, encode};
pub(crate) use group::GroupId;
pub(crate) use log::{Behind, Log};
pub(crate) use resume::{Beginning, Gap, Opening, Placed, Start};
pub(crate) use retained::{Hole, Retained, Trim};
pub(crate) use topic::{Selector, Selectors, Topic};
pub(crate) use topics::TopicInfo;
pub(crate) use write::{Chunk, Write};

use group::Groups;

/// How many segments the patterns of one subscriber may have together, so that none can use up the nodes of all.
pub(crate) const MAX_PATTERN_SEGMENTS: usize = 256;

/// A publish time: milliseconds since the Unix epoch. It never goes back along the log.
pub(crate) type Millis = u64;

/// What bounds the hub's memory, and what happens to a subscriber that falls behind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
    pub(crate) topics: usize,
    pub(crate) groups: usize,
    /// Nodes of all patterns together.
    pub(crate) nodes: usize,
    /// How old the first event not yet handed to a subscriber may be.
    pub(crate) lag: Duration,
    /// How many bytes may have been published after that event; 0 is no bound but the window.
    pub(crate) lag_bytes: usize,
    pub(crate) lag_policy: LagPolicy,
}

/// What happens to a subscriber that lost an event because it was too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LagPolicy {
    /// The stream ends; the client comes back with its last event ID.
    Disconnect,
    /// The stream goes on after an `sse-gap`.
    Gap,
}

/// The log and who reads it.
#[derive(Debug)]
pub(crate) struct Hub {
    log: Log,
    groups: Groups,
    bounds: Bounds,
}

/// No more groups or patterns fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl Hub {
    pub(crate) fn new(epoch: Epoch, bounds: Bounds) -> Self {
        Self { log: Log::new(epoch, bounds), groups: Groups::default(), bounds }
    }

    pub(crate) const fn log(&self) -> &Log {
        &self.log
    }

    /// Appends an event and names the groups that it is for. `seq` and `time` go up from call to call.
    pub(crate) fn publish(&mut self, seq: u64, time: Millis, draft: &Draft, matched: &mut Vec<GroupId>) {
        self.log.push(seq, time, draft);
        self.groups.note(seq, &draft.topic, matched);
    }

    /// The hub of a log that a store has.
    pub(crate) fn behind(&mut self, behind: Behind) {
        self.log.behind(behind);
    }

    /// A topic of that log.
    pub(crate) fn restore(&mut self, topic: &Topic, retained: Retained, trimmed: (u64, Millis)) {
        self.log.restore(topic, retained, trimmed);
    }

    /// A store that failed has everything through an event, and what it has of each topic is to be
    /// [restored](Self::restore): nothing of that is in the window any more.
    pub(crate) fn begin_again(&mut self, through: u64) {
        self.log.begin_again(through);
    }

    /// Events through this one can be read from the store.
    pub(crate) fn settle(&mut self, through: u64) {
        self.log.settle(through);
    }

    /// The store is about to drop events.
    pub(crate) fn trim(&mut self, trim: &Trim) {
        self.log.trim_stored(trim);
        if trim.lossy {
            self.groups.note_trimmed(&trim.topic, trim.through);
        }
    }

    /// Whether all that was published at or after a time is in memory.
    pub(crate) fn reaches_back_to(&self, time: Millis) -> bool {
        self.log.reaches_back_to(time)
    }

    /// Goes on placing a subscriber with the first event that the store has of the span, or with how far it has none.
    pub(crate) fn looked_up(
        &mut self,
        cursor: Cursor,
        beginning: Beginning,
        first: Option<u64>,
        through: u64,
    ) -> Placed {
        resume::looked_up(self, cursor, beginning, first, through)
    }

    /// Puts a subscriber at its place in the log.
    pub(crate) fn subscribe(&mut self, selectors: Selectors, start: &Start) -> Result<Placed, Full> {
        let group = self.groups.join(selectors, self.log.head(), self.bounds.groups, self.bounds.nodes)?;
        Ok(resume::place(self, group, start))
    }

    /// Forgets a subscriber.
    pub(crate) fn leave(&mut self, cursor: &Cursor) {
        self.groups.leave(cursor.group());
    }

    /// Drops what a topic has in the window through a sequence number, where the window is all there is.
    pub(crate) fn trim_topic(&mut self, topic: &Topic, through: u64) {
        if let Some(seq) = self.log.trim_topic(topic, through) {
            self.groups.note_trimmed(topic, seq);
        }
    }

    /// How many subscribers stand in how many groups, and how many nodes their patterns take.
    pub(crate) fn subscribers(&self) -> (usize, usize, usize) {
        (self.groups.members(), self.groups.len(), self.groups.nodes())
    }

    /// What is known of a topic: retained events and live subscribers.
    pub(crate) fn topic(&self, topic: &Topic) -> Option<TopicInfo> {
        let subscribers = self.groups.members_of(topic);
        let info = self.log.topics().info(topic, subscribers);
        info.or_else(|| (subscribers > 0).then(|| TopicInfo::unpublished(topic.clone(), subscribers)))
    }

    /// Up to `count` topics after a name, in the order of their names: published ones, and those that subscribers name.
    pub(crate) fn topics_after(&self, after: Option<&str>, count: usize) -> Vec<TopicInfo> {
        let mut names: Vec<_> = self
            .log
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
