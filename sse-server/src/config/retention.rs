//! `[[store.retention]]`: what is retained of some topics.

use std::{fmt, time::Duration};

use super::setting::{Given, Setting};
use sse_engine::{Selector, TopicError};

/// What is retained of each topic that a selector matches, within the bounds of the whole log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    pub(crate) selector: Selector,
    /// Events; 0 is no bound.
    pub events: usize,
    /// Bytes; 0 is no bound.
    pub bytes: usize,
    /// How long; zero is no bound.
    pub age: Duration,
    /// Only the last event, which stands for all before it: what it supersedes is not a loss.
    pub last_only: bool,
}

/// Why a text is no topic or pattern: a sentence that says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionError(TopicError);

impl Retention {
    /// No bounds yet, for each topic that a topic or pattern matches.
    ///
    /// # Errors
    ///
    /// If `selector` is neither a topic nor a pattern.
    pub fn of(selector: &str) -> Result<Self, RetentionError> {
        let selector = Selector::new(selector).map_err(RetentionError)?;
        Ok(Self { selector, events: 0, bytes: 0, age: Duration::ZERO, last_only: false })
    }

    /// Reads a table.
    fn read(table: &[(String, String)]) -> Option<Self> {
        let topic = table.iter().find(|(name, _)| name == "topic")?;
        let mut rule = Self::of(&topic.1).ok()?;
        for (name, value) in table {
            match name.as_str() {
                "topic" => {}
                "events" => rule.events = value.parse().ok()?,
                "bytes" => rule.bytes = value.parse().ok()?,
                "age" => rule.age = humantime::parse_duration(value).ok()?,
                "last_only" => rule.last_only = value.parse().ok()?,
                _ => return None,
            }
        }
        Some(rule)
    }

    /// The table as it would be given.
    fn show(&self) -> toml::Value {
        let mut table = toml::Table::new();
        table.insert("topic".into(), self.selector.to_string().into());
        if self.events > 0 {
            table.insert("events".into(), self.events.show());
        }
        if self.bytes > 0 {
            table.insert("bytes".into(), self.bytes.show());
        }
        if self.age > Duration::ZERO {
            table.insert("age".into(), self.age.show());
        }
        if self.last_only {
            table.insert("last_only".into(), true.into());
        }
        toml::Value::Table(table)
    }
}

impl Setting for Vec<Retention> {
    type Takes = ();

    fn read(given: &Given, (): &()) -> Option<Self> {
        match given {
            Given::Tables(tables) => tables.iter().map(|table| Retention::read(table)).collect(),
            Given::List(list) if list.is_empty() => Some(Self::new()),
            Given::List(_) | Given::Text(_) => None,
        }
    }

    fn show(&self) -> toml::Value {
        toml::Value::Array(self.iter().map(Retention::show).collect())
    }

    fn allowed((): &()) -> String {
        "tables [[store.retention]] with topic, and any of events, bytes (whole numbers), age (such as 10m), last_only \
         (true or false)"
            .into()
    }

    fn allowed_in_table((): &()) -> String {
        "tables, in the file only".into()
    }
}

impl fmt::Display for RetentionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for RetentionError {}
