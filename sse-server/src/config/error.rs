//! What can be wrong with a configuration.

use std::{borrow::Cow, fmt};

/// What is wrong with the configuration, in one line: the key, its value, where it came from and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    key: Option<String>,
    origin: Option<String>,
    reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    /// A source can't be read, for a reason that holds for all of it.
    Unreadable(String),
    /// The value is of no kind that a key could have.
    Kind,
    Unknown {
        value: String,
    },
    NotAllowed {
        value: String,
        allowed: String,
    },
    /// The value is allowed, but not beside that of another key.
    Conflict(Cow<'static, str>),
}

impl ConfigError {
    /// The key, such as `stream.heartbeat`, or `None` if a whole source can't be read.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Where the value came from: the path of a file, `the environment` or a flag. `None` if a program has set it.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Returns true if there is no such key.
    #[must_use]
    pub fn is_unknown_key(&self) -> bool {
        matches!(self.reason, Reason::Unknown { .. })
    }

    /// Returns true if a source as a whole can't be read: a file that is not there or not TOML, for example.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        matches!(self.reason, Reason::Unreadable(_))
    }

    pub(super) fn unreadable(origin: &str, reason: &str) -> Self {
        let one_line = reason.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { key: None, origin: Some(origin.to_owned()), reason: Reason::Unreadable(one_line) }
    }

    pub(super) fn kind(key: &str, origin: &str) -> Self {
        Self { key: Some(key.to_owned()), origin: Some(origin.to_owned()), reason: Reason::Kind }
    }

    pub(super) fn unknown(key: &str, value: &impl fmt::Display, origin: &str) -> Self {
        let reason = Reason::Unknown { value: value.to_string() };
        Self { key: Some(key.to_owned()), origin: Some(origin.to_owned()), reason }
    }

    pub(super) fn not_allowed(key: String, value: &impl fmt::Display, origin: Option<&str>, allowed: String) -> Self {
        let reason = Reason::NotAllowed { value: value.to_string(), allowed };
        Self { key: Some(key), origin: origin.map(ToOwned::to_owned), reason }
    }

    /// `rule` begins behind the key's name.
    pub(super) fn conflict(key: &str, rule: impl Into<Cow<'static, str>>) -> Self {
        Self { key: Some(key.to_owned()), origin: None, reason: Reason::Conflict(rule.into()) }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key.as_deref().unwrap_or_default())?;
        let from = self.origin.as_ref().map(|origin| format!(" (from {origin})")).unwrap_or_default();
        match &self.reason {
            Reason::Unreadable(reason) => write!(f, "{}: {reason}", self.origin.as_deref().unwrap_or_default()),
            Reason::Kind => write!(f, "{from}: a text, number or list is wanted"),
            Reason::Unknown { value } => {
                write!(f, " = {value}{from}: there is no such key; --print-config lists them all")
            }
            Reason::NotAllowed { value, allowed } => write!(f, " = {value}{from}: not allowed; it takes {allowed}"),
            Reason::Conflict(rule) => write!(f, " {rule}"),
        }
    }
}

impl std::error::Error for ConfigError {}
