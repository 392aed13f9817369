//! The patterns of origins that the configuration takes.

use std::fmt;

use super::host::{Host, is_below, is_in_label, name_below, port_number, split_port};

/// The origins that an entry of `cors.origins` allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OriginPattern {
    /// Every origin but `null`.
    Any,
    /// Pages without an origin of their own.
    Null,
    Exactly(String),
    /// The origins of one scheme and port whose host has a label or more before `name`.
    Below {
        scheme: String,
        name: String,
        /// With its colon; empty for the scheme's own.
        port: String,
    },
}

impl OriginPattern {
    /// Reads an entry of `cors.origins`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "*" => return Some(Self::Any),
            "null" => return Some(Self::Null),
            "file://" => return Some(Self::Exactly(text.to_owned())), // some web views send it
            _ => {}
        }
        let (scheme, authority) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let mut letters = scheme.bytes();
        let is_scheme = letters.next()?.is_ascii_lowercase()
            && letters.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte));
        let default_port = match scheme.as_str() {
            "http" => Some(80),
            "https" => Some(443),
            "file" | "ws" | "wss" => return None, // no page has such an origin
            _ => None,
        };
        let (host, port) = split_port(authority)?;
        let number = port_number(port)?;
        // A browser leaves the scheme's own port out.
        let port_is_plain = match port {
            "" => true,
            _ => number.is_some_and(|number| Some(number) != default_port && port == format!(":{number}")),
        };
        if !is_scheme || !port_is_plain {
            return None;
        }
        let port = port.to_owned();
        if let Some(name) = host.strip_prefix("*.") {
            return name_below(name).map(|name| Self::Below { scheme, name, port });
        }
        let host = match default_port {
            Some(_) => Host::configured(host)?.to_string(),
            // the host of such a scheme is an identifier of the program, and stays as it is
            None if !host.is_empty() && host.bytes().all(|byte| is_in_label(byte) || byte == b'.') => host.to_owned(),
            None => return None,
        };
        Some(Self::Exactly(format!("{scheme}://{host}{port}")))
    }

    /// Reads `server.public_origin`, which is one origin over HTTP.
    pub(crate) fn http(text: &str) -> Option<String> {
        match Self::parse(text) {
            Some(Self::Exactly(origin)) if origin.starts_with("http://") || origin.starts_with("https://") => {
                Some(origin)
            }
            _ => None,
        }
    }

    /// Returns true if `origin`, as a browser sends it, is one of these. For [`Any`](Self::Any) and
    /// [`Null`](Self::Null) that is no consent to credentials.
    pub(crate) fn matches(&self, origin: &str) -> bool {
        match self {
            Self::Any => origin != "null",
            Self::Null => origin == "null",
            Self::Exactly(own) => own == origin,
            Self::Below { scheme, name, port } => {
                let authority = origin.strip_prefix(scheme.as_str()).and_then(|rest| rest.strip_prefix("://"));
                authority.and_then(|text| text.strip_suffix(port.as_str())).is_some_and(|host| is_below(host, name))
            }
        }
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Null => f.write_str("null"),
            Self::Exactly(origin) => f.write_str(origin),
            Self::Below { scheme, name, port } => write!(f, "{scheme}://*.{name}{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_as_browsers_send_them() {
        for (text, expected) in [
            ("https://app.example", "https://app.example"),
            ("HTTPS://App.Example:8443", "https://app.example:8443"),
            ("https://Bücher.example", "https://xn--bcher-kva.example"),
            ("http://[2001:DB8::7]:3000", "http://[2001:db8::7]:3000"),
            ("tauri://localhost", "tauri://localhost"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
            ("moz-extension://0a1b-2c", "moz-extension://0a1b-2c"),
            ("app://obsidian.md", "app://obsidian.md"),
            ("file://", "file://"),
            ("null", "null"),
            ("*", "*"),
            ("https://*.App.Example", "https://*.app.example"),
            ("http://*.localhost:5173", "http://*.localhost:5173"),
        ] {
            assert_eq!(OriginPattern::parse(text).map(|text| text.to_string()).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "app.example",
            "https://",
            "https://app.example/",
            "https://app.example:443",
            "http://a.example:80",
            "https://app.example:0443",
            "https://app.example:",
            "https://a.example:99999",
            "https://me@app.example",
            "https://*",
            "https://*.com",
            "https://*.*.example.com",
            "https://app.*.example",
            "https://*app.example",
            "*.example.com",
            "*://app.example",
            "file:///home",
            "file://host",
            "wss://app.example",
            "tauri://",
            "tauri://local/host",
            "://a",
            "1a://b",
            "https://a.example?x",
            "https://a.example#x",
            "NULL",
        ] {
            assert_eq!(OriginPattern::parse(text), None, "{text:?}");
        }
        assert_eq!(OriginPattern::http("https://Hub.example").as_deref(), Some("https://hub.example"));
        for text in ["*", "null", "tauri://localhost", "https://*.hub.example"] {
            assert_eq!(OriginPattern::http(text), None, "{text}");
        }
    }

    #[test]
    fn an_origin_below_a_wildcard_has_its_scheme_and_port() {
        let pattern = OriginPattern::parse("https://*.app.example:8443").unwrap();
        for (origin, matches) in [
            ("https://a.app.example:8443", true),
            ("https://a.b.app.example:8443", true),
            ("https://app.example:8443", false),
            ("https://a.app.example", false),
            ("http://a.app.example:8443", false),
            ("https://evil.example/.app.example:8443", false),
            ("https://evil.example:1.app.example:8443", false),
            ("https://me@a.app.example:8443", false),
            ("https://aapp.example:8443", false),
            ("null", false),
        ] {
            assert_eq!(pattern.matches(origin), matches, "{origin}");
        }
    }
}
