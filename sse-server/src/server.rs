//! Listening, and serving until told to stop.

mod accept;
mod connection;
mod error;
mod gone;
mod half_close;
mod http2;
mod socket;

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::watch,
    task::JoinSet,
    time::{Instant, timeout_at},
};

use crate::{
    config::Config,
    http::{HubService, RouteSet},
    hub::{Hub, HubError},
    store::{Cause, StoreFailure},
    transport::shard::Shards,
};
use accept::Acceptor;
pub use error::ServeError;

/// What connections get at the end of the drain window, when the streams are done.
const LAST_MOMENTS: Duration = Duration::from_millis(250);

/// Connections to the operator's listener.
const ADMIN_CONNECTIONS: usize = 64;

/// Descriptors that are not for clients: the runtime's, the listeners', logs, and the surplus that is told to go.
const RESERVED: usize = 64 + ADMIN_CONNECTIONS + 2 * accept::SURPLUS;

/// A hub that listens.
#[derive(Debug)]
pub struct Server {
    hub: Hub,
    public: TcpListener,
    admin: Option<TcpListener>,
    address: SocketAddr,
    /// Who carries the streams, unless hyper does.
    shards: Option<Arc<Shards>>,
}

/// How a server came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shutdown {
    /// All streams ended as they should.
    Drained,
    /// Some were still open at the deadline, and were cut off.
    CutOff(usize),
    /// Nobody wanted it to stop: the hub could not go on. Why is in the log, at the level `error`.
    Failed,
}

impl Server {
    /// Listens on the configured addresses.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if an address can't be listened on.
    pub async fn bind(config: Config) -> Result<Self, ServeError> {
        config.check()?;
        let public = accept::listen(config.server.listen)?;
        let admin = config.server.admin_listen.map(accept::listen).transpose()?;
        let address = public.local_addr().unwrap_or(config.server.listen);
        let hub = tokio::task::spawn_blocking(move || Hub::new(config)).await;
        let hub = hub.map_err(|panic| HubError::Store(StoreFailure::new(Cause::Other, panic.to_string())))??;
        let shards = match hub.config().server.shards() {
            0 => None,
            count => Some(Arc::new(Shards::start(&hub, count).map_err(ServeError::Shards)?)),
        };
        Ok(Self { hub, public, admin, address, shards })
    }

    /// Where it listens: the port is known even if 0 was asked for.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where the operator's routes are, if not beside the others.
    #[must_use]
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// The hub that is served.
    #[must_use]
    pub const fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Serves until `stop` is ready or the hub can't go on, then ends all streams within the drain window, and returns.
    /// Nothing of it goes on when the future is done or dropped.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Shutdown {
        let config = self.hub.config();
        let window = config.server.drain;
        let (stopping, stopped) = watch::channel(false);
        let limit = connection_limit(config.limits.connections, config.server.shards());
        let public = Arc::new(Acceptor::new(self.hub.clone(), limit, stopped.clone(), self.shards));
        let admin = Arc::new(Acceptor::new(self.hub.clone(), ADMIN_CONNECTIONS, stopped, None));
        let routes = if self.admin.is_some() { RouteSet::Public } else { RouteSet::All };
        let mut accepting = JoinSet::new();
        accepting.spawn(public.clone().run(self.public, HubService::new(self.hub.clone(), routes)));
        if let Some(listener) = self.admin {
            let service = HubService::new(self.hub.clone(), RouteSet::Admin);
            accepting.spawn(admin.clone().run(listener, service));
        }
        let failed = tokio::select! {
            () = stop => false,
            _ = self.hub.failed() => true,
        };
        let streams = self.hub.subscribers();
        tracing::info!(streams, window_s = window.as_secs_f64(), "draining");
        let deadline = Instant::now() + window;
        self.hub.drain();
        // Streams go first; the listeners still answer. Then whatever else is open finishes what it is doing.
        let _ = timeout_at(deadline - window.min(LAST_MOMENTS), self.hub.emptied()).await;
        accepting.shutdown().await;
        let _ = stopping.send(true);
        let closed = async { tokio::join!(public.connections_closed(), admin.connections_closed()) };
        let _ = timeout_at(deadline, closed).await;
        self.hub.close().await;
        match public.open() + admin.open() {
            _ if failed => Shutdown::Failed,
            0 => Shutdown::Drained,
            open => Shutdown::CutOff(open),
        }
    }
}

/// As many as are configured, but no more than the process may open, less what it needs to be able to say so.
fn connection_limit(configured: usize, shards: usize) -> usize {
    #[cfg(unix)]
    if let Ok((descriptors, _)) = rlimit::Resource::NOFILE.get() {
        let room = usize::try_from(descriptors).unwrap_or(usize::MAX).saturating_sub(RESERVED + 2 * shards);
        if room < configured {
            tracing::info!(descriptors, connections = room, configured, "the descriptor limit bounds the connections");
        }
        return configured.min(room.max(1));
    }
    configured
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hub_that_can_not_go_on_ends_its_server() {
        let mut config = Config::in_memory();
        config.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::bind(config).await.unwrap();
        let hub = server.hub().clone();
        crate::hub::tests::poison(&hub);
        assert!(hub.publish("a", sse_core::Event::message("x")).await.is_err());
        assert_eq!(server.run(std::future::pending()).await, Shutdown::Failed);
    }
}
