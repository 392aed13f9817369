//! The kinds of settings: how each reads and prints, and what it allows.

use std::{fmt, net::SocketAddr, ops::RangeInclusive, path::PathBuf, time::Duration};

use super::{Retention, retention};

/// A value that a key stands for, and what it may be.
pub(super) enum Field<'a> {
    Address(&'a mut SocketAddr),
    OptionalAddress(&'a mut Option<SocketAddr>),
    Number(&'a mut usize, RangeInclusive<usize>),
    Time(&'a mut Duration, RangeInclusive<Duration>),
    Flag(&'a mut bool),
    Text(&'a mut String, Check),
    OptionalText(&'a mut Option<String>, Check),
    List(&'a mut Vec<String>, Check),
    Path(&'a mut PathBuf),
    Retention(&'a mut Vec<Retention>),
    Choice(&'a mut dyn Choice),
}

/// Goes over all keys.
pub(super) trait Visitor {
    type Error;

    fn section(&mut self, name: &'static str, about: &'static str);

    fn key(&mut self, name: &'static str, about: &'static str, field: Field<'_>) -> Result<(), Self::Error>;
}

/// One of a few names.
pub(super) trait Choice {
    fn names(&self) -> &'static [&'static str];
    fn name(&self) -> &'static str;
    fn choose(&mut self, name: &str) -> bool;
}

/// Defines an enum whose variants have names in the configuration. The first is the default.
macro_rules! choices {
    ($(#[$meta:meta])* pub enum $type:ident { $first:ident = $first_name:literal $(, $variant:ident = $name:literal)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub enum $type {
            #[doc = concat!("`", $first_name, "`, the default.")]
            #[default]
            $first,
            $(#[doc = concat!("`", $name, "`.")] $variant,)*
        }

        impl $type {
            fn field(&mut self) -> Field<'_> {
                Field::Choice(self)
            }
        }

        impl setting::Choice for $type {
            fn names(&self) -> &'static [&'static str] {
                &[$first_name $(, $name)*]
            }

            fn name(&self) -> &'static str {
                match self {
                    Self::$first => $first_name,
                    $(Self::$variant => $name,)*
                }
            }

            fn choose(&mut self, name: &str) -> bool {
                match name {
                    $first_name => *self = Self::$first,
                    $($name => *self = Self::$variant,)*
                    _ => return false,
                }
                true
            }
        }
    };
}
pub(super) use choices;

/// What a text may be.
#[derive(Clone, Copy)]
pub(super) enum Check {
    Host,
    Origin,
    OriginOrAny,
    LogFilter,
}

impl Check {
    fn accepts(self, text: &str) -> bool {
        match self {
            Self::Host => is_host(text),
            Self::Origin => is_origin(text),
            Self::OriginOrAny => text == "*" || is_origin(text),
            Self::LogFilter => tracing_subscriber::EnvFilter::try_new(text).is_ok(),
        }
    }

    const fn allowed(self) -> &'static str {
        match self {
            Self::Host => "a host name or address without port, such as hub.example or [2001:db8::7]",
            Self::Origin => "an origin, such as https://hub.example",
            Self::OriginOrAny => "origins, such as https://app.example, or *",
            Self::LogFilter => "a level (error, warn, info, debug, trace) or a filter such as sse_server=debug",
        }
    }
}

/// Scheme, host and perhaps a port, as a browser writes an origin: lower case and nothing behind it.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else { return false };
    let plain = uri.path() == "/" && uri.query().is_none() && !text.ends_with('/') && !text.contains('@');
    let default_port = match uri.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return false,
    };
    let port = uri.port_u16() != Some(default_port); // which a browser leaves out
    plain && port && uri.host().is_some() && text == text.to_ascii_lowercase()
}

/// A name, or an address, which has brackets if it is IPv6.
fn is_host(text: &str) -> bool {
    match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !text.is_empty() && !text.contains(['/', ':', ' ', '*', '@', '[', ']']),
    }
}

/// A value as it was given, before anyone knows what it is for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    Text(String),
    List(Vec<String>),
    Tables(Vec<Vec<(String, String)>>),
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

impl Field<'_> {
    /// Takes the value, or says what is allowed.
    pub(super) fn set(self, given: &Given) -> Result<(), String> {
        let allowed = self.allowed();
        self.try_set(given).ok_or(allowed)
    }

    fn try_set(self, given: &Given) -> Option<()> {
        if let Field::Retention(rules) = self {
            *rules = retention::read(given)?;
            return Some(());
        }
        let text = match given {
            Given::Text(text) => text.trim().to_owned(),
            // the file's own lists read like the environment's, which are one text
            Given::List(list) if matches!(self, Field::List(..)) && !list.iter().any(|text| text.contains(',')) => {
                list.join(",")
            }
            Given::List(_) | Given::Tables(_) => return None,
        };
        let text = text.as_str();
        match self {
            Field::Address(address) => *address = text.parse().ok()?,
            Field::OptionalAddress(address) => {
                *address = if text.is_empty() { None } else { Some(text.parse().ok()?) };
            }
            Field::Number(number, range) => {
                *number = text.parse().ok().filter(|n| range.contains(n))?;
            }
            Field::Time(time, range) => {
                *time = humantime::parse_duration(text).ok().filter(|time| range.contains(time))?;
            }
            Field::Flag(flag) => *flag = text.parse().ok()?,
            Field::Text(value, check) => {
                *value = Some(text.to_owned()).filter(|text| check.accepts(text))?;
            }
            Field::OptionalText(value, check) => {
                *value = if text.is_empty() { None } else { Some(text.to_owned()).filter(|text| check.accepts(text)) };
                (text.is_empty() || value.is_some()).then_some(())?;
            }
            Field::List(list, check) => {
                let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
                *list = texts.map(|text| check.accepts(text).then(|| text.to_owned())).collect::<Option<_>>()?;
            }
            Field::Path(path) => *path = text.into(),
            Field::Retention(_) => return None,
            Field::Choice(choice) => choice.choose(text).then_some(())?,
        }
        Some(())
    }

    fn allowed(&self) -> String {
        match self {
            Field::Address(_) => "an address and port, such as 127.0.0.1:8080".into(),
            Field::OptionalAddress(_) => "an address and port, such as 127.0.0.1:8081, or nothing".into(),
            Field::Number(_, range) => {
                format!("a whole number from {} to {}", range.start(), range.end())
            }
            Field::Time(_, range) => {
                let show = |time: &Duration| humantime::format_duration(*time).to_string();
                format!("a time such as 15s, from {} to {}", show(range.start()), show(range.end()))
            }
            Field::Flag(_) => "true or false".into(),
            Field::Text(_, check) | Field::List(_, check) => check.allowed().into(),
            Field::OptionalText(_, check) => format!("{}, or nothing", check.allowed()),
            Field::Path(_) => "a path".into(),
            Field::Retention(_) => retention::ALLOWED.into(),
            Field::Choice(choice) => choice.names().join(" or "),
        }
    }

    /// The value as it would be given.
    pub(super) fn given(&self) -> Given {
        match self.show() {
            toml::Value::String(text) => Given::Text(text),
            toml::Value::Array(list) if matches!(self, Field::Retention(_)) => {
                let text = |value: &toml::Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
                let tables = list.iter().filter_map(toml::Value::as_table);
                Given::Tables(
                    tables
                        .map(|table| table.iter().map(|(name, value)| (name.clone(), text(value))).collect())
                        .collect(),
                )
            }
            toml::Value::Array(list) => {
                Given::List(list.iter().filter_map(|text| text.as_str()).map(ToOwned::to_owned).collect())
            }
            other => Given::Text(other.to_string()),
        }
    }

    /// The value as TOML.
    pub(super) fn show(&self) -> toml::Value {
        match self {
            Field::Address(address) => address.to_string().into(),
            Field::OptionalAddress(address) => address.map(|address| address.to_string()).unwrap_or_default().into(),
            Field::Number(number, _) => toml::Value::Integer(i64::try_from(**number).unwrap_or(i64::MAX)),
            Field::Time(time, _) => humantime::format_duration(**time).to_string().into(),
            Field::Flag(flag) => (**flag).into(),
            Field::Text(text, _) => text.as_str().into(),
            Field::OptionalText(text, _) => text.as_deref().unwrap_or_default().into(),
            Field::List(list, _) => toml::Value::Array(list.iter().map(|text| text.as_str().into()).collect()),
            Field::Path(path) => path.display().to_string().into(),
            Field::Retention(rules) => retention::show(rules),
            Field::Choice(choice) => choice.name().into(),
        }
    }
}

/// Breaks a sentence into lines of at most `width` characters.
pub(super) fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
