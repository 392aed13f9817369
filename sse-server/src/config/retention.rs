//! `[[store.retention]]`: what is retained of some topics.

use std::time::Duration;

use super::{Retention, setting::Given};

/// What a table may hold, as a refusal says it.
pub(super) const ALLOWED: &str = "tables [[store.retention]] with topic, and any of events, bytes (whole numbers), age (such as 10m), last_only \
     (true or false)";

/// Reads the tables of one list.
pub(super) fn read(given: &Given) -> Option<Vec<Retention>> {
    match given {
        Given::Tables(tables) => tables.iter().map(|table| read_one(table)).collect(),
        Given::List(list) if list.is_empty() => Some(Vec::new()),
        Given::List(_) | Given::Text(_) => None,
    }
}

fn read_one(table: &[(String, String)]) -> Option<Retention> {
    let topic = table.iter().find(|(name, _)| name == "topic")?;
    let mut rule = Retention::of(&topic.1).ok()?;
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

/// The tables as they would be given.
pub(super) fn show(rules: &[Retention]) -> toml::Value {
    let number = |number: usize| toml::Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    let table = |rule: &Retention| {
        let mut table = toml::Table::new();
        table.insert("topic".into(), rule.selector.to_string().into());
        if rule.events > 0 {
            table.insert("events".into(), number(rule.events));
        }
        if rule.bytes > 0 {
            table.insert("bytes".into(), number(rule.bytes));
        }
        if rule.age > Duration::ZERO {
            table.insert("age".into(), humantime::format_duration(rule.age).to_string().into());
        }
        if rule.last_only {
            table.insert("last_only".into(), true.into());
        }
        toml::Value::Table(table)
    };
    toml::Value::Array(rules.iter().map(table).collect())
}
