//! Which groups match a topic.

use std::collections::{BTreeSet, HashMap};

use crate::{Full, GroupId, Selector, Selectors, Topic, pattern::Patterns, topics};

/// Groups indexed by topic name, and by the segments of their patterns.
#[derive(Debug, Default)]
pub(crate) struct Interest {
    topics: HashMap<Topic, Vec<GroupId>>,
    names: BTreeSet<Topic>,
    patterns: Patterns,
}

impl Interest {
    /// Adds all selectors of a group, or none.
    pub(crate) fn add(&mut self, selectors: &Selectors, group: GroupId, max_nodes: usize) -> Result<(), Full> {
        for (added, selector) in selectors.iter().enumerate() {
            match selector {
                Selector::Topic(topic) => {
                    self.topics.entry(topic.clone()).or_default().push(group);
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

    pub(crate) fn remove(&mut self, selectors: &Selectors, group: GroupId) {
        selectors.iter().for_each(|selector| self.remove_one(selector, group));
    }

    fn remove_one(&mut self, selector: &Selector, group: GroupId) {
        match selector {
            Selector::Pattern(pattern) => self.patterns.remove(pattern, group),
            Selector::Topic(topic) => {
                let Some(groups) = self.topics.get_mut(topic) else { return };
                groups.retain(|one| *one != group);
                if groups.is_empty() {
                    self.topics.remove(topic);
                    self.names.remove(topic);
                }
            }
        }
    }

    /// Calls `each` for every matching selector, so possibly more than once for a group.
    pub(crate) fn matching(&self, topic: &Topic, mut each: impl FnMut(GroupId)) {
        self.topics.get(topic).into_iter().flatten().for_each(|group| each(*group));
        self.patterns.matching(topic, each);
    }

    /// The number of nodes in the patterns.
    pub(crate) fn nodes(&self) -> usize {
        self.patterns.len()
    }

    pub(crate) fn names_after(&self, after: Option<&str>) -> impl Iterator<Item = &Topic> {
        topics::names_after(&self.names, after)
    }
}
