//! Listening and serving until told to stop.

mod accept;
mod connection;
mod error;
mod frames;
mod gone;
mod half_close;
mod heads;
mod http2;
mod idle;
mod listener;
mod listeners;
mod memory;
#[cfg(unix)]
mod passed;
mod proxy_protocol;
mod room;
mod socket;
#[cfg_attr(not(feature = "tls"), path = "server/tls/without.rs")]
mod tls;
#[cfg(unix)]
mod unix;
mod watched;

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};

use crate::{
    auth::Authorizer,
    base::clock::is_presentable,
    config::{Config, Listen},
    http::{HubService, RouteSet},
    hub::{Hub, HubError},
    store::{Cause, StoreFailure},
    transport::shard::Shards,
};
use accept::Acceptor;
pub use error::ServeError;
use listener::Listener;
use listeners::Listeners;
use room::Room;
use tls::Tls;

/// The part of the drain window that is left for connections after the streams have ended.
const LAST_MOMENTS: Duration = Duration::from_millis(250);

/// How long a connection may stay open when all streams have ended and all publishers have their answers: as long as a
/// client may take to end its side of a stream, and a little more.
const GRACE: Duration = Duration::from_millis(1250);

/// Which part of the connections to where everybody is sent on one client may have.
const REDIRECT_SHARE: usize = 8;

/// How long closing the log may take, beyond the drain window if need be.
const CLOSING: Duration = Duration::from_secs(1);

/// A hub with its listeners.
#[derive(Debug)]
pub struct Server {
    hub: Hub,
    listeners: Listeners,
    /// Without TLS, to send everybody to where there is.
    redirect: Option<Listener>,
    /// The shards that carry the streams, unless hyper does.
    shards: Option<Arc<Shards>>,
    room: Room,
    tls: Option<Tls>,
}

/// How a server stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shutdown {
    /// All streams ended in time.
    Drained,
    /// This many connections were still open when their time was over, and were cut off.
    CutOff(usize),
    /// The hub failed. The reason is in the process's log, at level `error`.
    Failed,
}

impl Server {
    /// Listens on the configured addresses.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if an address can't be listened on.
    pub async fn bind(config: Config) -> Result<Self, ServeError> {
        Self::bind_hub(config, false, Hub::new).await
    }

    /// Listens on the configured addresses, with `authorizer` to decide who may publish and subscribe, whatever
    /// `config.auth.mode` says.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if an address can't be listened on.
    pub async fn bind_with_authorizer(config: Config, authorizer: impl Authorizer) -> Result<Self, ServeError> {
        Self::bind_hub(config, true, |config| Hub::with_authorizer(config, authorizer)).await
    }

    async fn bind_hub(
        mut config: Config,
        is_controlled: bool,
        open: impl FnOnce(Config) -> Result<Hub, HubError> + Send + 'static,
    ) -> Result<Self, ServeError> {
        config.check_values()?;
        if !is_presentable() {
            return Err(ServeError::Clock);
        }
        config.check_reach(is_controlled)?; // and again for what systemd has opened
        let small = 1 + usize::from(config.tls.redirect_listen.is_some());
        let room = Room::find(config.limits.connections, config.server.shards(), small)?;
        let listeners = Listeners::open(&mut config.server)?;
        config.check_reach(is_controlled)?;
        let redirect = config.tls.redirect_listen.map(Listener::tcp).transpose()?;
        let hub = tokio::task::spawn_blocking(move || open(config)).await;
        let hub = hub.map_err(|panic| HubError::Store(StoreFailure::new(Cause::Other, panic.to_string())))??;
        let of = hub.clone();
        let tls = tokio::task::spawn_blocking(move || Tls::open(&of)).await;
        let tls = tls.unwrap_or_else(|panic| Err(panic.to_string())).map_err(ServeError::Tls)?;
        hub.bound_connections(room.connections);
        let shards = match hub.config().server.shards() {
            0 => None,
            count => Some(Arc::new(Shards::start(&hub, count).map_err(ServeError::Shards)?)),
        };
        Ok(Self { hub, listeners, redirect, shards, room, tls })
    }

