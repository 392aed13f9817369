//! The event that an encoder has to write.

use std::{fmt, time::Duration};

use crate::escape::clipped;

/// The fields of one event that an encoder under test has to write. A field that is `None` must not be written.
///
/// ```
/// # use sse_testkit::{encoding, encoding::Fields};
/// fn encoder(fields: &Fields<'_>) -> Option<String> {
///     let mut wire = String::new();
///     if let Some(name) = fields.name {
///         if name.contains(['\r', '\n']) {
///             return None; // it can't be sent
///         }
///         wire += &format!("event: {name}\n");
///     }
///     // ...
///     Some(wire + "\n")
/// }
/// # let _ = encoding(encoder);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fields<'a> {
    /// The name of the event. An empty name means `message`.
    pub name: Option<&'a str>,
    /// The data. A client dispatches no event without it.
    pub data: Option<&'a str>,
    /// The event ID. An empty one resets the client's last event ID.
    pub id: Option<&'a str>,
    /// A comment, which may have several lines.
    pub comment: Option<&'a str>,
    /// The reconnection time. A fraction of a millisecond may be dropped or rounded.
    pub retry: Option<Duration>,
}

impl Fields<'_> {
    /// Returns true if an event stream can carry these fields.
    pub(super) fn can_be_carried(&self) -> bool {
        carries(self.name, &['\r', '\n']) && carries(self.id, &['\r', '\n', '\0'])
    }
}

fn carries(text: Option<&str>, forbidden: &[char]) -> bool {
    !text.is_some_and(|text| text.contains(forbidden))
}

/// On one line: `name "add", data "3", id "7", comment "c", retry 500ms`.
impl fmt::Display for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = [("name", self.name), ("data", self.data), ("id", self.id), ("comment", self.comment)];
        let mut between = "";
        for (field, text) in texts {
            if let Some(text) = text {
                write!(f, "{between}{field} {}", clipped(text))?;
                between = ", ";
            }
        }
        match self.retry {
            Some(time) => write!(f, "{between}retry {time:?}"),
            None => Ok(()),
        }
    }
}
