//! `[server]`

use std::{net::SocketAddr, time::Duration};

use super::{
    listen::Listen,
    section::{HOUR, MINUTE, MS, SECOND, section},
    setting::{Count, TextRule, choices},
};
use crate::base::network::Peers;

/// How many threads can carry streams.
pub(crate) const MAX_SHARDS: usize = 64;

section! {
    /// The listener and its connections.
    pub struct Server {
        /// Where to listen: an address and port, or several, or Unix sockets.
        ///
        /// Loopback by default: opening a hub to a network is a decision, and needs access control or
        /// `auth.allow_open_on_public`. Port 0 takes a free one.
        pub listen: Vec<Listen> = vec![Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 8080)))],
            see "[Unix sockets and systemd](operations.md#unix-sockets-and-systemd)";

        /// Where the operator's routes are, `/topics`, `/metrics` and `/streams`. Empty: beside the other routes, or with
        /// access control nowhere. Beyond loopback it needs `auth.allow_open_on_public`.
        ///
        /// This listener has 128 connections of its own.
        pub admin_listen: Option<Listen> = None;

        /// Who may connect to the Unix sockets of `listen`: the mode of their files.
        pub unix_mode: String = "660".into(), takes TextRule::FileMode;

        /// Who may connect to that of `admin_listen`, where no token is asked for.
        pub admin_unix_mode: String = "600".into(), takes TextRule::FileMode;

        /// Names and addresses under which the hub is reached, besides loopback and the addresses it listens on.
        ///
        /// They have no port; an IPv6 address has brackets. `*.hub.example` is every name below `hub.example`, not that
        /// name itself. Requests to other names are answered 421, so that no web page reaches a hub on someone's
        /// localhost through a name of its own.
        pub hosts: Vec<String> = Vec::new(), takes TextRule::Host,
            see "[web pages of other origins](http.md#web-pages-of-other-origins)";

        /// The origin of the hub's own page behind a proxy, such as `https://hub.example`. Empty: `http://` and the
        /// name it was called by.
        ///
        /// Its host need not be in `hosts`. When it is set, the page can publish under another origin only if the
        /// browser says that it is the same (`Sec-Fetch-Site: same-origin`), which it does over HTTPS and on localhost.
        pub public_origin: Option<String> = None, takes TextRule::Origin;

        /// Addresses and networks of proxies, such as `10.0.0.0/8`, that are believed whom they speak for. `unix` is whoever
        /// comes by a Unix socket. Empty: none is.
        ///
        /// The shares of one address are then those of the clients behind them, and they themselves may have all connections.
        pub trusted_proxies: Vec<String> = Vec::new(), takes TextRule::Network,
            see "[behind a proxy](operations.md#behind-a-proxy)";

        /// Where they say it. They have to set the header or add to it: what a client sent in another one counts for nothing.
        pub forwarded_by: ForwardedBy = ForwardedBy::XForwardedFor;

        /// Query parameters that are passed over where the hub does not know them, such as one by which a proxy
        /// authenticates. All others are refused.
        pub ignore_parameters: Vec<String> = Vec::new(), takes TextRule::ParameterName;

        /// How long a client may take for a request's head, from its first byte or, for the first one, from the start of
        /// the connection.
        ///
        /// Until then it holds a descriptor for nothing.
        pub header_timeout: Duration = 10 * SECOND, takes 100 * MS..=5 * MINUTE;

        /// How long a connection may be idle before a request, also before its first one if less than half of the connections
        /// there may be are open.
        ///
        /// A proxy that keeps connections to the hub should close them earlier: a request that it sends just when the hub
        /// closes one is lost. A connection of HTTP/2 may answer pings and is idle all the same.
        pub idle_timeout: Duration = 3 * MINUTE, takes 100 * MS..=HOUR,
            see "[behind a proxy](operations.md#behind-a-proxy)";

        /// How long a publisher may pause within a body.
        pub body_timeout: Duration = 30 * SECOND, takes 100 * MS..=5 * MINUTE;

        /// Over how long the streams end at a shutdown, so that not all clients come back at once.
        ///
        /// Keep it below the time after which your process manager kills: 10 s for Docker, 30 s and more for others.
        pub drain: Duration = 10 * SECOND, takes Duration::ZERO..=5 * MINUTE,
            see "[shutdown](operations.md#shutdown)";

        /// Whether streams over HTTP/1 are taken out of the HTTP library and carried by threads of their own.
        ///
        /// That takes a tenth of the memory, and less CPU. By default on Linux only, where it is measured and tested.
        pub handoff: bool = cfg!(target_os = "linux"), default "`true` on Linux, else `false`";

        /// How many threads carry streams where `handoff` is on. 0: one for each core.
        pub shards: usize = 0, takes Count(0..=MAX_SHARDS);
    }
}

choices! {
    /// Where a proxy says whom it speaks for.
    pub enum ForwardedBy {
        /// A header with a list of addresses, to which each proxy adds the one that it was asked from.
        XForwardedFor = "x-forwarded-for",
        /// The same as RFC 7239 has it.
        Forwarded = "forwarded",
        /// The PROXY protocol, version 1 or 2: before all else on a connection, also before TLS. A connection of theirs
        /// without it is closed.
        ProxyProtocol = "proxy-protocol",
    }
}

impl Server {
    /// The proxies that are trusted.
    pub(crate) fn trusted(&self) -> Peers {
        Peers::of(&self.trusted_proxies)
    }

    /// The mode of the Unix sockets of `listen`.
    pub(crate) fn unix_mode(&self) -> u32 {
        mode(&self.unix_mode)
    }

    /// The mode of that of `admin_listen`.
    pub(crate) fn admin_unix_mode(&self) -> u32 {
        mode(&self.admin_unix_mode)
    }

    /// How many threads carry streams.
    pub(crate) fn shards(&self) -> usize {
        match self.shards {
            _ if !self.handoff => 0,
            0 => std::thread::available_parallelism().map_or(1, usize::from).min(MAX_SHARDS),
            shards => shards,
        }
    }
}

/// The mode that octal digits stand for.
fn mode(digits: &str) -> u32 {
    u32::from_str_radix(digits, 8).unwrap_or(0o600)
}
