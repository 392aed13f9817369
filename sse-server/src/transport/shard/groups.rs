//! Which of a shard's groups have something for their members, and whose turn it is.

use std::collections::VecDeque;

use sse_engine::GroupId;

/// The members that a shard has of each group, and the groups that are to be walked through.
#[derive(Debug, Default)]
pub(super) struct Groups {
    members: Vec<Members>,
    ready: VecDeque<GroupId>,
}

#[derive(Debug, Default)]
struct Members {
    ids: Vec<u32>,
    /// It is in `ready`.
    ready: bool,
    /// Where the walk goes on.
    next: usize,
    /// Walk once more: something was written, or changed on the way.
    again: bool,
}

impl Groups {
    /// Adds a member, and gives its index.
    pub(super) fn join(&mut self, group: GroupId, member: u32) -> usize {
        if self.members.len() <= group.index() {
            self.members.resize_with(group.index() + 1, Members::default);
        }
        let members = &mut self.members[group.index()];
        members.ids.push(member);
        members.ids.len() - 1
    }

    /// Takes out the member at an index; the one that takes its place has that index from now on.
    pub(super) fn leave(&mut self, group: GroupId, index: usize) -> Option<u32> {
        let members = &mut self.members[group.index()];
        members.ids.swap_remove(index);
        members.again |= index <= members.next; // another takes a place that the walk has passed
        if members.ids.is_empty() {
            members.ids = Vec::new();
        }
        members.ids.get(index).copied()
    }

    /// There may be something for the members of the group.
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

    /// The group whose turn it is.
    pub(super) fn turn(&mut self) -> Option<GroupId> {
        self.ready.pop_front()
    }

    /// The next member in the group's walk.
    pub(super) fn member(&self, group: GroupId) -> Option<u32> {
        let members = &self.members[group.index()];
        members.ids.get(members.next).copied()
    }

    /// The walk has dealt with a member, which is still there or not.
    pub(super) fn visited(&mut self, group: GroupId, stays: bool, again: bool) {
        let members = &mut self.members[group.index()];
        members.next += usize::from(stays);
        members.again |= again;
    }

    /// The group's turn is over: it comes again, after the others, unless all its members have all that there is.
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
