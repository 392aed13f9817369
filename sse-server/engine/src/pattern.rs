//! Patterns indexed by their segments, to find the matching groups without trying each.

use std::collections::HashMap;

use slab::Slab;

use crate::{Full, GroupId, Pattern, group_list::GroupList};

/// A trie of segments.
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
    here: GroupList,
    /// Groups of patterns that end here with a `**`.
    rest: GroupList,
}

/// A node to visit on a walk through the patterns that match a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visit {
    /// `node`, where the rest of the topic begins at `from`.
    Inner { node: usize, from: usize },
    /// This node, behind the topic's last segment.
    Last(usize),
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
    /// The number of nodes, of about 200 bytes each.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Adds `pattern` for `group`, if there is room for its nodes.
    pub(crate) fn add(&mut self, pattern: &Pattern, group: GroupId, max_nodes: usize) -> Result<(), Full> {
        if self.nodes.len() + pattern.segments().count() > max_nodes {
            return Err(Full);
        }
        let mut at = self.root;
        for segment in pattern.segments() {
            if segment == "**" {
                self.nodes[at].rest.add(group);
                return Ok(());
            }
            at = self.child(at, segment).unwrap_or_else(|| self.insert_child(at, segment));
        }
        self.nodes[at].here.add(group);
        Ok(())
    }

    /// The groups of `pattern`, which must have been added.
    pub(crate) fn list_mut(&mut self, pattern: &Pattern) -> Option<&mut GroupList> {
        let mut at = self.root;
        for segment in pattern.segments() {
            if segment == "**" {
                return Some(&mut self.nodes[at].rest);
            }
            at = self.child(at, segment)?;
        }
        Some(&mut self.nodes[at].here)
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

    /// Removes `pattern` for `group`, and the nodes that only it used.
    pub(crate) fn remove(&mut self, pattern: &Pattern, group: GroupId) {
        let mut path = Vec::new();
        let mut at = self.root;
        for segment in pattern.segments() {
            if segment == "**" {
                self.nodes[at].rest.remove(group);
                return self.prune(path, at);
            }
            let Some(child) = self.child(at, segment) else { return };
            path.push((at, segment));
            at = child;
        }
        self.nodes[at].here.remove(group);
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

    /// Where a walk begins.
    pub(crate) const fn first(&self) -> Visit {
        Visit::Inner { node: self.root, from: 0 }
    }

    /// The groups of the patterns that match at `visit`.
    pub(crate) fn list(&self, visit: Visit) -> &GroupList {
        match visit {
            Visit::Inner { node, .. } => &self.nodes[node].rest,
            Visit::Last(node) => &self.nodes[node].here,
        }
    }

    /// Adds what is to be visited from `visit` for `topic`: one literal child and one star, and no pattern has more than
    /// a few stars.
    pub(crate) fn go_on(&self, visit: Visit, topic: &str, ahead: &mut Vec<Visit>) {
        let Visit::Inner { node, from } = visit else { return };
        let rest = &topic[from..];
        let (segment, next) = match rest.split_once('/') {
            Some((segment, _)) => (segment, Some(from + segment.len() + 1)),
            None => (rest, None),
        };
        let node = &self.nodes[node];
        let children = [node.literal.get(segment).copied(), node.star].into_iter().flatten();
        ahead.extend(children.map(|node| next.map_or(Visit::Last(node), |from| Visit::Inner { node, from })));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{Selector, Topic};

    const MAX_NODES: usize = 1000;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn the_trie_agrees_with_the_patterns(
            patterns in vec("([ab]|\\*)(/([ab]?|\\*)){0,2}(/\\*\\*)?", 1..8),
            removed in vec(any::<bool>(), 8),
            topic in "[ab](/[ab]?){0,3}",
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
            let mut ahead = vec![trie.first()];
            while let Some(visit) = ahead.pop() {
                trie.go_on(visit, topic.as_str(), &mut ahead);
                seen.extend((0..).map_while(|at| trie.list(visit).get(at)).map(GroupId::index));
            }
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
