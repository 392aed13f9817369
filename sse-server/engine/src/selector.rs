//! Selectors: a topic, or a pattern of topics.

use std::{fmt, sync::Arc};

use crate::{Topic, TopicError, topic::check};

/// The most segments of a pattern, and the most that may be `*`. The cost of matching a topic grows with both: without
/// these bounds one subscriber could slow down every publish.
const MAX_SEGMENTS: usize = 32;
const MAX_STARS: usize = 4;

/// The approximate memory that a selector takes besides its text, and a set besides its selectors.
const KEPT: usize = 230;

/// Selects topics: a single topic, or a pattern in which `*` matches one segment and a final `**` one or more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Selector {
    /// A single topic.
    Topic(Topic),
    /// Every topic that matches the pattern.
    Pattern(Pattern),
}

/// A pattern of topics: a selector with a `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(Arc<str>);

impl Selector {
    /// Checks `text`.
    ///
    /// # Errors
    ///
    /// [`TopicError`] if `text` is not a topic, or has a `*` that is not a whole segment, a `**` that is not the last
    /// segment, more than 32 segments or more than four `*`.
    pub fn new(text: &str) -> Result<Self, TopicError> {
        check(text)?;
        let mut segments = text.split('/').peekable();
        let mut pattern = false;
        let mut stars = 0;
        while let Some(segment) = segments.next() {
            match segment {
                "*" => {
                    pattern = true;
                    stars += 1;
                }
                "**" if segments.peek().is_none() => pattern = true,
                "**" => return Err(TopicError("`**` can only be the last segment of a selector")),
                _ if segment.contains('*') => {
                    return Err(TopicError("`*` must be a whole segment of a selector, `**` the last one"));
                }
                _ => {}
            }
        }
        if pattern && text.split('/').count() > MAX_SEGMENTS {
            return Err(TopicError("a pattern can have 32 segments at most"));
        }
        if stars > MAX_STARS {
            return Err(TopicError("a pattern can have four `*` at most, and a last `**`"));
        }
        Ok(if pattern { Self::Pattern(Pattern(text.into())) } else { Self::Topic(Topic(text.into())) })
    }

    /// Returns true if the selector selects `topic`.
    pub fn matches(&self, topic: &Topic) -> bool {
        match self {
            Self::Topic(one) => one == topic,
            Self::Pattern(pattern) => pattern.matches(topic),
        }
    }

    /// Returns true if the selector selects every topic that `other` selects.
    pub fn covers(&self, other: &Self) -> bool {
        match self {
            Self::Topic(_) => self == other, // a pattern selects more than one topic
            Self::Pattern(pattern) => pattern.covers(other),
        }
    }
}

impl Pattern {
    /// The segments between the `/`.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The pattern's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn len(&self) -> usize {
        self.segments().count()
    }

    /// Returns true if the pattern matches every topic that `selector` matches.
    fn covers(&self, selector: &Selector) -> bool {
        let other = match selector {
            Selector::Topic(topic) => return self.matches(topic),
            Selector::Pattern(other) => other,
        };
        let mut others = other.segments();
        for part in self.segments() {
            match (part, others.next()) {
                (_, None) => return false,
                ("**", Some(_)) => return true,
                (_, Some("**")) => return false,
                ("*", Some(_)) => {}
                (part, Some(segment)) if part == segment => {}
                _ => return false,
            }
        }
        others.next().is_none()
    }

    fn matches(&self, topic: &Topic) -> bool {
        let mut segments = topic.segments();
        for part in self.segments() {
            match (part, segments.next()) {
                (_, None) => return false,
                ("**", Some(_)) => return true,
                ("*", Some(_)) => {}
                (part, Some(segment)) if part == segment => {}
                _ => return false,
            }
        }
        segments.next().is_none()
    }
}

/// A set of selectors in canonical form, with the choice of encoding. Subscribers with equal sets form a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Selectors {
    all: Arc<[Selector]>,
    /// What the subscriber may read of private events.
    grants: Option<Arc<[Selector]>>,
    /// The subscriber may read nothing else than what it selects, nor learn of it.
    nothing_else: bool,
    /// Whether events are sent in an envelope with their topic.
    pub envelope: bool,
}

impl Selectors {
    /// The set of `all` selectors, in canonical form: without those that another one covers.
    pub fn new(all: Vec<Selector>, envelope: bool) -> Self {
        Self { all: canonical(all), grants: None, nothing_else: false, envelope }
    }

