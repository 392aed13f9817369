//! An event before it has a place in the log.

use std::time::Duration;

use serde_json::value::RawValue;
use sse_core::Text;

use super::{Name, Topic};

/// What a publisher wants sent: every part is valid.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Draft {
    pub(crate) topic: Topic,
    pub(crate) name: Option<Name>,
    pub(crate) retry: Option<Duration>,
    pub(crate) data: Text,
    /// The data is the text of a JSON value that was not a string.
    pub(crate) json: bool,
}

/// What keeping an event costs besides its own bytes, about.
const KEPT: usize = 64;

impl Draft {
    /// The bytes that the event is counted with where events are kept.
    pub(crate) fn weight(&self) -> usize {
        KEPT + self.data.len() + self.name.as_ref().map_or(0, |name| name.as_str().len())
    }
}

/// What a published JSON value is as data, and whether it is JSON: a string is its text, any other value its own without
/// insignificant white space. A string that is no text, with half a surrogate pair, is an error.
pub(crate) fn data_of(value: &RawValue) -> Result<(Text, bool), serde_json::Error> {
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
