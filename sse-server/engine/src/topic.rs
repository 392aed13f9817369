//! Names of topics. Checked here, trusted everywhere else.

use std::{borrow::Borrow, error, fmt, sync::Arc};

const MAX_BYTES: usize = 256;

/// A topic: 1 to 256 bytes of UTF-8 in `/`-separated segments.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(pub(crate) Arc<str>);

/// Why a text is no topic or selector: a sentence that says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicError(pub(crate) &'static str);

impl Topic {
    /// Checks a topic.
    ///
    /// # Errors
    ///
    /// [`TopicError`] if `text` is empty or longer than 256 bytes, holds a control character or `*`, or has a segment
    /// that is empty, `.` or `..`.
    pub fn new(text: &str) -> Result<Self, TopicError> {
        check(text)?;
        if text.contains('*') {
            return Err(TopicError("a topic can't hold `*`: only a selector can"));
        }
        Ok(Self(text.into()))
    }

    /// The topic's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts between the `/`.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl Borrow<str> for Topic {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Checks what topics and selectors have in common.
pub(crate) fn check(text: &str) -> Result<(), TopicError> {
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

impl fmt::Display for TopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl error::Error for TopicError {}

#[cfg(test)]
mod tests {
    use super::*;

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
}
