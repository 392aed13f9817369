//! Patterns by their segments: which groups want a topic, without asking each.

use std::collections::HashMap;

use slab::Slab;

use crate::{Full, GroupId, Pattern, Topic};

/// A trie over segments.
#[derive(Debug)]
pub(crate) struct Patterns {
    nodes: Slab<Node>,
    root: usize,
}

#[derive(Debug, Default)]
struct Node {
    literal: HashMap<Box<str>, usize>,
    star: Option<usize>,
    /// Groups of patterns that end here.
    here: Vec<GroupId>,
    /// Groups of patterns that go on with a last `**`.
    rest: Vec<GroupId>,
}

impl Node {
    fn is_unused(&self) -> bool {
        self.literal.is_empty() && self.star.is_none() && self.here.is_empty() && self.rest.is_empty()
    }
}

impl Default for Patterns {
    fn default() -> Self {
        let mut nodes = Slab::new();
        let root = nodes.insert(Node::default());
        Self { nodes, root }
    }
}

impl Patterns {
    /// How many nodes there are, of about 200 bytes each.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Adds a pattern of a group, if its nodes fit.
    pub(crate) fn add(&mut self, pattern: &Pattern, group: GroupId, max_nodes: usize) -> Result<(), Full> {
        if self.nodes.len() + pattern.segments().count() > max_nodes {
            return Err(Full);
        }
        let mut at = self.root;
        for segment in pattern.segments() {
            if segment == "**" {
                self.nodes[at].rest.push(group);
                return Ok(());
            }
            at = self.child(at, segment).unwrap_or_else(|| self.insert_child(at, segment));
        }
        self.nodes[at].here.push(group);
        Ok(())
    }

    fn child(&self, at: usize, segment: &str) -> Option<usize> {
        let node = &self.nodes[at];
        if segment == "*" { node.star } else { node.literal.get(segment).copied() }
    }

    fn insert_child(&mut self, at: usize, segment: &str) -> usize {
        let child = self.nodes.insert(Node::default());
        let node = &mut self.nodes[at];
        if segment == "*" {
            node.star = Some(child);
        } else {
            node.literal.insert(segment.into(), child);
        }
        child
    }

    /// Takes a pattern of a group out, and the nodes that only it had.
    pub(crate) fn remove(&mut self, pattern: &Pattern, group: GroupId) {
        let mut path = Vec::new();
        let mut at = self.root;
        for segment in pattern.segments() {
            if segment == "**" {
                self.nodes[at].rest.retain(|one| *one != group);
                return self.prune(path, at);
            }
            let Some(child) = self.child(at, segment) else { return };
            path.push((at, segment));
            at = child;
        }
        self.nodes[at].here.retain(|one| *one != group);
        self.prune(path, at);
    }

    fn prune(&mut self, path: Vec<(usize, &str)>, mut at: usize) {
        for (parent, segment) in path.into_iter().rev() {
            if !self.nodes[at].is_unused() {
                return;
            }
            self.nodes.remove(at);
            if segment == "*" {
                self.nodes[parent].star = None;
            } else {
                self.nodes[parent].literal.remove(segment);
            }
            at = parent;
        }
    }

    /// Calls `each` for the group of every pattern that matches; for one group more than once if several of its do.
    pub(crate) fn matching(&self, topic: &Topic, mut each: impl FnMut(GroupId)) {
        self.walk(self.root, topic.as_str(), &mut each);
    }

    // A step goes to one literal child and one star, and no pattern has more than a few stars.
    fn walk(&self, at: usize, path: &str, each: &mut impl FnMut(GroupId)) {
        let node = &self.nodes[at];
        node.rest.iter().for_each(|group| each(*group));
        let (segment, rest) = match path.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (path, None),
        };
        for child in [node.literal.get(segment).copied(), node.star].into_iter().flatten() {
            match rest {
                Some(rest) => self.walk(child, rest, each),
                None => self.nodes[child].here.iter().for_each(|group| each(*group)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::Selector;

    const MAX_NODES: usize = 1000;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn the_trie_agrees_with_the_patterns(
            patterns in vec("([ab]|\\*)(/([ab]|\\*)){0,2}(/\\*\\*)?", 1..8),
            removed in vec(any::<bool>(), 8),
            topic in "[ab](/[ab]){0,3}",
        ) {
            let pattern = |text: &String| match Selector::new(text).unwrap() {
                Selector::Pattern(pattern) => Some(pattern),
                Selector::Topic(_) => None,
            };
            let topic = Topic::new(&topic).unwrap();
            let mut trie = Patterns::default();
            let mut expect = BTreeSet::new();
            for (i, text) in patterns.iter().enumerate() {
                let Some(one) = pattern(text) else { continue };
                trie.add(&one, GroupId::new(i), MAX_NODES).unwrap();
                if !removed[i] && Selector::Pattern(one).matches(&topic) {
                    expect.insert(i);
                }
            }
            for (i, text) in patterns.iter().enumerate().filter(|(i, _)| removed[*i]) {
                if let Some(one) = pattern(text) {
                    trie.remove(&one, GroupId::new(i));
                }
            }
            let mut seen = BTreeSet::new();
            trie.matching(&topic, |group| { seen.insert(group.index()); });
            prop_assert_eq!(seen, expect);
            for (i, text) in patterns.iter().enumerate() {
                if let Some(one) = pattern(text) {
                    trie.remove(&one, GroupId::new(i));
                }
            }
            prop_assert_eq!(trie.nodes.len(), 1, "nothing but the root is left");
        }
    }
}
