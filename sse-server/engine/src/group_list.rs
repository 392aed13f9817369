//! The groups that have a selector in common.

use crate::GroupId;

/// Groups in order of their IDs, and the number of their members.
#[derive(Debug, Default)]
pub(crate) struct GroupList {
    ids: Vec<GroupId>,
    members: usize,
}

impl GroupList {
    pub(crate) const fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub(crate) fn get(&self, index: usize) -> Option<GroupId> {
        self.ids.get(index).copied()
    }

    /// The number of members of all groups.
    pub(crate) const fn members(&self) -> usize {
        self.members
    }

    /// Adds a group without members. Whoever walks through the list by index may see a group twice then, but misses none
    /// of those that were there before.
    pub(crate) fn add(&mut self, id: GroupId) {
        if let Err(index) = self.ids.binary_search(&id) {
            self.ids.insert(index, id);
        }
    }

    /// Removes a group without members.
    pub(crate) fn remove(&mut self, id: GroupId) {
        if let Ok(index) = self.ids.binary_search(&id) {
            self.ids.remove(index);
        }
    }

    pub(crate) const fn add_member(&mut self) {
        self.members += 1;
    }

    pub(crate) const fn remove_member(&mut self) {
        self.members -= 1;
    }
}
