//! The accept loop. No connection blocks it, and it does not spin when it can accept no more.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use ipnet::IpNet;
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    time::sleep,
};

use super::{
    connection::{self, Serving},
    error::ServeError,
    gone::gone,
    socket::Socket,
    tls::Tls,
};
use crate::{
    base::{connections::Connections, network::is_in},
    http::{HubService, Peer},
    hub::Hub,
    transport::shard::Shards,
};

/// The kernel caps this at `net.core.somaxconn`. A full queue makes clients retry for seconds.
const BACKLOG: u32 = 65_535;

/// The most unsent bytes in the kernel's send buffer. Without this bound, events would be written to a stalled reader
/// until megabytes of buffer are full; they are better left in the log.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 16 << 10;

/// The pause when the system has no descriptor or memory for another connection.
const BREATHER: Duration = Duration::from_millis(100);

/// Listens on `address`.
pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let open = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // Like tokio's own listener: a restart must not wait for old connections to time out.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|source| ServeError::Listen { address, source })
}

/// The shared state of a listener's connections.
#[derive(Debug)]
pub(super) struct Acceptor {
    hub: Hub,
    limit: usize,
    /// The number of connections beyond the limit that still get a response saying so.
    surplus: usize,
    stopped: watch::Receiver<bool>,
    connections: Connections,
    /// The networks of proxies, which have the connections of all behind them.
    proxies: Vec<IpNet>,
    shards: Option<Arc<Shards>>,
    tls: Option<Tls>,
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
        let proxies = hub.config().server.trusted_networks();
        Self { hub, limit, surplus, stopped, connections, proxies, shards, tls: None, share: None }
    }

    /// The same with TLS, if there is to be any.
    pub(super) fn with_tls(self, tls: Option<Tls>) -> Self {
        Self { tls, ..self }
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
    pub(super) async fn run(self: Arc<Self>, listener: TcpListener, service: HubService) {
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

    /// How many connections beyond its `share` one client may have, to be told so. They leave room to others.
    fn surplus_of_one(&self, share: usize) -> usize {
        if share < self.limit { self.surplus.min((self.limit - share) / 2) } else { self.surplus }
    }

    fn admit(&self, stream: TcpStream, address: SocketAddr, service: HubService) {
        let (open, of_client) = (self.open(), self.connections.count_of(address.ip()));
        // a proxy has those of all behind it
        let is_proxy = is_in(&self.proxies, address.ip());
        let of_one = self.share.unwrap_or_else(|| self.hub.max_connections_of_one());
        let share = if is_proxy { self.limit } else { of_one };
        if open >= self.limit + self.surplus || of_client >= share + self.surplus_of_one(share) {
            tracing::debug!(%address, "closed: the hub is more than full");
            return;
        }
        if let Err(error) = prepare(&stream, self.hub.config().stream.user_timeout()) {
            tracing::debug!(%address, %error, "closed before it began");
            return;
        }
        let surplus = open >= self.limit || of_client >= share;
        let peer = Peer { address, surplus, needs_host: false, is_tls: false };
        let crowded = open >= self.limit / 2;
        let open = self.connections.open(address.ip());
        let serving = Serving { hub: self.hub.clone(), shards: self.shards.clone(), open, crowded };
        let stopped = self.stopped.clone();
        let Some(tls) = &self.tls else {
            tokio::spawn(connection::serve(Socket::new(stream, None), peer, service, serving, stopped));
            return;
        };
        let failed = move |hub: &Hub, error: &str| {
            hub.metrics().tls_handshake_failures.inc();
            tracing::debug!(%address, error, "no TLS connection came about");
        };
        let Some(handshake) = tls.begin(address.ip()) else {
            return failed(&self.hub, "too many have just begun");
        };
        tokio::spawn(async move {
            let mut server = stopped.clone();
            let finished = tokio::select! {
                finished = Box::pin(handshake.finish(stream)) => finished,
                () = gone(&mut server) => return,
            };
            match finished {
                Ok(socket) => {
                    let peer = Peer { is_tls: true, ..peer };
                    connection::serve(socket, peer, service, serving, stopped).await;
                }
                Err(error) => failed(&serving.hub, &error),
            }
        });
    }
}

/// Sets the socket's options: send at once, drop peers that acknowledge nothing for `user_timeout`, and bound the unsent
/// bytes.
fn prepare(stream: &TcpStream, user_timeout: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    {
        let socket = SockRef::from(stream);
        socket.set_tcp_user_timeout(Some(user_timeout))?;
        socket.set_tcp_notsent_lowat(UNSENT)?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (SockRef::from(stream), user_timeout);
    Ok(())
}

/// Returns true if the connection failed while it waited to be accepted, so that the next one may be fine.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
