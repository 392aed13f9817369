//! Names of topics, and what selects them. Checked here, trusted everywhere else.

use std::{borrow::Borrow, fmt, sync::Arc};

const MAX_BYTES: usize = 256;

/// A pattern's segments, and how many of them may be `*`. What a topic is compared with grows with both: without these
/// bounds one subscriber could make every publish slow.
const MAX_PATTERN_SEGMENTS: usize = 32;
const MAX_STARS: usize = 4;

/// A topic: 1 to 256 bytes of UTF-8 in `/`-separated segments.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Topic(Arc<str>);

/// Why a text is no topic or selector: a sentence that says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicError(&'static str);

impl Topic {
    pub(crate) fn new(text: &str) -> Result<Self, TopicError> {
        check(text)?;
        if text.contains('*') {
            return Err(TopicError("a topic can't hold `*`: only a selector can"));
        }
        Ok(Self(text.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl Borrow<str> for Topic {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// What a subscriber asks for: a topic, or a pattern in which `*` is one segment and a last `**` is one or more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Selector {
    Topic(Topic),
    Pattern(Pattern),
}

/// A selector with a `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Pattern(Arc<str>);

impl Selector {
    pub(crate) fn new(text: &str) -> Result<Self, TopicError> {
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
        if pattern && text.split('/').count() > MAX_PATTERN_SEGMENTS {
            return Err(TopicError("a pattern can have 32 segments at most"));
        }
        if stars > MAX_STARS {
            return Err(TopicError("a pattern can have four `*` at most, and a last `**`"));
        }
        Ok(if pattern { Self::Pattern(Pattern(text.into())) } else { Self::Topic(Topic(text.into())) })
    }

    pub(crate) fn matches(&self, topic: &Topic) -> bool {
        match self {
            Self::Topic(one) => one == topic,
            Self::Pattern(pattern) => pattern.matches(topic),
        }
    }
}

impl Pattern {
    pub(crate) fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    pub(super) fn len(&self) -> usize {
        self.segments().count()
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

/// A set of selectors in its canonical form, with the choice of encoding. Equal sets make one group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Selectors {
    all: Arc<[Selector]>,
    pub(crate) envelope: bool,
}

impl Selectors {
    pub(crate) fn new(mut all: Vec<Selector>, envelope: bool) -> Self {
        all.sort_unstable();
        all.dedup();
        Self { all: all.into(), envelope }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Selector> {
        self.all.iter()
    }

    pub(crate) fn matches(&self, topic: &Topic) -> bool {
        self.iter().any(|selector| selector.matches(topic))
    }

    /// How many segments the patterns have together.
    pub(crate) fn pattern_segments(&self) -> usize {
        let segments = |selector: &Selector| match selector {
            Selector::Topic(_) => 0,
            Selector::Pattern(pattern) => pattern.len(),
        };
        self.iter().map(segments).sum()
    }

    /// The topics, if no selector is a pattern.
    pub(crate) fn topics_only(&self) -> Option<impl Iterator<Item = &Topic>> {
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

fn check(text: &str) -> Result<(), TopicError> {
    if text.is_empty() || text.len() > MAX_BYTES {
        return Err(TopicError("it must have 1 to 256 bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err(TopicError("it can't hold control characters"));
    }
    if text.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(TopicError("its `/`-separated segments can't be empty, `.` or `..`"));
    }
    Ok(())
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(topic) => f.write_str(&topic.0),
            Self::Pattern(pattern) => f.write_str(&pattern.0),
        }
    }
}

impl fmt::Display for TopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for TopicError {}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_is_no_topic() {
        let long = "x".repeat(257);
        for text in ["", "/", "a//b", "a/", ".", "a/..", "a\n", "a\u{85}", "a\0", "a*", "*", &long] {
            assert!(Topic::new(text).is_err(), "{text:?}");
        }
        for text in ["a", "a/b.c/...", "ä/ö", "a b", &long[1..]] {
            assert!(Topic::new(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_selector() {
        let deep = format!("{}*", "a/".repeat(32));
        for text in ["**/a", "a*", "a/**b", "***", "a/*/", "\r", "*/*/*/*/*", &deep] {
            assert!(Selector::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn sets_are_canonical() {
        let set =
            |texts: &[&str]| Selectors::new(texts.iter().map(|text| Selector::new(text).unwrap()).collect(), false);
        assert_eq!(set(&["b", "a/*", "a", "b"]), set(&["a", "b", "a/*"]));
        assert!(set(&["a", "b"]).topics_only().is_some());
        assert!(set(&["a", "z/*"]).topics_only().is_none());
    }
}
