//! The accept loop. No connection blocks it, and it does not spin when it can accept no more.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpStream,
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    connection::{self, Serving},
    gone::gone,
    listener::{Listener, prepare},
    proxy_protocol,
    socket::Socket,
    tls::Tls,
};
use crate::{
    base::{
        connections::{Connections, OpenConnection},
        network::Peers,
    },
    config::ForwardedBy,
    http::{HubService, Peer},
    hub::Hub,
    transport::shard::Shards,
};

/// The pause when the system has no descriptor or memory for another connection.
const BREATHER: Duration = Duration::from_millis(100);

/// The shared state of a listener's connections.
#[derive(Debug)]
pub(super) struct Acceptor {
    hub: Hub,
    limit: usize,
    /// The number of connections beyond the limit that still get a response saying so.
    surplus: usize,
    stopped: watch::Receiver<bool>,
    connections: Connections,
    /// The proxies, which have the connections of all behind them.
    proxies: Peers,
    shards: Option<Arc<Shards>>,
    tls: Option<Tls>,
    /// Proxies come here, and say before all else whom they speak for, if that is how they say it.
    reads_proxy_protocol: bool,
    /// The most connections of one client, unless that is what the configuration says.
    share: Option<usize>,
}

impl Acceptor {
    pub(super) fn new(
        hub: Hub,
        (limit, surplus): (usize, usize),
        stopped: watch::Receiver<bool>,
        shards: Option<Arc<Shards>>,
    ) -> Self {
        let connections = Connections::new(hub.metrics().connections.clone());
        let proxies = hub.config().server.trusted();
        Self {
            hub,
            limit,
            surplus,
            stopped,
            connections,
            proxies,
            shards,
            tls: None,
            reads_proxy_protocol: false,
            share: None,
        }
    }

    /// The same with TLS, if there is to be any.
    pub(super) fn with_tls(self, tls: Option<Tls>) -> Self {
        Self { tls, ..self }
    }

    /// The same for clients that come by proxies.
    pub(super) fn behind_proxies(self) -> Self {
        let by = self.hub.config().server.forwarded_by;
        Self { reads_proxy_protocol: by == ForwardedBy::ProxyProtocol, ..self }
    }

    /// The same for `share` connections of one client.
    pub(super) fn with_share(self, share: usize) -> Self {
        Self { share: Some(share), ..self }
    }

    /// The count of its connections.
    pub(super) fn connections(&self) -> Connections {
        self.connections.clone()
    }

    /// The number of open connections.
    pub(super) fn open(&self) -> usize {
        self.connections.count()
    }

    pub(super) async fn connections_closed(&self) {
        self.connections.closed().await;
    }

