//! Why a chore cannot go on.

use std::fmt;

/// One sentence that says what went wrong and, where the user can do something, what to do.
#[derive(Debug)]
pub(crate) struct Failure(String);

/// What every function that touches the machine returns.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