    /// The same set of a subscriber that may read private events, namely those with a topic that one of `grants` selects.
    #[must_use]
    pub fn with_grants(mut self, grants: Vec<Selector>) -> Self {
        self.grants = Some(canonical(grants)).filter(|grants| !grants.is_empty());
        self
    }

    /// The same set of a subscriber whose access is controlled: it may read what it selects, private events among it if
    /// `private` is true, and nothing else leaves a trace, such as an alias.
    #[must_use]
    pub fn controlled(mut self, private: bool) -> Self {
        self.nothing_else = true;
        self.grants = private.then(|| self.all.clone());
        self
    }

    /// What the subscriber may read of private events: nothing, as a rule.
    pub fn grants(&self) -> &[Selector] {
        self.grants.as_deref().unwrap_or_default()
    }

    /// Returns true if a subscriber may get private events at all.
    pub fn sees_private(&self) -> bool {
        self.grants.is_some()
    }

    /// Returns true if a subscriber gets an event with these topics.
    pub fn accept<'a>(&self, topics: impl Iterator<Item = &'a Topic> + Clone, private: bool) -> bool {
        self.may_read(topics.clone(), private) && { topics }.any(|topic| self.matches(topic))
    }

    /// Returns true if a subscriber may read an event with these topics.
    pub fn may_read<'a>(&self, mut topics: impl Iterator<Item = &'a Topic> + Clone, private: bool) -> bool {
        if self.nothing_else && !topics.clone().any(|topic| self.matches(topic)) {
            return false;
        }
        !private || topics.any(|topic| self.grants().iter().any(|one| one.matches(topic)))
    }

    /// The selectors: topics first, then patterns, each ordered by text.
    pub fn iter(&self) -> impl Iterator<Item = &Selector> {
        self.all.iter()
    }

    /// The same, as a slice.
    pub fn as_slice(&self) -> &[Selector] {
        &self.all
    }

    /// Returns true if one of the selectors selects `topic`.
    pub fn matches(&self, topic: &Topic) -> bool {
        self.iter().any(|selector| selector.matches(topic))
    }

    /// The memory that the set takes in the indexes, approximately.
    pub(crate) fn cost(&self) -> usize {
        let bytes = |selector: &Selector| match selector {
            Selector::Topic(topic) => topic.as_str().len(),
            Selector::Pattern(pattern) => pattern.as_str().len(),
        };
        KEPT + self.iter().chain(self.grants()).map(|selector| KEPT + bytes(selector)).sum::<usize>()
    }

    /// The number of segments in all patterns.
    pub fn pattern_segments(&self) -> usize {
        let segments = |selector: &Selector| match selector {
            Selector::Topic(_) => 0,
            Selector::Pattern(pattern) => pattern.len(),
        };
        self.iter().map(segments).sum()
    }

    /// The topics, if no selector is a pattern.
    pub fn topics_only(&self) -> Option<impl Iterator<Item = &Topic>> {
        // topics sort before patterns
        let all_topics = !matches!(self.all.last(), Some(Selector::Pattern(_)));
        all_topics.then(|| {
            self.iter().filter_map(|selector| match selector {
                Selector::Topic(topic) => Some(topic),
                Selector::Pattern(_) => None,
            })
        })
    }
}