    /// The first address and port it listens on, which are known even if port 0 was configured. The port is 0 if there are Unix
    /// sockets only.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        let first = self.listeners.public.iter().find_map(Listener::address);
        first.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// The port to which everybody is sent, where there is TLS: the first that others reach, or else the first.
    fn tls_port(&self) -> u16 {
        let mut all = self.listeners.public.iter().filter_map(Listener::address);
        let public = all.find(|address| !address.ip().to_canonical().is_loopback());
        public.unwrap_or_else(|| self.local_addr()).port()
    }

    /// Where it listens.
    #[must_use]
    pub fn listens_at(&self) -> Vec<Listen> {
        self.listeners.public.iter().map(Listener::is_at).collect()
    }

    /// The address of the operator's routes, if they have a listener of their own that has one.
    #[must_use]
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.listeners.admin.as_ref().and_then(Listener::address)
    }

    /// Where the operator's routes are, if they have a listener of their own.
    #[must_use]
    pub fn admin_listens_at(&self) -> Option<Listen> {
        self.listeners.admin.as_ref().map(Listener::is_at)
    }

    /// The address of the listener that sends everybody to where there is TLS, if there is one.
    #[must_use]
    pub fn redirect_addr(&self) -> Option<SocketAddr> {
        self.redirect.as_ref().and_then(Listener::address)
    }

    /// Returns true if it serves over TLS.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        self.hub.config().tls.files().is_some()
    }

    /// The hub.
    #[must_use]
    pub const fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Serves until `stop` completes or the hub fails, then ends all streams within the drain window. Nothing keeps
    /// running once the future has completed or is dropped.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Shutdown {
        let config = self.hub.config();
        let window = config.server.drain;
        let port = self.tls_port();
        let (stopping, stopped) = watch::channel(false);
        let Room { descriptors, connections, admin, surplus } = self.room;
        let configured = config.limits.connections;
        if connections < configured {
            tracing::info!(descriptors, connections, configured, "the descriptor limit bounds the connections");
        }
        let public = Acceptor::new(self.hub.clone(), (connections, surplus), stopped.clone(), self.shards);
        let public = Arc::new(public.with_tls(self.tls.clone()).behind_proxies());
        let small = |stopped| Acceptor::new(self.hub.clone(), (admin, surplus), stopped, None);
        let redirect = Arc::new(small(stopped.clone()).with_share((admin / REDIRECT_SHARE).max(1)).behind_proxies());
        let admin = Arc::new(small(stopped));
        let routes = if self.listeners.admin.is_some() { RouteSet::Public } else { RouteSet::All };
        let mut accepting = JoinSet::new();
        let service = HubService::new(self.hub.clone(), routes);
        for listener in self.listeners.public {
            accepting.spawn(public.clone().run(listener, service.clone()));
        }
        if let Some(listener) = self.listeners.admin {
            let service = HubService::new(self.hub.clone(), RouteSet::Admin);
            accepting.spawn(admin.clone().run(listener, service));
        }
        if let Some(listener) = self.redirect {
            let service = HubService::redirecting(self.hub.clone(), port);
            accepting.spawn(redirect.clone().run(listener, service));
        }
        accepting.spawn(memory::watch(public.connections()));
        if let Some(tls) = self.tls {
            accepting.spawn(tls.watch());
        }
        end(stop, &self.hub, &mut accepting).await;
        let streams = self.hub.subscribers();
        tracing::info!(streams, window_s = window.as_secs_f64(), "draining");
        let deadline = Instant::now() + window;
        self.hub.drain();
        // Streams end first, while the listeners still accept. Then the other connections finish their requests.
        let _ = timeout_at(deadline - window.min(LAST_MOMENTS), self.hub.emptied()).await;
        accepting.shutdown().await;
        let _ = stopping.send(true);
        let answered = async {
            self.hub.answered().await;
            sleep(GRACE).await;
        };
        let closed = async {
            tokio::select! {
                _ = async {
                    tokio::join!(public.connections_closed(), admin.connections_closed(), redirect.connections_closed())
                } => {}
                () = answered => {}
            }
        };
        let _ = timeout_at(deadline, closed).await;
        let closing = deadline.max(Instant::now() + CLOSING);
        let closed = timeout_at(closing, self.hub.close()).await;
        if closed.is_err() {
            tracing::error!("the log could not be closed in time: what is not on the disk yet may be lost");
        }
        match public.open() + admin.open() + redirect.open() {
            _ if closed.is_err() || self.hub.failure().is_some() => Shutdown::Failed,
            0 => Shutdown::Drained,
            open => Shutdown::CutOff(open),
        }
    }
}

