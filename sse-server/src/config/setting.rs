//! A setting: a value that reads from and prints as text.
//!
//! Each type that a key can have implements [`Setting`] once, below.

mod choice;
mod number;
mod plain;
mod text;
mod time;
mod value;

pub(super) use choice::{Choice, choices};
pub(super) use number::Numbers::{Bytes, Count};
pub(super) use text::{TextRule, is_url};
pub(super) use value::Given;

/// A value that a key stands for.
pub(super) trait Setting: Sized {
    /// What bounds the values of a key.
    type Takes;

    /// The names that the value can have, if there is no other value.
    const CHOICES: &'static [Choice] = &[];

    /// Reads a value. Returns `None` if it is not allowed.
    fn read(given: &Given, takes: &Self::Takes) -> Option<Self>;

    /// The value as TOML, from which [`read`](Self::read) makes the same value.
    fn show(&self) -> toml::Value;

    /// What is allowed, as a refusal says it: "it takes …".
    fn allowed(takes: &Self::Takes) -> String;

    /// What is allowed, as a cell of a table says it.
    fn allowed_in_table(takes: &Self::Takes) -> String {
        Self::allowed(takes)
    }

    /// The value in units that are easier to read than those of the TOML, if there are any.
    fn in_units(&self, _takes: &Self::Takes) -> Option<String> {
        None
    }
}
