//! Which groups want a topic.

use std::collections::{BTreeSet, HashMap};

use crate::{Full, GroupId, Selector, Selectors, Topic, pattern::Patterns, topics};

/// The groups of each topic by name, and of each pattern by its segments.
#[derive(Debug, Default)]
pub(crate) struct Interest {
    topics: HashMap<Topic, Vec<GroupId>>,
    names: BTreeSet<Topic>,
    patterns: Patterns,
}

impl Interest {
    /// Enters a group's selectors: all, or none.
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

    /// Calls `each` for every selector that matches: for one group as often as several of its do.
    pub(crate) fn matching(&self, topic: &Topic, mut each: impl FnMut(GroupId)) {
        self.topics.get(topic).into_iter().flatten().for_each(|group| each(*group));
        self.patterns.matching(topic, each);
    }

    /// How many nodes the patterns take.
    pub(crate) fn nodes(&self) -> usize {
        self.patterns.len()
    }

    pub(crate) fn names_after(&self, after: Option<&str>) -> impl Iterator<Item = &Topic> {
        topics::names_after(&self.names, after)
    }
}