/// The selectors in order, without those that another one covers.
fn canonical(mut all: Vec<Selector>) -> Arc<[Selector]> {
    all.sort_unstable();
    all.dedup();
    let patterns: Vec<_> = all.iter().filter(|one| matches!(one, Selector::Pattern(_))).cloned().collect();
    let is_covered = |one: &Selector| {
        patterns.iter().any(|other| matches!(other, Selector::Pattern(pattern) if other != one && pattern.covers(one)))
    };
    if !patterns.is_empty() {
        all.retain(|one| !is_covered(one));
    }
    all.into()
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(topic) => f.write_str(&topic.0),
            Self::Pattern(pattern) => f.write_str(&pattern.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn a_set_without_what_is_covered_matches_the_same(
            texts in vec("([ab]|\\*)(/([ab]?|\\*)){0,2}(/\\*\\*)?|\\*\\*", 1..6),
            topic in "[ab](/[ab]?){0,3}",
        ) {
            let all: Vec<_> = texts.iter().map(|text| Selector::new(text).unwrap()).collect();
            let topic = Topic::new(&topic).unwrap();
            let expect = all.iter().any(|selector| selector.matches(&topic));
            let set = Selectors::new(all, false);
            prop_assert_eq!(set.matches(&topic), expect);
            let covered = |one: &Selector| set.iter().any(|other| match other {
                Selector::Pattern(pattern) => other != one && pattern.covers(one),
                Selector::Topic(_) => false,
            });
            prop_assert!(!set.iter().any(covered));
        }
    }

    /// Every topic of up to four segments that are `a`, `b`, `c` or empty: enough to tell apart selectors of two segments and a
    /// `**` that have no `c`.
    static SHORT: LazyLock<Vec<Topic>> = LazyLock::new(|| {
        let mut topics = vec![String::new()];
        for _ in 0..4 {
            let longer =
                topics.iter().flat_map(|topic| ["a", "b", "c", ""].map(|segment| format!("{topic}/{segment}")));
            topics = [topics.clone(), longer.collect()].concat();
            topics.sort_unstable();
            topics.dedup();
        }
        topics.iter().filter_map(|topic| Topic::new(topic.strip_prefix('/')?).ok()).collect()
    });

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn one_covers_another_if_it_matches_all_that_the_other_matches(
            one in "([ab]|\\*)(/([ab]?|\\*)){0,1}(/\\*\\*)?|\\*\\*",
            other in "([ab]|\\*)(/([ab]?|\\*)){0,1}(/\\*\\*)?|\\*\\*",
        ) {
            let (one, other) = (Selector::new(&one).unwrap(), Selector::new(&other).unwrap());
            let contains = SHORT.iter().all(|topic| one.matches(topic) || !other.matches(topic));
            prop_assert_eq!(one.covers(&other), contains, "{} {}", one, other);
        }
    }

    #[track_caller]
    fn matches(selector: &str, topic: &str) -> bool {
        Selector::new(selector).unwrap().matches(&Topic::new(topic).unwrap())
    }

    #[test]
    fn a_star_is_one_segment_and_two_are_one_or_more() {
        assert!(matches("a/*", "a/b") && matches("*/b", "a/b") && matches("*", "a"));
        assert!(!matches("a/*", "a") && !matches("a/*", "a/b/c") && !matches("*", "a/b"));
        assert!(matches("a/**", "a/b") && matches("a/**", "a/b/c") && matches("**", "a") && matches("*/**", "a/b"));
        assert!(!matches("a/**", "a") && !matches("a/**", "b/c") && !matches("*/**", "a"));
    }

    #[test]
    fn what_is_no_selector() {
        let deep = format!("{}*", "a/".repeat(32));
        for text in ["**/a", "a*", "a/**b", "***", "\r", "*/*/*/*/*", &deep] {
            assert!(Selector::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn whose_access_is_controlled_reads_what_it_selects_and_nothing_else() {
        let set = || Selectors::new(vec![Selector::new("news/*").unwrap()], false);
        let may_read = |set: &Selectors, topics: &[&str], private| {
            let topics: Vec<_> = topics.iter().map(|text| Topic::new(text).unwrap()).collect();
            set.may_read(topics.iter(), private)
        };
        for (set, private, both, other) in [
            (set(), false, false, true),
            (set().controlled(false), false, false, false),
            (set().controlled(true), true, true, false),
        ] {
            assert_eq!(may_read(&set, &["news/a"], true), private);
            assert_eq!(may_read(&set, &["users/7", "news/a"], true), both);
            assert_eq!(may_read(&set, &["users/7"], false), other);
            assert!(may_read(&set, &["users/7", "news/a"], false) && !may_read(&set, &["users/7"], true));
        }
    }

    #[test]
    fn sets_are_canonical() {
        let set =
            |texts: &[&str]| Selectors::new(texts.iter().map(|text| Selector::new(text).unwrap()).collect(), false);
        assert_eq!(set(&["b", "a/*", "a", "b"]), set(&["a", "b", "a/*"]));
        assert_eq!(set(&["a/**", "a/*/c", "a/b", "a/*", "b/*"]), set(&["b/*", "a/**"]));
        assert_eq!(set(&["**", "*", "a", "a/**"]), set(&["**"]));
        assert!(set(&["a", "b"]).topics_only().is_some());
        assert!(set(&["a", "z/*"]).topics_only().is_none());
    }
}
