//! A set of selectors prepared for matching many topics.
//!
//! Selectors are tried together, segment by segment, whatever their number. Topics that are sorted by name are not even
//! looked at where no selector can match: after each name that doesn't match, [`Matcher::select`] goes on with the next
//! one that may.

use std::{collections::BTreeMap, ops::Bound};

use crate::{Selector, Selectors, Topic};

/// A trie of the selectors' segments.
#[derive(Debug)]
pub struct Matcher<'a> {
    nodes: Vec<Node<'a>>,
}

#[derive(Debug, Default)]
struct Node<'a> {
    /// In order.
    literals: Vec<(&'a str, usize)>,
    star: Option<usize>,
    /// A selector ends here.
    here: bool,
    /// A selector ends here with a `**`.
    rest: bool,
}

/// How far a [selection](Matcher::select) has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// The least name that has not been looked at.
    from: String,
}

impl Selection {
    /// Returns true if `name` was looked at.
    pub(crate) fn is_past(&self, name: &str) -> bool {
        name < self.from.as_str()
    }

    /// All names through `name` have been looked at.
    pub(crate) fn pass(&mut self, name: &str) {
        self.from.clear();
        self.from.extend([name, "\0"]);
    }
}

/// Where a topic leads in the trie.
#[derive(Debug, Default)]
struct Path {
    /// For each depth, the offset of its segment in the name, and the number of active nodes above.
    levels: Vec<(usize, usize)>,
    /// The active nodes of all depths.
    active: Vec<usize>,
}

impl<'a> Matcher<'a> {
    /// Prepares `selectors`.
    pub fn new(selectors: &'a Selectors) -> Self {
        let mut matcher = Self { nodes: vec![Node::default()] };
        for selector in selectors.iter() {
            let (text, pattern) = match selector {
                Selector::Topic(topic) => (topic.as_str(), false),
                Selector::Pattern(pattern) => (pattern.as_str(), true),
            };
            matcher.add(text, pattern);
        }
        matcher
    }

    fn add(&mut self, text: &'a str, pattern: bool) {
        let mut at = 0;
        for segment in text.split('/') {
            match segment {
                "**" if pattern => {
                    self.nodes[at].rest = true;
                    return;
                }
                "*" if pattern => {
                    at = self.nodes[at].star.unwrap_or_else(|| {
                        let star = self.new_node();
                        self.nodes[at].star = Some(star);
                        star
                    });
                }
                _ => {
                    at = match self.nodes[at].literals.binary_search_by_key(&segment, |(literal, _)| literal) {
                        Ok(index) => self.nodes[at].literals[index].1,
                        Err(index) => {
                            let child = self.new_node();
                            self.nodes[at].literals.insert(index, (segment, child));
                            child
                        }
                    };
                }
            }
        }
        self.nodes[at].here = true;
    }

    fn new_node(&mut self) -> usize {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }

    /// Returns true if one of the selectors selects `topic`.
    pub fn matches(&self, topic: &Topic) -> bool {
        self.follow(topic.as_str(), &mut Path::default())
    }

    /// Calls `each` for topics of `names` that the selectors select, in order, until it returns false or `looks` names have
    /// been looked at. Returns true if there are no more; otherwise call it again with the same `selection`, also if the
    /// names have changed.
    pub fn select<T>(
        &self,
        names: &BTreeMap<Topic, T>,
        selection: &mut Selection,
        looks: &mut usize,
        mut each: impl FnMut(&Topic, &T) -> bool,
    ) -> bool {
        let mut path = Path::default();
        let seek = |from: &str| names.range::<str, _>((Bound::Included(from), Bound::Unbounded));
        let mut ahead = seek(&selection.from);
        loop {
            let Some((topic, value)) = ahead.next() else { return true };
            if *looks == 0 {
                selection.from.clear();
                selection.from.push_str(topic.as_str());
                return false;
            }
            *looks -= 1;
            if self.follow(topic.as_str(), &mut path) {
                if each(topic, value) {
                    continue;
                }
                selection.pass(topic.as_str());
                return false;
            }
            *looks = looks.saturating_sub(path.active.len());
            if !self.next_after(topic.as_str(), &path, &mut selection.from) {
                return true;
            }
            // the next name is found at once where it may match
            let next = ahead.clone().next();
            if next.is_some_and(|(next, _)| next.as_str() < selection.from.as_str()) {
                ahead = seek(&selection.from);
            }
        }
    }

    /// Walks along `name` as far as selectors lead, and returns true if one matches.
    fn follow(&self, name: &str, path: &mut Path) -> bool {
        path.levels.clear();
        path.active.clear();
        path.active.push(0);
        let (mut offset, mut above) = (0, 0);
        loop {
            path.levels.push((offset, above));
            let here = above..path.active.len();
            if here.clone().any(|index| self.nodes[path.active[index]].rest) {
                return true;
            }
            let segment = name[offset..].split('/').next().unwrap_or_default();
            above = path.active.len();
            for index in here {
                let node = &self.nodes[path.active[index]];
                path.active.extend(node.literal(segment));
                path.active.extend(node.star);
            }
            offset += segment.len() + 1;
            if offset > name.len() {
                return path.active[above..].iter().any(|node| self.nodes[*node].here);
            }
            if path.active.len() == above {
                return false;
            }
        }
    }

