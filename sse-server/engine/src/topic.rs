//! Names of topics. Checked here, trusted everywhere else.

use std::{borrow::Borrow, error, fmt, sync::Arc};

const MAX_BYTES: usize = 1024;

/// The name of a topic: 1 to 1,024 bytes of UTF-8 in segments separated by `/`, which may be empty. Any IRI is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(pub(crate) Arc<str>);

/// Why a text is not a topic or selector: a sentence that says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicError(pub(crate) &'static str);

impl Topic {
    /// Checks `text`.
    ///
    /// # Errors
    ///
    /// [`TopicError`] if `text` is empty or longer than 1,024 bytes, or holds a control character or `*`.
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

    /// The segments between the `/`.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl Borrow<str> for Topic {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Checks the rules that topics and selectors share.
pub(crate) fn check(text: &str) -> Result<(), TopicError> {
    if text.is_empty() || text.len() > MAX_BYTES {
        return Err(TopicError("it must have 1 to 1,024 bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err(TopicError("it can't hold control characters"));
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
        let long = "x".repeat(1025);
        for text in ["", "a\n", "a\u{85}", "a\0", "a*", "*", &long] {
            assert!(Topic::new(text).is_err(), "{text:?}");
        }
        let iri = "https://example.com/books/1?a=b#c";
        for text in ["a", "a/b.c/...", "ä/ö", "a b", &long[1..], "/", "a//b", "a/", ".", "a/..", iri] {
            assert!(Topic::new(text).is_ok(), "{text:?}");
        }
    }
}
