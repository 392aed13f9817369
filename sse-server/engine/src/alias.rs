//! IDs that publishers give to events.

use std::{borrow::Borrow, sync::Arc};

use sse_core::hub::Position;

const MAX_BYTES: usize = 255;

/// A publisher's own ID for an event: 1 to 255 bytes without CR, LF and NUL, and not of the form that the hub's have.
///
/// ```
/// use sse_engine::Alias;
///
/// assert!(Alias::new("urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66").is_ok());
/// assert!(Alias::new("000000000000-00000000001").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias(Arc<str>);

impl Alias {
    /// Checks `text`.
    ///
    /// # Errors
    ///
    /// Returns a sentence that says what is allowed.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() || text.len() > MAX_BYTES {
            return Err("it must have 1 to 255 bytes");
        }
        if text.contains(['\r', '\n', '\0']) {
            return Err("it can't hold CR, LF or NUL");
        }
        if Position::parse(text).is_some() {
            return Err("it can't have the form of the hub's own IDs");
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Alias {
    fn borrow(&self) -> &str {
        &self.0
    }
}
