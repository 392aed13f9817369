//! An event before it has a position in the log.

use std::time::Duration;

use serde_json::value::RawValue;
use sse_core::{EventName, Text, hub::names::event::RESERVED_PREFIX};

use crate::{Alias, Topic};

const MAX_NAME_BYTES: usize = 128;

/// What readers call an event without a name.
const UNNAMED: &str = "message";

/// The most topics of one event.
pub const MAX_TOPICS: usize = 64;

/// An event to publish. Every part has been checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Draft {
    /// The topic to publish to: the canonical one, if there are several.
    pub topic: Topic,
    /// The other topics, in order, each once.
    pub others: Box<[Topic]>,
    /// The event's name; `None` is `message`.
    pub name: Option<Name>,
    /// The reconnection time to set.
    pub retry: Option<Duration>,
    /// The data.
    pub data: Text,
    /// Whether the data is the text of a JSON value other than a string.
    pub json: bool,
    /// Whether only subscribers with a grant for one of the topics get it.
    pub private: bool,
    /// The publisher's own ID for it.
    pub alias: Option<Alias>,
    /// Whether it is the last event of its canonical topic.
    pub end: bool,
}

/// The approximate memory cost of an event besides its own bytes.
const KEPT: usize = 64;

impl Draft {
    /// An event with `data` and no name.
    pub fn text(topic: Topic, data: impl Into<Text>) -> Self {
        Self {
            topic,
            others: Box::default(),
            name: None,
            retry: None,
            data: data.into(),
            json: false,
            private: false,
            alias: None,
            end: false,
        }
    }

    /// An event with these topics, the first of which is the canonical one. Repeats are left out.
    ///
    /// # Errors
    ///
    /// Returns a sentence if there is none, or more than [`MAX_TOPICS`].
    pub fn of_topics(topics: impl IntoIterator<Item = Topic>, data: impl Into<Text>) -> Result<Self, &'static str> {
        let mut topics = topics.into_iter();
        let topic = topics.next().ok_or("there is no topic; name at least one")?;
        let mut others = Vec::new();
        for other in topics {
            if others.len() + 1 == MAX_TOPICS {
                return Err("an event can have 64 topics at most");
            }
            if other != topic && !others.contains(&other) {
                others.push(other);
            }
        }
        Ok(Self { others: others.into(), ..Self::text(topic, data) })
    }

    /// The topics, the canonical one first.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> + Clone {
        std::iter::once(&self.topic).chain(&self.others)
    }

    /// The size in bytes with which the event counts towards bounds.
    pub fn weight(&self) -> usize {
        let name = self.name.as_ref().map_or(0, |name| name.as_str().len());
        let alias = self.alias.as_ref().map_or(0, |alias| KEPT + alias.as_str().len());
        KEPT + self.data.len() + name + alias + KEPT * self.others.len()
    }
}

/// The name of a published event: 1 to 128 bytes without CR, LF, NUL and outer white space, and not one of the hub's
/// own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name(EventName);

impl Name {
    /// Checks the text of a name. An event called `message` is one without a name, so that gives `None`.
    ///
    /// # Errors
    ///
    /// Returns a sentence that says what is allowed.
    pub fn of(text: &str) -> Result<Option<Self>, &'static str> {
        if text == UNNAMED {
            return Ok(None);
        }
        if text.is_empty() || text.len() > MAX_NAME_BYTES {
            return Err("it must have 1 to 128 bytes");
        }
        if is_reserved(text) {
            return Err("names that begin with `sse-`, in upper or lower case, are the hub's own");
        }
        if text != trimmed(text) {
            return Err("it can't begin or end with white space");
        }
        if text.contains('\0') {
            return Err("it can't hold NUL");
        }
        EventName::new(text).map(|name| Some(Self(name))).map_err(|_| "it can't hold CR or LF")
    }

    /// The name, as an [`Event`](sse_core::Event) has it.
    pub fn event_name(&self) -> EventName {
        self.0.clone()
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// The data of an event published as the JSON `value`, and whether it is still JSON: a string becomes its text, any
/// other value its JSON text without insignificant white space.
///
/// # Errors
///
/// Returns a sentence if a string anywhere in `value` has half a surrogate pair. It is not text, and few readers of JSON
/// take it.
pub fn data_of(value: &RawValue) -> Result<(Text, bool), &'static str> {
    const HALF: &str = "half a surrogate pair is no character";
    let json = value.get();
    if has_half_pair(json) {
        return Err(HALF);
    }
    if json.starts_with('"') {
        return Ok((serde_json::from_str::<String>(json).map_err(|_| HALF)?.into(), false));
    }
    Ok((without_white_space(json).into(), true))
}