    /// Writes the least text after `name`, which does not match, that may begin a name that does, to `next`. `path` is where
    /// `name` led. Returns false if there is none.
    fn next_after(&self, name: &str, path: &Path, next: &mut String) -> bool {
        let mut end = path.active.len();
        // The deepest first: what it finds comes before all that the others may find.
        for (depth, (offset, above)) in path.levels.iter().enumerate().rev() {
            let (prefix, rest) = name.split_at(*offset);
            let nodes = path.active[*above..path.levels.get(depth + 1).map_or(end, |(_, above)| *above)].iter();
            end = *above;
            let segment = rest.split('/').next().unwrap_or_default();
            let mut least: Option<(&str, &str)> = None;
            let mut offer = |text, tail| {
                if least.is_none_or(|least| concatenated(text, tail).lt(concatenated(least.0, least.1))) {
                    least = Some((text, tail));
                }
            };
            for node in nodes.map(|node| &self.nodes[*node]) {
                if node.star.is_some() {
                    // any other segment may match
                    offer(segment, if rest.len() > segment.len() { AFTER_SLASH } else { "\0" });
                }
                node.literals_after(rest, &mut offer);
            }
            if let Some((text, tail)) = least {
                next.clear();
                next.extend([prefix, text, tail]);
                return true;
            }
        }
        false
    }
}

/// The character after `/`: what begins a name after all that begin with a segment and `/`.
const AFTER_SLASH: &str = "0";

impl<'a> Node<'a> {
    fn literal(&self, segment: &str) -> Option<usize> {
        let found = self.literals.binary_search_by_key(&segment, |(literal, _)| literal);
        found.ok().map(|index| self.literals[index].1)
    }

    /// Offers the least texts after `rest` that are a literal, or a literal with a `/` behind it.
    fn literals_after<'b>(&self, rest: &'b str, offer: &mut impl FnMut(&'b str, &'b str))
    where
        'a: 'b,
    {
        let after = self.literals.partition_point(|(literal, _)| *literal <= rest);
        if let Some((literal, _)) = self.literals.get(after) {
            offer(literal, "");
        }
        // A literal before `rest` may have its `/` behind it, if `rest` goes on with a lower character or ends.
        let lower = rest.bytes().enumerate().filter(|(_, byte)| *byte < b'/').map(|(at, _)| at);
        for at in lower.chain([rest.len()]) {
            let Some(literal) = rest.get(..at) else { continue };
            if self.literal(literal).is_some() {
                offer(literal, "/");
            }
        }
    }
}

fn concatenated<'a>(text: &'a str, tail: &'a str) -> impl Iterator<Item = u8> + 'a {
    text.bytes().chain(tail.bytes())
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn it_selects_what_the_selectors_match(
            selectors in vec("([a-c0.-]{0,2}|\\*)(/([a-c0.-]?|\\*)){0,3}(/\\*\\*)?|\\*\\*", 1..6),
            topics in vec("[a-c0.-]{0,2}(/[a-c0.-]?){0,3}", 0..40),
            looks in 1..5_usize,
        ) {
            let selectors = selectors.iter().filter_map(|text| Selector::new(text).ok()).collect::<Vec<_>>();
            prop_assume!(!selectors.is_empty());
            let selectors = Selectors::new(selectors, false);
            let names: BTreeMap<_, _> = topics.iter().filter_map(|text| Some((Topic::new(text).ok()?, ()))).collect();
            let expect: Vec<_> = names.keys().filter(|topic| selectors.matches(topic)).cloned().collect();
            let matcher = Matcher::new(&selectors);
            for topic in names.keys() {
                prop_assert_eq!(matcher.matches(topic), selectors.matches(topic));
            }
            let (mut found, mut selection) = (Vec::new(), Selection::default());
            while !matcher.select(&names, &mut selection, &mut { looks }, |topic, ()| {
                found.push(topic.clone());
                !found.len().is_multiple_of(3)
            }) {}
            prop_assert_eq!(found, expect);
        }
    }

    #[test]
    fn it_looks_at_no_more_names_than_it_has_to() {
        let names: BTreeMap<_, _> =
            (0..20_000).map(|i| (Topic::new(&format!("user/{i}/inbox")).unwrap(), ())).collect();
        let all =
            |texts: Vec<String>| Selectors::new(texts.iter().map(|text| Selector::new(text).unwrap()).collect(), false);
        for (selectors, most) in [
            (all((0..4).map(|i| format!("user/{}/*", i * 1000)).collect()), 30),
            (all((0..64).map(|i| format!("user/*/n{i}")).collect()), 100_000),
            (all((0..64).map(|i| format!("other/{i}/*")).collect()), 4),
        ] {
            let mut looks = usize::MAX;
            let matcher = Matcher::new(&selectors);
            assert!(matcher.select(&names, &mut Selection::default(), &mut looks, |_, ()| true));
            assert!(usize::MAX - looks <= most, "{} looks for {:?}", usize::MAX - looks, selectors);
        }
    }
}
