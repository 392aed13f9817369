//! Typed events: an externally tagged enum is the schema.
//!
//! The variant's name is the event's name, its content is the data, always as JSON: a newtype variant its value, a
//! tuple variant an array, a struct variant an object. A unit variant has empty data, and is read from empty data or
//! `null`. Other ways to tag an enum (`tag`, `untagged`) give no event names, so [`Schema::new`] refuses them.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use sse_core::typed::{self, Schema};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! #[serde(rename_all = "snake_case")]
//! enum Chat {
//!     Joined { user: String },
//!     Said(String),
//!     Closed,
//! }
//!
//! let event = typed::encode(&Chat::Said("hi".into()))?.build();
//! assert_eq!(event.to_bytes(), "event: said\ndata: \"hi\"\n\n");
//!
//! let schema = Schema::<Chat>::new()?;
//! assert_eq!(schema.names(), ["joined", "said", "closed"]);
//! assert_eq!(schema.decode("joined", r#"{"user":"ann"}"#)?, Chat::Joined { user: "ann".into() });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod decode;
mod encode;
mod error;
mod names;

use core::{fmt, marker::PhantomData};

use serde::{Serialize, de::DeserializeOwned};

use crate::{EventBuilder, EventName};

pub use error::{DecodeError, EncodeError, SchemaError};

/// The events that an externally tagged enum describes.
pub struct Schema<T> {
    names: &'static [&'static str],
    of: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Schema<T> {
    /// Takes the names from the `Deserialize` implementation of `T`.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] if the type is not an externally tagged enum, or has a name that an event can't have.
    pub fn new() -> Result<Self, SchemaError> {
        let names = names::of::<T>().ok_or(SchemaError::NotExternallyTagged)?;
        match names.iter().find(|name| name.is_empty() || EventName::new(**name).is_err()) {
            Some(name) => Err(SchemaError::Name(name)),
            None => Ok(Self { names, of: PhantomData }),
        }
    }

    /// The names of the events, which a browser has to listen for. They include aliases and, if a variant is
    /// `#[serde(other)]`, its name, since serde lists them all. An event of that name is read like any unit variant, so
    /// its data has to be empty or `null`; an event of an unknown name may have any data.
    #[must_use]
    pub const fn names(&self) -> &'static [&'static str] {
        self.names
    }

    /// Reads an event of the given `name` and `data`.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Name`] if no variant has that name (and none is `#[serde(other)]`), [`DecodeError::Data`] if the
    /// data is not that variant's.
    pub fn decode(&self, name: &str, data: &str) -> Result<T, DecodeError> {
        decode::decode(name, data)
    }
}

impl<T> fmt::Debug for Schema<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").field("names", &self.names).finish()
    }
}

/// Begins an event with the name and data of `value`, which is a variant of an externally tagged enum.
///
/// # Errors
///
/// [`EncodeError`] if `value` does not serialize as a variant, or the variant's name can't be an event name.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<EventBuilder, EncodeError> {
    encode::encode(value)
}
