//! Failures of the store, as the public API reports them.

use std::{error, fmt, sync::Arc};

use super::StoreError;

/// Why the store did not do what it was asked. The text names the file, where there is one, and says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFailure {
    cause: Cause,
    text: Arc<str>,
}

/// The causes that the predicates of [`StoreFailure`] distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    Missing,
    InUse,
    Damaged,
    Temporary,
    Other,
}

impl StoreFailure {
    pub(crate) fn new(cause: Cause, text: impl Into<Arc<str>>) -> Self {
        Self { cause, text: text.into() }
    }

    /// Returns true if there is no log where one is needed.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.cause == Cause::Missing
    }

    /// Returns true if another process uses the log.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        self.cause == Cause::InUse
    }

    /// Returns true if the file is damaged. It was not changed.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.cause == Cause::Damaged
    }

    /// Returns true if the store tries again by itself, so that the same may succeed later: the disk is full, for
    /// example.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.cause == Cause::Temporary
    }
}

impl From<StoreError> for StoreFailure {
    fn from(error: StoreError) -> Self {
        let cause = if let StoreError::Unavailable(_) | StoreError::Stalled(_) = error {
            Cause::Temporary
        } else {
            Cause::Other
        };
        Self::new(cause, error.to_string())
    }
}

impl fmt::Display for StoreFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl error::Error for StoreFailure {}
