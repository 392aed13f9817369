//! Whom an address belongs to.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// The network that counts as one client: an IPv4 address itself, and a /64 of IPv6, of which one client has any address.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

/// The network that `text` is, or the one address.
pub(crate) fn parse(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// What stands for everybody who comes by a Unix socket, among networks.
pub(crate) const UNIX: &str = "unix";

/// Some of those that a connection can come from.
#[derive(Debug, Clone)]
pub(crate) struct Peers {
    networks: Vec<IpNet>,
    /// Those that come by a Unix socket, and have no address.
    by_unix: bool,
}

impl Peers {
    /// Those that `texts` name: networks, addresses, [`UNIX`].
    pub(crate) fn of(texts: &[String]) -> Self {
        let networks = texts.iter().filter_map(|text| parse(text)).collect();
        Self { networks, by_unix: texts.iter().any(|text| text == UNIX) }
    }

    /// Returns true if the one with `address`, or the one without, is among them.
    pub(crate) fn contain(&self, address: Option<IpAddr>) -> bool {
        match address.map(|address| address.to_canonical()) {
            Some(address) => self.networks.iter().any(|network| network.contains(&address)),
            None => self.by_unix,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_an_address_of_ipv4_or_a_64_of_ipv6() {
        for (address, expect) in [
            ("198.51.100.7", "198.51.100.7"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            assert_eq!(network(address.parse().unwrap()).to_string(), expect);
        }
    }
}