/// Waits until there is a reason to stop: `stop` completes, the hub fails, or one of the loops that accept connections has
/// panicked, which fails the hub.
async fn end(stop: impl Future<Output = ()>, hub: &Hub, accepting: &mut JoinSet<()>) {
    tokio::select! {
        () = stop => {}
        _ = hub.failed() => {}
        _ = accepting.join_next() => hub.acceptor_gone(), // they have no other end
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use sse_testkit::{TestClient, event};

    use super::*;

    fn local() -> SocketAddr {
        ([127, 0, 0, 1], 0).into()
    }

    #[tokio::test]
    async fn a_hub_that_can_not_go_on_ends_its_server() {
        let mut config = Config::in_memory();
        config.server.listen = vec![local().into()];
        let server = Server::bind(config).await.unwrap();
        let hub = server.hub().clone();
        crate::hub::tests::poison(&hub);
        assert!(hub.publish("a", sse_core::Event::message("x")).await.is_err());
        assert_eq!(server.run(pending()).await, Shutdown::Failed);
    }

    #[derive(Debug)]
    struct Nobody;

    impl Authorizer for Nobody {
        fn authorize<'a>(&'a self, _: crate::auth::Asked<'a>) -> crate::auth::Authorizing<'a> {
            Box::pin(async { Ok(crate::auth::Grant::default()) })
        }
    }

    #[tokio::test]
    async fn a_program_s_own_decision_opens_no_route_of_operators() {
        let everywhere = || Listen::Tcp(([0, 0, 0, 0], 0).into());
        let mut config = Config::in_memory();
        config.server.listen = vec![everywhere()];
        assert!(Server::bind_with_authorizer(config.clone(), Nobody).await.is_ok());
        config.server.admin_listen = Some(everywhere());
        let refused = Server::bind_with_authorizer(config, Nobody).await.unwrap_err();
        assert!(refused.to_string().contains("server.admin_listen is not loopback"), "{refused}");
    }

    #[tokio::test]
    async fn a_hub_that_accepts_no_more_fails() {
        let hub = Hub::new(Config::in_memory()).unwrap();
        let mut accepting = JoinSet::new();
        accepting.spawn(pending());
        accepting.spawn(async { panic!("while it accepts") });
        end(pending(), &hub, &mut accepting).await;
        assert!(hub.failure().is_some());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_hub_that_has_lost_a_shard_ends_its_streams_and_its_server() {
        let mut config = Config::in_memory();
        config.server.listen = vec![local().into()];
        (config.server.handoff, config.server.shards) = (true, 2);
        let server = Server::bind(config).await.unwrap();
        let (shards, client) = (server.shards.clone().unwrap(), TestClient::tcp(server.local_addr()));
        let run = tokio::spawn(server.run(pending()));
        let mut streams = Vec::new();
        for _ in 0..4 {
            let mut stream = client.get("/events?topic=a").connect().await;
            stream.expect_event(event("sse-cursor")).await;
            streams.push(stream);
        }
        shards.panic(0);
        drop(shards);
        assert_eq!(run.await.unwrap(), Shutdown::Failed);
        let mut told = 0;
        for stream in &mut streams {
            while let Some(seen) = stream.next().await {
                told += usize::from(format!("{seen:?}").contains("sse-drain"));
            }
        }
        assert_eq!(told, 2, "the streams of the other shard have their last word");
    }

    #[tokio::test]
    async fn a_log_that_can_not_be_closed_holds_nobody_up() {
        let mut config = Config::in_memory();
        config.server.drain = Duration::ZERO;
        let (hub, closing) = crate::hub::tests::hanging(config);
        let listeners = Listeners { public: vec![Listener::tcp(local()).unwrap()], admin: None };
        let room = Room::find(16, 0, 1).unwrap();
        let server = Server { hub, listeners, redirect: None, shards: None, room, tls: None };
        assert_eq!(server.run(std::future::ready(())).await, Shutdown::Failed);
        drop(closing);
    }
}
