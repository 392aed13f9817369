//! Listening, and serving until told to stop.

mod accept;
mod connection;
mod linger;

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::watch,
    time::{Instant, timeout_at},
};
use warp::Filter;

use crate::{
    config::Config,
    handle::Hub,
    http::{Face, not_found, routes},
};
use accept::Acceptor;

/// What the last bytes get to leave, however short the drain window is.
const LAST_MOMENTS: Duration = Duration::from_millis(250);

/// A hub that listens.
#[derive(Debug)]
pub struct Server {
    hub: Hub,
    public: TcpListener,
    admin: Option<TcpListener>,
    address: SocketAddr,
}

/// Why the hub does not listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address can't be listened on.
    #[error("can't listen on {address}: {}", reason(.source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The log can't be begun.
    #[error("can't begin a log: {0}")]
    Log(#[source] io::Error),
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "it is in use; stop what listens there, or choose another with --listen".into()
        }
        io::ErrorKind::PermissionDenied => {
            "it is not allowed; ports below 1024 are for root".into()
        }
        _ => error.to_string(),
    }
}

/// How a server came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// All streams ended as they should.
    Drained,
    /// Some were still open at the deadline, and were cut off.
    CutOff(usize),
}

impl Server {
    /// Listens on the configured addresses.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if an address can't be listened on.
    pub async fn bind(config: Config) -> Result<Self, ServeError> {
        let public = accept::listen(config.server.listen)?;
        let admin = config.server.admin_listen.map(accept::listen).transpose()?;
        let address = public.local_addr().unwrap_or(config.server.listen);
        let hub = Hub::new(config).map_err(ServeError::Log)?;
        Ok(Self { hub, public, admin, address })
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

    /// Serves until `stop` is ready, then ends all streams within the drain window, and returns.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Shutdown {
        let (stopping, stopped) = watch::channel(false);
        let acceptor = Arc::new(Acceptor::new(self.hub.clone(), stopped));
        let fallback = warp::any().map(not_found);
        let face = if self.admin.is_some() { Face::Public } else { Face::All };
        let service = warp::service(routes(self.hub.clone(), face).or(fallback));
        let mut accepting = vec![tokio::spawn(acceptor.clone().run(self.public, service))];
        if let Some(listener) = self.admin {
            let service = warp::service(routes(self.hub.clone(), Face::Admin).or(fallback));
            accepting.push(tokio::spawn(acceptor.clone().run(listener, service)));
        }
        stop.await;
        let window = self.hub.config().server.drain;
        let streams = self.hub.subscribers();
        tracing::info!(streams, window_s = window.as_secs_f64(), "draining");
        self.hub.drain();
        // Streams go first; the listeners still answer. Then whatever else is open finishes what it is doing.
        let deadline = Instant::now() + window;
        let _ = timeout_at(deadline, self.hub.emptied()).await;
        accepting.iter().for_each(tokio::task::JoinHandle::abort);
        let _ = stopping.send(true);
        let _ =
            timeout_at(deadline.max(Instant::now() + LAST_MOMENTS), acceptor.connections_closed())
                .await;
        match acceptor.open() {
            0 => Shutdown::Drained,
            open => Shutdown::CutOff(open),
        }
    }
}
