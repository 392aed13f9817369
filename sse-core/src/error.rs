//! What can be wrong with a field.

use core::fmt;

/// A text holds a character that an event name or an event ID can't have. Refuse the text, or remove the character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldError {
    field: &'static str,
    byte: u8,
    at: usize,
}

impl FieldError {
    pub(crate) const fn new(field: &'static str, byte: u8, at: usize) -> Self {
        Self { field, byte, at }
    }

    /// The field: `event name` or `event ID`.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }

    /// Where the character is, in bytes from the start of the text.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.at
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, byte, at } = self;
        let character = match byte {
            b'\r' => "a carriage return",
            b'\n' => "a line feed",
            _ => "a NUL",
        };
        write!(f, "the {field} holds {character} at byte {at}, which can't be sent in that field")
    }
}

impl core::error::Error for FieldError {}
