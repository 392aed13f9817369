//! An event before it has a place in the log.

use std::time::Duration;

use serde_json::value::RawValue;
use sse_core::{EventName, Text, hub::names::event::RESERVED_PREFIX};

use crate::Topic;

const MAX_NAME_BYTES: usize = 128;

/// What a publisher wants sent: every part is valid.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Draft {
    /// Where it is published.
    pub topic: Topic,
    /// Its name; none is `message`.
    pub name: Option<Name>,
    /// The reconnection time that it sets.
    pub retry: Option<Duration>,
    /// Its data.
    pub data: Text,
    /// The data is the text of a JSON value that was not a string.
    pub json: bool,
}

/// What keeping an event costs besides its own bytes, about.
const KEPT: usize = 64;

impl Draft {
    /// An event of this text, without a name.
    pub fn text(topic: Topic, data: impl Into<Text>) -> Self {
        Self { topic, name: None, retry: None, data: data.into(), json: false }
    }

    /// The bytes that the event is counted with where events are kept.
    pub fn weight(&self) -> usize {
        KEPT + self.data.len() + self.name.as_ref().map_or(0, |name| name.as_str().len())
    }
}

/// The name of a published event: 1 to 128 bytes without CR, LF and NUL, and not one of the hub's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name(EventName);

impl Name {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// A sentence that says what is allowed.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() || text.len() > MAX_NAME_BYTES {
            return Err("it must have 1 to 128 bytes");
        }
        if text.starts_with(RESERVED_PREFIX) {
            return Err("names that begin with `sse-` are the hub's own");
        }
        if text.contains('\0') {
            return Err("it can't hold NUL");
        }
        EventName::new(text).map(Self).map_err(|_| "it can't hold CR or LF")
    }

    pub(crate) fn event_name(&self) -> EventName {
        self.0.clone()
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// The data of an event whose data was published as JSON `value`, and whether it is JSON still: a string is its text, any
/// other value its own text without insignificant white space.
///
/// # Errors
///
/// If the value is a string with half a surrogate pair, which is no text.
pub fn data_of(value: &RawValue) -> Result<(Text, bool), serde_json::Error> {
    if value.get().starts_with('"') {
        return Ok((serde_json::from_str::<String>(value.get())?.into(), false));
    }
    Ok((without_white_space(value.get()).into(), true))
}

fn without_white_space(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    json.chars()
        .filter(|character| {
            if in_string {
                in_string = escaped || *character != '"';
                escaped = !escaped && *character == '\\';
                return true;
            }
            in_string = *character == '"';
            !matches!(character, ' ' | '\t' | '\r' | '\n')
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_goes_where_it_means_nothing() {
        for (json, expect) in [
            ("{ \"b\" : 1.0 ,\n\t\"a\" : [ ] }", "{\"b\":1.0,\"a\":[]}"),
            (r#"{"a b": "\" \\", "c": " \\\" "}"#, r#"{"a b":"\" \\","c":" \\\" "}"#),
            (" null ", "null"),
            ("1e400", "1e400"),
        ] {
            assert_eq!(without_white_space(json), expect);
        }
    }
}