/// Returns true if a reader that folds case could take the name for one of the hub's.
fn is_reserved(name: &str) -> bool {
    let mut folded = name.chars().flat_map(char::to_uppercase);
    RESERVED_PREFIX.chars().flat_map(char::to_uppercase).all(|letter| folded.next() == Some(letter))
}

/// The text without what readers trim: Unicode's white space, and the byte order mark, which is JavaScript's.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|character: char| character.is_whitespace() || character == '\u{feff}')
}

/// Returns true if an escape in `json`, which is valid, is half of a surrogate pair without the other half.
fn has_half_pair(json: &str) -> bool {
    let mut rest = json;
    // a backslash is in a string, and followed by a whole escape
    while let Some((_, escape)) = rest.split_once('\\') {
        rest = match code_unit(escape) {
            Some((0xd800..=0xdbff, after)) => match after.strip_prefix('\\').and_then(code_unit) {
                Some((0xdc00..=0xdfff, after)) => after,
                _ => return true,
            },
            Some((0xdc00..=0xdfff, _)) => return true,
            Some((_, after)) => after,
            None => escape.get(1..).unwrap_or_default(),
        };
    }
    false
}

/// The code unit of an escape `uXXXX`, and what follows.
fn code_unit(escape: &str) -> Option<(u16, &str)> {
    let digits = escape.strip_prefix('u')?.get(..4)?;
    Some((u16::from_str_radix(digits, 16).ok()?, &escape[5..]))
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

    #[test]
    fn no_name_looks_like_one_of_the_hub_s() {
        for name in ["a b", "sse", "ssé-x", "assess-e", "\u{202e}x", "日本語"] {
            assert!(Name::of(name).is_ok_and(|name| name.is_some()), "{name:?}");
        }
        assert_eq!(Name::of("message"), Ok(None));
        for name in ["sse-cursor", "SSE-gap", "Sse-x", "\u{17f}se-x", "ße-x", "sse-"] {
            assert!(Name::of(name).is_err_and(|why| why.contains("hub's own")), "{name:?}");
        }
        for name in [" sse-cursor", "\tx", "x ", "x\u{a0}", "\u{feff}x", "x\u{2028}", " "] {
            assert!(Name::of(name).is_err_and(|why| why.contains("white space")), "{name:?}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_found_wherever_it_is() {
        for (json, is_text) in [
            (r#""\ud83d\ude00""#, true),
            (r#"{"\uD83D\uDE00":["\ud83d\ude00 \u00e9"]}"#, true),
            (r#"["\\ud800", "\\\\", "\n\"\u0041"]"#, true),
            ("[\"é\", 1]", true),
            (r#""\ud800""#, false),
            (r#"{"a":["\ud800"]}"#, false),
            (r#"{"\udc00":1}"#, false),
            (r#"["\ud800\ud800\udc00"]"#, false),
            (r#"["\ude00\ud83d"]"#, false),
            (r#"["\ud83d","\ude00"]"#, false),
            (r#"["\\\ud800"]"#, false),
            (r#"["\ud800\n"]"#, false),
        ] {
            let value = RawValue::from_string(json.to_owned()).unwrap();
            assert_eq!(data_of(&value).is_ok(), is_text, "{json}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(json).is_ok(), is_text, "as readers see it: {json}");
        }
    }
}
