//! What can be wrong with a schema, a value or an event.

use core::fmt;

use alloc::string::String;

/// Why a type can't be a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaError {
    /// The type is not an enum, or is tagged internally, adjacently or not at all. Use serde's default.
    NotExternallyTagged,
    /// A variant's name is empty or holds CR or LF. Rename the variant.
    Name(&'static str),
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotExternallyTagged => f.write_str(
                "the type is not an externally tagged enum (serde's default: no `tag`, `content` or `untagged`), \
                 so its variants are not event names",
            ),
            Self::Name(name) => write!(f, "the variant name {name:?} can't be an event name; rename it"),
        }
    }
}

impl core::error::Error for SchemaError {}

/// Why a value can't be an event.
#[derive(Debug)]
#[non_exhaustive]
pub enum EncodeError {
    /// The value did not serialize as a variant of an externally tagged enum.
    NotAVariant,
    /// The variant's name is empty or holds CR or LF. Rename the variant.
    Name(&'static str),
    /// The content did not serialize as JSON.
    Data(serde_json::Error),
    /// The type's `Serialize` implementation failed.
    Custom(String),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAVariant => f.write_str("the value is not a variant of an externally tagged enum"),
            Self::Name(name) => {
                write!(f, "the variant name {name:?} can't be an event name; rename it")
            }
            Self::Data(error) => write!(f, "the content can't be written as JSON: {error}"),
            Self::Custom(message) => f.write_str(message),
        }
    }
}

impl core::error::Error for EncodeError {}

/// Why an event can't be a value of the type.
#[derive(Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// No variant has the event's name.
    Name(String),
    /// The data is not the content of that variant.
    Data(serde_json::Error),
    /// A unit variant came with data.
    Unit,
    /// The type's `Deserialize` implementation failed.
    Custom(String),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "no variant is named {name:?}"),
            Self::Data(error) => write!(f, "the data does not fit its variant: {error}"),
            Self::Unit => f.write_str("the variant has no content, but the event has data"),
            Self::Custom(message) => f.write_str(message),
        }
    }
}

impl core::error::Error for DecodeError {}
