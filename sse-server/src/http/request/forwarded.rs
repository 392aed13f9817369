//! Whom a proxy that is trusted speaks for.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, header};

use crate::{
    base::network::Peers,
    config::{Config, ForwardedBy},
};

/// Which proxies are trusted, and in which header they say whom they speak for.
#[derive(Debug)]
pub(in crate::http) struct Forwarded {
    trusted: Peers,
    by: ForwardedBy,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

impl Forwarded {
    pub(in crate::http) fn new(config: &Config) -> Self {
        Self { trusted: config.server.trusted(), by: config.server.forwarded_by }
    }

    /// The address of the client behind `peer`, if it is known: the last one in the header that is no trusted proxy's. What stands
    /// before it was perhaps sent by the client itself. Who is not trusted speaks for nobody else.
    pub(in crate::http) fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let mut client = peer;
        let name = match self.by {
            _ if !self.trusted.contain(client) => return client,
            ForwardedBy::ProxyProtocol => return client, // it has been said already
            ForwardedBy::XForwardedFor => X_FORWARDED_FOR,
            ForwardedBy::Forwarded => header::FORWARDED,
        };
        let lines = headers.get_all(name).iter().rev();
        for element in lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')) {
            let element = std::str::from_utf8(element).unwrap_or_default();
            let address = match self.by {
                ForwardedBy::Forwarded => forwarded_for(element),
                _ => address(element.trim()),
            };
            if address.is_none() {
                break;
            }
            client = address;
            if !self.trusted.contain(client) {
                break;
            }
        }
        client
    }
}

/// The address in an element of `Forwarded` (RFC 7239): `for=192.0.2.60;proto=http`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
    address(node.strip_prefix('"').and_then(|node| node.strip_suffix('"')).unwrap_or(node))
}

/// An address, perhaps with a port, and with brackets if it is IPv6.
fn address(text: &str) -> Option<IpAddr> {
    let unwrapped = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    unwrapped.parse().ok().or_else(|| text.parse().ok().map(|with_port: SocketAddr| with_port.ip()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(peer: &str, by: ForwardedBy, lines: &[&str]) -> String {
        let mut config = Config::in_memory();
        config.server.trusted_proxies =
            vec!["10.0.0.0/8".into(), "2001:db8::7".into(), "192.0.2.1".into(), "unix".into()];
        config.server.forwarded_by = by;
        let mut headers = HeaderMap::new();
        let name = if by == ForwardedBy::Forwarded { header::FORWARDED } else { X_FORWARDED_FOR };
        for line in lines {
            headers.append(&name, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let client = Forwarded::new(&config).client(peer.parse().ok(), &headers);
        client.map_or_else(|| "nobody".into(), |client| client.to_string())
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxy_s_is_the_client_s() {
        use ForwardedBy::{Forwarded, ProxyProtocol, XForwardedFor};
        for (peer, by, lines, expect) in [
            ("10.0.0.1", XForwardedFor, &["203.0.113.9"][..], "203.0.113.9"),
            ("::ffff:10.0.0.1", XForwardedFor, &["203.0.113.9"], "203.0.113.9"),
            ("203.0.113.1", XForwardedFor, &["203.0.113.9"], "203.0.113.1"), // it speaks for nobody
            ("10.0.0.1", XForwardedFor, &["198.51.100.1, 203.0.113.9"], "203.0.113.9"), // the first is made up
            ("10.0.0.1", XForwardedFor, &["198.51.100.1", "203.0.113.9 , 10.1.2.3"], "203.0.113.9"),
            ("2001:db8::7", XForwardedFor, &["[2001:db8::9]:443, 192.0.2.1"], "2001:db8::9"),
            ("10.0.0.1", XForwardedFor, &["203.0.113.9:1234"], "203.0.113.9"),
            ("10.0.0.1", XForwardedFor, &["203.0.113.9, unknown, 10.9.9.9"], "10.9.9.9"),
            ("10.0.0.1", XForwardedFor, &["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
            ("10.0.0.1", XForwardedFor, &[], "10.0.0.1"),
            ("10.0.0.1", XForwardedFor, &["\u{ff}, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", XForwardedFor, &["", "x"], "10.0.0.1"),
            ("10.0.0.1", Forwarded, &["for=198.51.100.1, For=203.0.113.9;proto=https"], "203.0.113.9"),
            ("10.0.0.1", Forwarded, &[r#"proto=https; for="[2001:db8::9]:443""#], "2001:db8::9"),
            ("10.0.0.1", Forwarded, &["for=203.0.113.9, for=_hidden"], "10.0.0.1"),
            ("10.0.0.1", Forwarded, &["by=10.0.0.2"], "10.0.0.1"),
            ("a Unix socket", XForwardedFor, &["203.0.113.9"], "203.0.113.9"),
            ("a Unix socket", XForwardedFor, &["203.0.113.9, unknown"], "nobody"),
            ("10.0.0.1", ProxyProtocol, &["203.0.113.9"], "10.0.0.1"),
        ] {
            assert_eq!(client(peer, by, lines), expect, "{peer} {lines:?}");
        }
    }
}
