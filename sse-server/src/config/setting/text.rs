//! Texts that something else has to understand.

use super::{Given, Setting};

/// What a text may be.
#[derive(Clone, Copy)]
pub(in crate::config) enum TextRule {
    Host,
    Origin,
    OriginOrAny,
    LogFilter,
}

impl TextRule {
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

    const fn allowed_in_table(self) -> &'static str {
        match self {
            Self::Host => "names or addresses",
            Self::Origin => "an origin",
            Self::OriginOrAny => "origins, or `*`",
            Self::LogFilter => "a level or a filter",
        }
    }
}

impl Setting for String {
    type Takes = TextRule;

    fn read(given: &Given, takes: &TextRule) -> Option<Self> {
        given.text().filter(|text| takes.accepts(text)).map(ToOwned::to_owned)
    }

    fn show(&self) -> toml::Value {
        self.as_str().into()
    }

    fn allowed(takes: &TextRule) -> String {
        takes.allowed().into()
    }

    fn allowed_in_table(takes: &TextRule) -> String {
        takes.allowed_in_table().into()
    }
}

impl Setting for Option<String> {
    type Takes = TextRule;

    fn read(given: &Given, takes: &TextRule) -> Option<Self> {
        match given.text()? {
            "" => Some(None),
            _ => String::read(given, takes).map(Some),
        }
    }

    fn show(&self) -> toml::Value {
        self.as_deref().unwrap_or_default().into()
    }

    fn allowed(takes: &TextRule) -> String {
        format!("{}, or nothing", takes.allowed())
    }

    fn allowed_in_table(takes: &TextRule) -> String {
        format!("{}, or nothing", takes.allowed_in_table())
    }
}

/// A list, or one text with commas, which is the only form that the environment has.
impl Setting for Vec<String> {
    type Takes = TextRule;

    fn read(given: &Given, takes: &TextRule) -> Option<Self> {
        let texts: Vec<_> = match given {
            Given::Text(text) => text.split(',').collect(),
            Given::List(list) if list.iter().any(|text| text.contains(',')) => return None,
            Given::List(list) => list.iter().map(String::as_str).collect(),
            Given::Tables(_) => return None,
        };
        let texts = texts.into_iter().map(str::trim).filter(|text| !text.is_empty());
        texts.map(|text| takes.accepts(text).then(|| text.to_owned())).collect()
    }

    fn show(&self) -> toml::Value {
        toml::Value::Array(self.iter().map(|text| text.as_str().into()).collect())
    }

    fn allowed(takes: &TextRule) -> String {
        takes.allowed().into()
    }

    fn allowed_in_table(takes: &TextRule) -> String {
        takes.allowed_in_table().into()
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
