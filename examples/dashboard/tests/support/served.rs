//! The dashboard with its hub, which can be stopped and started again on what it left.

use std::{env, net::SocketAddr, path::Path, time::Duration};

use dashboard::{
    event::Event,
    site::{self, Site},
};
use sse_server::{Config, Hub, StoreKind};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) hub: Hub,
    task: JoinHandle<()>,
    site: Site,
    store: TempDir,
}

impl Served {
    /// With the page that `SSE_TEST_DASHBOARD` names.
    pub(crate) async fn start() -> Self {
        let module =
            env::var("SSE_TEST_DASHBOARD").expect("run these tests by `cargo xtask test --only browser-tests`");
        let site = Site::new(Path::new(&module)).unwrap();
        let store = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hub = open(address, store.path());
        let task = serve(&hub, &site, listener);
        Self { address, hub, task, site, store }
    }

    pub(crate) async fn publish(&self, events: &[Event]) {
        for event in events {
            site::publish(&self.hub, event).await.unwrap();
        }
    }

    /// Ends the hub and lets go of the port.
    pub(crate) async fn stop(&mut self) {
        self.hub.drain();
        self.task.abort();
        let _ = (&mut self.task).await;
        self.hub.close().await;
    }

    /// A new hub on what the last one left, which has published these events by the time it listens.
    pub(crate) async fn start_again(&mut self, events: &[Event]) {
        self.hub = open(self.address, self.store.path());
        self.publish(events).await;
        self.listen().await;
    }

    /// A new hub that knows of nothing.
    pub(crate) async fn start_anew(&mut self, events: &[Event]) {
        self.store = tempfile::tempdir().unwrap();
        self.start_again(events).await;
    }

    async fn listen(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.task = serve(&self.hub, &self.site, listener);
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.hub.drain();
        self.task.abort();
    }
}

fn open(address: SocketAddr, store: &Path) -> Hub {
    let mut config = Config::default();
    config.store.kind = StoreKind::Redb;
    config.store.path = store.to_owned();
    config.server.listen = address;
    config.server.drain = Duration::from_millis(100);
    config.stream.retry = Duration::from_millis(100);
    Hub::new(config).unwrap()
}

fn serve(hub: &Hub, site: &Site, listener: TcpListener) -> JoinHandle<()> {
    tokio::spawn(warp::serve(site::program(hub.clone(), site.clone())).incoming(listener).run())
}
