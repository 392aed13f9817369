//! Texts that something else has to understand.

use http::{HeaderName, Uri};
use sse_engine::Selector;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::{Given, Setting};
use crate::{
    base::network,
    config::{host::HostPattern, origin::OriginPattern},
};

/// What a text may be.
#[derive(Clone, Copy)]
pub(in crate::config) enum TextRule {
    Host,
    Origin,
    OriginPattern,
    HeaderName,
    ParameterName,
    CookieName,
    Selector,
    LogFilter,
    Network,
    FileMode,
    Url,
}

impl TextRule {
    /// The text in the one form that it has, if it is allowed.
    fn read(self, text: &str) -> Option<String> {
        match self {
            Self::Host => HostPattern::parse(text).map(|host| host.to_string()),
            Self::Origin => OriginPattern::http(text),
            Self::OriginPattern => OriginPattern::parse(text).map(|origin| origin.to_string()),
            Self::HeaderName => {
                let name = HeaderName::from_bytes(text.as_bytes()).ok()?;
                (!text.contains('*')).then(|| name.as_str().to_owned())
            }
            Self::ParameterName => {
                let allowed = |character: char| !character.is_whitespace() && !character.is_control();
                (!text.contains(['*', '&', '=', '#']) && text.chars().all(allowed)).then(|| text.to_owned())
            }
            Self::CookieName => {
                // a token of RFC 9110, as the name of a header is
                HeaderName::from_bytes(text.as_bytes()).is_ok().then(|| text.to_owned())
            }
            Self::Selector => Selector::new(text).is_ok().then(|| text.to_owned()),
            Self::LogFilter => is_log_filter(text).then(|| text.to_owned()),
            Self::Network if text == network::UNIX => Some(text.to_owned()),
            Self::Network => network::parse(text).map(|network| network.trunc().to_string()),
            Self::FileMode => is_file_mode(text).then(|| text.to_owned()),
            Self::Url => is_url(text).then(|| text.to_owned()),
        }
    }

    const fn allowed(self) -> &'static str {
        match self {
            Self::Host => {
                "a host name or address without port, such as hub.example or [2001:db8::7], or one leading `*.` before a \
                 name of two labels or more, such as *.hub.example"
            }
            Self::Origin => "an origin, such as https://hub.example",
            Self::OriginPattern => {
                "origins as a browser sends them, without path or default port, such as https://app.example or \
                 tauri://localhost; one leading `*.` before a name of two labels or more, such as \
                 https://*.app.example; null; or *"
            }
            Self::HeaderName => "names of request headers, such as x-request-id, without wildcards",
            Self::ParameterName => "names of query parameters, such as token, without wildcards",
            Self::CookieName => "the name of a cookie, such as __Host-sse",
            Self::Selector => "topics and patterns, such as news/** or news/*/today",
            Self::Network => "addresses and networks, such as 10.0.0.0/8 or 2001:db8::7, and unix",
            Self::FileMode => "the mode of a file in octal digits, such as 660",
            Self::Url => "an address, such as http://127.0.0.1:3000/access, without a fragment or a password",
            Self::LogFilter => "a level (error, warn, info, debug, trace) or a filter such as sse_server=debug",
        }
    }

    const fn allowed_in_table(self) -> &'static str {
        match self {
            Self::Host => "names, `*.` and a name, or addresses",
            Self::Origin => "an origin",
            Self::OriginPattern => "origins, with `*.` before the name if wanted, `null`, or `*`",
            Self::HeaderName => "names of headers",
            Self::ParameterName => "names of parameters",
            Self::CookieName => "the name of a cookie",
            Self::Selector => "topics and patterns",
            Self::LogFilter => "a level or a filter",
            Self::Network => "addresses and networks, `unix`",
            Self::FileMode => "three octal digits",
            Self::Url => "an address",
        }
    }
}

fn is_file_mode(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'))
}

/// Returns true if `text` is an address that can be asked, without a fragment or a password.
pub(in crate::config) fn is_url(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && !has_user && !text.contains('#')
}

/// Returns true if `text` is a level or a list of levels of targets. What else [`Targets`] takes most likely matches nothing: a
/// word that is no level, a target with white space, a span.
fn is_log_filter(text: &str) -> bool {
    let is_level = |text: &str| !text.is_empty() && text.parse::<LevelFilter>().is_ok();
    let is_known = |part: &str| match part.split_once('=') {
        Some((target, level)) => !target.is_empty() && is_level(level),
        None => is_level(part),
    };
    let is_odd = |character: char| character.is_whitespace() || character == '[';
    !text.contains(is_odd) && text.split(',').all(is_known) && text.parse::<Targets>().is_ok()
}

impl Setting for String {
    type Takes = TextRule;

    fn read(given: &Given, takes: &TextRule) -> Option<Self> {
        takes.read(given.text()?)
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

/// A list, or one text with commas.
impl Setting for Vec<String> {
    type Takes = TextRule;

    fn read(given: &Given, takes: &TextRule) -> Option<Self> {
        given.texts()?.into_iter().map(|text| takes.read(text)).collect()
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
