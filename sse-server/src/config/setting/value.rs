//! A value as it was given, before anyone knows what it is for.

use std::fmt;

/// A value as it was given.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::config) enum Given {
    Text(String),
    List(Vec<String>),
    /// Tables, each with its members in order.
    Tables(Vec<Vec<(String, String)>>),
}

impl Given {
    /// A single value.
    pub(in crate::config) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.trim()),
            Self::List(_) | Self::Tables(_) => None,
        }
    }

    /// A list, or one text with commas, which is the only form that the environment has. What is empty is left out.
    pub(in crate::config) fn texts(&self) -> Option<Vec<&str>> {
        let texts: Vec<_> = match self {
            Self::Text(text) => text.split(',').collect(),
            Self::List(list) if list.iter().any(|text| text.contains(',')) => return None,
            Self::List(list) => list.iter().map(String::as_str).collect(),
            Self::Tables(_) => return None,
        };
        Some(texts.into_iter().map(str::trim).filter(|text| !text.is_empty()).collect())
    }
}

impl From<toml::Value> for Given {
    fn from(value: toml::Value) -> Self {
        let text = |value: toml::Value| match value {
            toml::Value::String(text) => text,
            other => other.to_string(),
        };
        let member = |value: toml::Value| match value {
            toml::Value::Array(list) => list.into_iter().map(text).collect::<Vec<_>>().join("\n"),
            other => text(other),
        };
        match value {
            toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => {
                let tables = list.into_iter().filter_map(|value| match value {
                    toml::Value::Table(table) => Some(table),
                    _ => None,
                });
                Self::Tables(
                    tables
                        .map(|table| table.into_iter().map(|(name, value)| (name, member(value))).collect())
                        .collect(),
                )
            }
            toml::Value::Array(list) => Self::List(list.into_iter().map(text).collect()),
            other => Self::Text(text(other)),
        }
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::List(list) => write!(f, "{list:?}"),
            Self::Tables(tables) => {
                let table = |table: &Vec<(String, String)>| {
                    let members: Vec<_> = table.iter().map(|(name, value)| format!("{name} = {value:?}")).collect();
                    format!("{{ {} }}", members.join(", "))
                };
                write!(f, "[{}]", tables.iter().map(table).collect::<Vec<_>>().join(", "))
            }
        }
    }
}
