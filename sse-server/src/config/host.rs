//! Hosts, and the patterns of hosts that the configuration takes.

use std::{fmt, net::IpAddr};

/// A host in the form in which browsers write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    Address(IpAddr),
    /// In lower case, without the dot that ends a full name.
    Name(String),
}

/// A host, or every name below one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HostPattern {
    Exactly(Host),
    /// Names with a label or more before this name: `*.hub.example`.
    Below(String),
}

impl Host {
    /// Reads the host of `authority`, which is a host and perhaps a port. Returns `None` if it is malformed, or has user
    /// information.
    pub(crate) fn of(authority: &str) -> Option<Self> {
        let (host, port) = split_port(authority)?;
        port_number(port)?;
        match bracketed(host) {
            Some(address) => Some(Self::address(address?)),
            None => {
                let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte);
                host.bytes().all(allowed).then(|| match host.parse() {
                    Ok(address) => Self::address(address),
                    Err(_) => Self::Name(host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()),
                })
            }
        }
    }

    /// Returns true if the host is this machine whatever a resolver says (RFC 6761, 6.3).
    pub(crate) fn is_loopback(&self) -> bool {
        match self {
            Self::Address(address) => address.is_loopback(),
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        }
    }

    /// A host as the configuration has it: a name in any script, or an address.
    pub(super) fn configured(text: &str) -> Option<Self> {
        if let Some(address) = bracketed(text) {
            return Some(Self::address(address?));
        }
        match text.parse() {
            Ok(IpAddr::V4(address)) => Some(Self::Address(address.into())),
            Ok(IpAddr::V6(_)) => None, // it needs brackets
            Err(_) => domain(text).map(Self::Name),
        }
    }

    fn address(address: IpAddr) -> Self {
        Self::Address(address.to_canonical())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl HostPattern {
    /// Reads an entry of `server.hosts`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("*.") {
            Some(name) => name_below(name).map(Self::Below),
            None => Host::configured(text).map(Self::Exactly),
        }
    }

    /// Reads the host of `server.public_origin`.
    pub(crate) fn of_origin(origin: &str) -> Option<Self> {
        Host::of(origin.split_once("://")?.1).map(Self::Exactly)
    }

    /// Returns true if `host` is one of these.
    pub(crate) fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exactly(own), _) => own == host,
            (Self::Below(own), Host::Name(name)) => is_below(name, own),
            (Self::Below(_), Host::Address(_)) => false,
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(host) => host.fmt(f),
            Self::Below(name) => write!(f, "*.{name}"),
        }
    }
}

/// The host and the port with its colon, or nothing in its place.
pub(super) fn split_port(authority: &str) -> Option<(&str, &str)> {
    let after_brackets = match authority.starts_with('[') {
        true => authority.find(']')? + 1,
        false => 0,
    };
    let end = authority[after_brackets..].find(':').map_or(authority.len(), |colon| after_brackets + colon);
    Some(authority.split_at(end))
}

/// The number of a port with its colon, which may lack it. Returns `None` if it is malformed.
pub(super) fn port_number(port: &str) -> Option<Option<u16>> {
    match port.strip_prefix(':').unwrap_or(port) {
        "" => Some(None),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok().map(Some),
        _ => None,
    }
}

/// The address in brackets, if `host` begins with one. `Some(None)` is malformed.
fn bracketed(host: &str) -> Option<Option<IpAddr>> {
    let rest = host.strip_prefix('[')?;
    Some(rest.strip_suffix(']').and_then(|address| address.parse().ok()).map(IpAddr::V6))
}

/// A domain name in any script, as it goes over the wire. Returns `None` for what no browser takes for a name.
fn domain(text: &str) -> Option<String> {
    let name = idna::domain_to_ascii(text).ok()?;
    let name = name.strip_suffix('.').unwrap_or(&name);
    let last = name.rsplit('.').next()?;
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_in_label);
    (name.len() <= 253 && !is_number && name.split('.').all(is_label)).then(|| name.to_owned())
}

/// The name behind a `*.`. A single label would be a whole top-level domain, but `localhost` is no one else's.
pub(super) fn name_below(text: &str) -> Option<String> {
    domain(text).filter(|name| name.contains('.') || name == "localhost")
}

/// Returns true if `name` has a label or more before `parent`.
pub(super) fn is_below(name: &str, parent: &str) -> bool {
    let before = name.strip_suffix(parent).and_then(|before| before.strip_suffix('.'));
    before.is_some_and(|before| before.split('.').all(|label| !label.is_empty() && label.bytes().all(is_in_label)))
}

pub(super) const fn is_in_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_as_it_stands_in_a_request() {
        for (authority, expected) in [
            ("Hub.Example:8080", "hub.example"),
            ("hub.example.", "hub.example"),
            ("hub.example:", "hub.example"),
            ("127.0.0.1:1", "127.0.0.1"),
            ("[::1]:65535", "[::1]"),
            ("[::ffff:127.0.0.1]", "127.0.0.1"),
            ("", ""),
        ] {
            assert_eq!(Host::of(authority).map(|host| host.to_string()).as_deref(), Some(expected), "{authority}");
        }
        for authority in [
            "evil.example@localhost",
            "localhost:abc",
            "localhost:-1",
            "localhost:99999",
            "localhost:1:2",
            "[127.0.0.1]",
            "[::1]x",
            "[::1",
            "::1",
            "a b",
            "a/b",
            "bücher.example",
        ] {
            assert_eq!(Host::of(authority), None, "{authority}");
        }
    }

    #[test]
    fn hosts_are_read_in_their_one_form() {
        for (text, expected) in [
            ("Hub.Example", "hub.example"),
            ("hub.example.", "hub.example"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("*.Bücher.example", "*.xn--bcher-kva.example"),
            ("*.hub.example", "*.hub.example"),
            ("*.localhost", "*.localhost"),
            ("my_container", "my_container"),
            ("198.51.100.7", "198.51.100.7"),
            ("[2001:DB8:0::7]", "[2001:db8::7]"),
        ] {
            assert_eq!(HostPattern::parse(text).map(|host| host.to_string()).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            ".",
            "*",
            "*.",
            "*.com",
            "*.*.com",
            "a.*.example",
            "*hub.example",
            ".hub.example",
            "a..example",
            "hub.example:80",
            "hub.example/",
            "http://hub.example",
            "me@hub.example",
            "a b",
            "2001:db8::7",
            "[::1",
            "127.1",
            "0x7f.1",
            "*.168.0.1",
            "-\u{200d}-",
        ] {
            assert_eq!(HostPattern::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_wildcard_is_a_label_or_more() {
        let pattern = HostPattern::parse("*.hub.example").unwrap();
        for (host, matches) in [
            ("a.hub.example", true),
            ("a.b.hub.example:1", true),
            ("A.HUB.example.", true),
            ("hub.example", false),
            (".hub.example", false),
            ("a..hub.example", false),
            ("evilhub.example", false),
            ("a.hub.example.evil", false),
        ] {
            assert_eq!(Host::of(host).is_some_and(|host| pattern.matches(&host)), matches, "{host}");
        }
    }
}
