//! Which groups match a topic.

use std::collections::{BTreeSet, HashMap};

use crate::{
    Full, GroupId, Selector, Topic,
    group_list::GroupList,
    pattern::{Patterns, Visit},
    topics,
};

/// The most nodes of patterns that are looked at to count the members for a topic. Honest patterns come nowhere near.
const MAX_LOOKED_AT: usize = 16_384;

/// Groups indexed by topic name, and by the segments of their patterns.
#[derive(Debug, Default)]
pub(crate) struct Interest {
    topics: HashMap<Topic, GroupList>,
    names: BTreeSet<Topic>,
    patterns: Patterns,
}

/// A walk through the groups that match a topic, which sees a group once for every selector that matches. Between two
/// calls groups may be added, but none removed.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    list: List,
    /// The index in that list.
    at: usize,
    ahead: Vec<Visit>,
}

#[derive(Debug, Clone, Copy, Default)]
enum List {
    #[default]
    Topic,
    Pattern(Visit),
}

impl Walk {
    /// The next group for `topic`: call it with the same one until the walk is over. Each list that is opened and each group
    /// takes one of `looks`. `None` if there are no looks left, or no more groups: then the walk [is over](Self::is_over).
    pub(crate) fn next(&mut self, interest: &Interest, topic: &Topic, looks: &mut usize) -> Option<GroupId> {
        while *looks > 0 {
            *looks -= 1;
            let list = match self.list {
                List::Topic => interest.topics.get(topic),
                List::Pattern(visit) => Some(interest.patterns.list(visit)),
            };
            if let Some(id) = list.and_then(|list| list.get(self.at)) {
                self.at += 1;
                return Some(id);
            }
            let visit = self.ahead.pop()?;
            interest.patterns.go_on(visit, topic.as_str(), &mut self.ahead);
            self.list = List::Pattern(visit);
            self.at = 0;
        }
        None
    }

    /// The memory of a walk that is over.
    pub(crate) fn into_memory(self) -> Vec<Visit> {
        self.ahead
    }

    /// Returns true if the last [`next`](Self::next) found no more groups. `looks` is what it left.
    pub(crate) const fn is_over(looks: usize) -> bool {
        looks > 0
    }
}

impl Interest {
    /// Adds all selectors of a group, or none.
    pub(crate) fn add(&mut self, selectors: &[Selector], group: GroupId, max_nodes: usize) -> Result<(), Full> {
        for (added, selector) in selectors.iter().enumerate() {
            match selector {
                Selector::Topic(topic) => {
                    self.topics.entry(topic.clone()).or_default().add(group);
                    self.names.insert(topic.clone());
                }
                Selector::Pattern(pattern) => {
                    if let Err(full) = self.patterns.add(pattern, group, max_nodes) {
                        selectors.iter().take(added).for_each(|selector| self.remove_one(selector, group));
                        return Err(full);
                    }
                }
            }
        }
        Ok(())
    }

    /// Removes all selectors of a group without members.
    pub(crate) fn remove(&mut self, selectors: &[Selector], group: GroupId) {
        selectors.iter().for_each(|selector| self.remove_one(selector, group));
    }

    fn remove_one(&mut self, selector: &Selector, group: GroupId) {
        match selector {
            Selector::Pattern(pattern) => self.patterns.remove(pattern, group),
            Selector::Topic(topic) => {
                let Some(groups) = self.topics.get_mut(topic) else { return };
                groups.remove(group);
                if groups.is_empty() {
                    self.topics.remove(topic);
                    self.names.remove(topic);
                }
            }
        }
    }

    /// Counts a new member of the group with `selectors`.
    pub(crate) fn add_member(&mut self, selectors: &[Selector]) {
        selectors.iter().for_each(|selector| self.list_mut(selector).map(GroupList::add_member).unwrap_or_default());
    }

    /// Uncounts a member of the group with `selectors`.
    pub(crate) fn remove_member(&mut self, selectors: &[Selector]) {
        selectors.iter().for_each(|selector| self.list_mut(selector).map(GroupList::remove_member).unwrap_or_default());
    }

    fn list_mut(&mut self, selector: &Selector) -> Option<&mut GroupList> {
        match selector {
            Selector::Topic(topic) => self.topics.get_mut(topic),
            Selector::Pattern(pattern) => self.patterns.list_mut(pattern),
        }
    }

    /// Begins a walk through the groups that match a topic. `ahead` is an earlier walk's memory.
    pub(crate) fn walk(&self, mut ahead: Vec<Visit>) -> Walk {
        ahead.clear();
        ahead.push(self.patterns.first());
        Walk { list: List::Topic, at: 0, ahead }
    }

    /// The number of members whose selectors match `topic`, each counted once for every selector that does, as far as
    /// [`MAX_LOOKED_AT`] nodes of patterns go, and the number of looks.
    pub(crate) fn members(&self, topic: &Topic) -> (usize, usize) {
        let mut members = self.topics.get(topic).map_or(0, GroupList::members);
        let mut ahead = vec![self.patterns.first()];
        let mut looks = 1;
        while let Some(visit) = ahead.pop().filter(|_| looks < MAX_LOOKED_AT) {
            members += self.patterns.list(visit).members();
            self.patterns.go_on(visit, topic.as_str(), &mut ahead);
            looks += 1;
        }
        (members, looks)
    }

    /// The number of nodes in the patterns.
    pub(crate) fn nodes(&self) -> usize {
        self.patterns.len()
    }

    pub(crate) fn names_after(&self, after: Option<&str>) -> impl Iterator<Item = &Topic> {
        self.names.range::<str, _>(topics::names_after(after))
    }
}
