//! Refusals.

use alloc::string::String;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::write::{prefix, to_json};
use crate::Text;

/// The type of a problem that is told by its status alone.
const ABOUT_BLANK: &str = "about:blank";

/// The longest detail: what a client sent is not sent back without end.
const MAX_DETAIL_BYTES: usize = 1024;

/// Problem details ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)): what a hub answers to a request that it refuses.
///
/// ```
/// use sse_core::hub::Problem;
///
/// let problem = Problem::new(400, "Bad Request", "the topic is empty; name one");
/// let json = problem.to_json(Default::default());
/// assert_eq!(Problem::parse(json.as_bytes()), Some(problem));
/// assert_eq!(Problem::parse(b"<html>"), None);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// A URI for this kind of problem (`type`); `about:blank` if the status says it all.
    pub kind: Text,
    /// What kind of problem it is, in words.
    pub title: Option<Text>,
    /// The answer's status code, as whoever refused gave it.
    pub status: Option<u16>,
    /// What is wrong in this case, and what to do about it.
    pub detail: Option<Text>,
}

impl Problem {
    /// A problem of type `about:blank`: `title` is the status in words. A `detail` of more than 1,024 bytes is cut, and
    /// ends in `…`.
    #[must_use]
    pub fn new(status: u16, title: impl Into<Text>, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.len() > MAX_DETAIL_BYTES {
            detail.truncate(prefix(&detail, MAX_DETAIL_BYTES).len());
            detail.push('…');
        }
        Self {
            kind: Text::from_static(ABOUT_BLANK),
            title: Some(title.into()),
            status: Some(status),
            detail: Some(detail.into()),
        }
    }

    /// The problem as JSON, with `members` beside its own. One of `members` that has the name of one of its own is
    /// passed over.
    #[must_use]
    pub fn to_json(&self, mut members: Map<String, Value>) -> String {
        let own = [
            ("type", Some(self.kind.as_str().into())),
            ("title", self.title.as_deref().map(Value::from)),
            ("status", self.status.map(Value::from)),
            ("detail", self.detail.as_deref().map(Value::from)),
        ];
        for (name, value) in own {
            match value {
                Some(value) => members.insert(name.into(), value),
                None => members.remove(name),
            };
        }
        to_json(&members)
    }

    /// Reads the body of an answer, whatever its type. Returns `None` if the body is no JSON object with a type, a title
    /// or a detail. Other members are passed over.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Words {
            r#type: Option<String>,
            title: Option<String>,
            detail: Option<String>,
        }
        #[derive(Deserialize)]
        struct Status {
            status: u16,
        }
        if !body.trim_ascii_start().starts_with(b"{") {
            return None; // serde takes an array for a struct
        }
        let Words { r#type, title, detail } = serde_json::from_slice(body).ok()?;
        (r#type.is_some() || title.is_some() || detail.is_some()).then(|| Self {
            kind: r#type.map_or(Text::from_static(ABOUT_BLANK), Text::from),
            title: title.map(Text::from),
            // a reading of its own: one that is no status takes nothing from the words
            status: serde_json::from_slice(body).ok().map(|Status { status }| status),
            detail: detail.map(Text::from),
        })
    }
}
