//! The groups of a shard that have events for their members, and whose turn it is.

use std::collections::VecDeque;

use sse_engine::GroupId;

/// The shard's members of each group, and the queue of groups to serve.
#[derive(Debug, Default)]
pub(super) struct Groups {
    members: Vec<Members>,
    ready: VecDeque<GroupId>,
}

#[derive(Debug, Default)]
struct Members {
    ids: Vec<u32>,
    /// Whether it is in `ready`.
    ready: bool,
    /// The index of the next member to serve.
    next: usize,
    /// Whether to walk the members once more, because something was written or changed on the way.
    again: bool,
}

impl Groups {
    /// Adds a member, and returns its index.
    pub(super) fn add(&mut self, group: GroupId, member: u32) -> usize {
        if self.members.len() <= group.index() {
            self.members.resize_with(group.index() + 1, Members::default);
        }
        let members = &mut self.members[group.index()];
        members.ids.push(member);
        members.ids.len() - 1
    }

    /// Removes the member at `index`, and returns the member that moves to this index.
    pub(super) fn remove(&mut self, group: GroupId, index: usize) -> Option<u32> {
        let members = &mut self.members[group.index()];
        members.ids.swap_remove(index);
        members.again |= index <= members.next; // a member moves to an index that the walk has passed
        if members.ids.is_empty() {
            members.ids = Vec::new();
        }
        members.ids.get(index).copied()
    }

    /// Marks a group as ready: there may be events for its members.
    pub(super) fn ready(&mut self, group: GroupId) {
        let Some(members) = self.members.get_mut(group.index()) else { return };
        if members.ready {
            members.again = true;
        } else {
            *members = Members { ids: std::mem::take(&mut members.ids), ready: true, next: 0, again: false };
            self.ready.push_back(group);
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The group at the front of the queue.
    pub(super) fn turn(&mut self) -> Option<GroupId> {
        self.ready.pop_front()
    }

    /// The next member in the group's walk.
    pub(super) fn member(&self, group: GroupId) -> Option<u32> {
        let members = &self.members[group.index()];
        members.ids.get(members.next).copied()
    }

    /// Advances the walk past a member, which may have been removed.
    pub(super) fn visited(&mut self, group: GroupId, stays: bool, again: bool) {
        let members = &mut self.members[group.index()];
        members.next += usize::from(stays);
        members.again |= again;
    }

    /// Ends the group's turn. It is queued again, after the others, unless all its members have caught up.
    pub(super) fn turned(&mut self, group: GroupId) {
        let members = &mut self.members[group.index()];
        if members.next >= members.ids.len() {
            members.next = 0;
            members.ready = std::mem::take(&mut members.again);
        }
        if members.ready {
            self.ready.push_back(group);
        }
    }
}