    /// Accepts until it is dropped.
    pub(super) async fn run(self: Arc<Self>, listener: Listener, service: HubService) {
        loop {
            match listener.accept().await {
                Ok((stream, address)) => self.admit(stream, address, service.clone()),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, open = self.open(), "can't accept connections for the moment");
                    sleep(BREATHER).await;
                }
            }
        }
    }

    /// How many connections the one with `address` may have, and whether it has as many or any have.
    fn place(&self, address: Option<SocketAddr>) -> Place {
        let address = address.map(|address| address.ip());
        let share = match self.share {
            // who comes by a Unix socket was let in by its file, and a proxy has the connections of all behind it
            _ if address.is_none() || self.proxies.contain(address) => self.limit,
            Some(share) => share,
            None => self.hub.max_connections_of_one(),
        };
        // those beyond it, to be told so, leave room to others
        let surplus = if share < self.limit { self.surplus.min((self.limit - share) / 2) } else { self.surplus };
        let (open, of_client) = (self.open(), self.connections.count_of(address));
        if open >= self.limit + self.surplus || of_client >= share + surplus {
            self.hub.metrics().connections_refused.inc();
            return Place::None;
        }
        let surplus = open >= self.limit || of_client >= share;
        Place::Some { surplus, crowded: open >= self.limit / 2, open: self.connections.open(address) }
    }

    fn admit(self: &Arc<Self>, stream: TcpStream, address: Option<SocketAddr>, service: HubService) {
        let place = self.place(address);
        if matches!(place, Place::None) {
            tracing::debug!(?address, "closed: the hub is more than full");
            return;
        }
        if address.is_some()
            && let Err(error) = prepare(&stream, self.hub.config().stream.user_timeout())
        {
            tracing::debug!(?address, %error, "closed before it began");
            return;
        }
        if self.reads_proxy_protocol && self.proxies.contain(address.map(|address| address.ip())) {
            tokio::spawn(self.clone().admit_behind(stream, address, service, place));
        } else {
            self.serve(stream, (address, address.is_some()), service, place);
        }
    }

    /// Admits a connection that the proxy at `address` has opened for somebody, who counts as if they had opened it.
    async fn admit_behind(
        self: Arc<Self>,
        mut stream: TcpStream,
        address: Option<SocketAddr>,
        service: HubService,
        of_proxy: Place,
    ) {
        let (mut server, limit) = (self.stopped.clone(), self.hub.config().server.header_timeout);
        let read = tokio::select! {
            read = timeout(limit, proxy_protocol::read(&mut stream)) => read.unwrap_or_else(|late| Err(late.into())),
            () = gone(&mut server) => return,
        };
        let (client, place) = match read {
            Ok(Some(client)) => {
                drop(of_proxy);
                (Some(client), self.place(Some(client)))
            }
            Ok(None) => (address, of_proxy),
            Err(error) => {
                self.hub.metrics().proxy_protocol_failures.inc();
                return tracing::debug!(?address, %error, "closed: nothing says whom the proxy speaks for");
            }
        };
        if matches!(place, Place::None) {
            return tracing::debug!(address = ?client, "closed: the hub is more than full");
        }
        self.serve(stream, (client, address.is_some()), service, place);
    }

    /// Serves a connection, over TLS if it can have any.
    fn serve(
        &self,
        stream: TcpStream,
        (address, is_tcp): (Option<SocketAddr>, bool),
        service: HubService,
        place: Place,
    ) {
        let Place::Some { surplus, crowded, open } = place else { return };
        let peer = Peer { address, surplus, needs_host: false, is_tls: false, certificate: None };
        let serving = Serving { hub: self.hub.clone(), shards: self.shards.clone(), open, crowded };
        let stopped = self.stopped.clone();
        let (Some(tls), Some(of), true) = (&self.tls, address, is_tcp) else {
            tokio::spawn(connection::serve(Socket::new(stream, None), peer, service, serving, stopped));
            return;
        };
        let failed = move |hub: &Hub, error: &str| {
            hub.metrics().tls_handshake_failures.inc();
            tracing::debug!(?address, error, "no TLS connection came about");
        };
        let Some(handshake) = tls.begin(of.ip()) else {
            return failed(&self.hub, "too many have just begun");
        };
        tokio::spawn(async move {
            let mut server = stopped.clone();
            let finished = tokio::select! {
                finished = Box::pin(handshake.finish(stream)) => finished,
                () = gone(&mut server) => return,
            };
            match finished {
                Ok((socket, certificate)) => {
                    let peer = Peer { is_tls: true, certificate, ..peer };
                    // a task of its own: what it takes is not held while there are but handshakes
                    tokio::spawn(connection::serve(socket, peer, service, serving, stopped));
                }
                Err(error) => failed(&serving.hub, &error),
            }
        });
    }
}

/// Whether there is a place for a connection.
#[derive(Debug)]
enum Place {
    None,
    Some {
        open: OpenConnection,
        /// It is only kept to be told that there is none.
        surplus: bool,
        /// There are many connections.
        crowded: bool,
    },
}

/// Returns true if the connection failed while it waited to be accepted, so that the next one may be fine.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
