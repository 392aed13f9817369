//! The two fields that can't hold every text. Each is checked once, when it is made.

use core::fmt;

use crate::{FieldError, Text};

/// The name of an event: what a browser listens for. UTF-8 without CR and LF; the empty name means `message`.
///
/// Source: [the `event`
/// field](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation).
///
/// ```
/// use sse_core::EventName;
///
/// const ADD: EventName = EventName::from_static("add");
/// assert_eq!(ADD.as_str(), "add");
/// assert!(EventName::new("add\ndata: forged").is_err());
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventName(Text);

/// A last event ID: what a client sends back to resume. UTF-8 without CR, LF and NUL; the empty ID resets the
/// client's.
///
/// NUL is refused because [a client ignores an `id` field that holds
/// one](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation).
///
/// ```
/// use sse_core::EventId;
///
/// assert_eq!(EventId::new("41").unwrap().as_str(), "41");
/// assert!(EventId::new("4\01").is_err());
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Text);

macro_rules! field {
    ($type:ident, $field:literal, $allows:ident) => {
        impl $type {
            /// Checks `text`.
            ///
            /// # Errors
            ///
            /// [`FieldError`] names the character that this field can't have, and its position.
            pub fn new(text: impl Into<Text>) -> Result<Self, FieldError> {
                let text = text.into();
                Self::check(&text)?;
                Ok(Self(text))
            }

            pub(crate) fn check(text: &str) -> Result<(), FieldError> {
                match text.bytes().enumerate().find(|(_, byte)| !$allows(*byte)) {
                    None => Ok(()),
                    Some((at, byte)) => Err(FieldError::new($field, byte, at)),
                }
            }

            /// Checks a literal. In a `const`, one that is not allowed does not compile.
            ///
            /// # Panics
            ///
            /// If `text` is not allowed. For text that is not a literal, use [`new`](Self::new).
            #[must_use]
            pub const fn from_static(text: &'static str) -> Self {
                let bytes = text.as_bytes();
                let mut at = 0;
                while at < bytes.len() {
                    assert!($allows(bytes[at]), concat!("a character that can't stand in an ", $field));
                    at += 1;
                }
                Self(Text::from_static(text))
            }

            /// A text that was read from a stream, and is therefore allowed.
            pub(crate) const fn trusted(text: Text) -> Self {
                Self(text)
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }

            /// The text in its shared bytes.
            #[must_use]
            pub const fn text(&self) -> &Text {
                &self.0
            }
        }

        impl TryFrom<&str> for $type {
            type Error = FieldError;

            fn try_from(text: &str) -> Result<Self, FieldError> {
                Self::new(text)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

field!(EventName, "event name", stands_in_name);
field!(EventId, "event ID", stands_in_id);

const fn stands_in_name(byte: u8) -> bool {
    byte != b'\r' && byte != b'\n'
}

const fn stands_in_id(byte: u8) -> bool {
    stands_in_name(byte) && byte != 0
}
