//! The dashboard with its hub, which can be stopped and started again on what it left.

use std::{env, net::SocketAddr, path::Path, time::Duration};

use dashboard::{
    event::Event,
    site::{self, Site},
};
use sse_server::{Config, Hub, StoreKind};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};
use warp::{Filter, http::StatusCode};

/// How long a server may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) hub: Hub,
    serving: Option<Serving>,
    site: Site,
    store: TempDir,
}

/// What listens. When it has stopped it has let go of its connections too, so that no browser comes back to it by one of
/// them.
struct Serving {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
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
        let serving = Some(Serving::of(site::program(hub.clone(), site.clone()), listener));
        Self { address, hub, serving, site, store }
    }

    pub(crate) async fn publish(&self, events: &[Event]) {
        for event in events {
            site::publish(&self.hub, event).await.unwrap();
        }
    }

    /// Ends the hub and lets go of the port.
    pub(crate) async fn stop(&mut self) {
        self.hub.drain();
        self.silence().await;
        self.hub.close().await;
    }

    /// Has every request answered with 503, as a proxy does whose server is away.
    pub(crate) async fn refuse(&mut self) {
        self.silence().await;
        let refusal = warp::any().and_then(async || Ok::<_, warp::Rejection>(StatusCode::SERVICE_UNAVAILABLE));
        self.serving = Some(Serving::of(refusal, listen(self.address).await));
    }

    /// A new hub on what the last one left, which has published these events by the time it listens.
    pub(crate) async fn start_again(&mut self, events: &[Event]) {
        self.silence().await;
        self.hub = open(self.address, self.store.path());
        self.publish(events).await;
        let program = site::program(self.hub.clone(), self.site.clone());
        self.serving = Some(Serving::of(program, listen(self.address).await));
    }

    /// A new hub that knows of nothing.
    pub(crate) async fn start_anew(&mut self, events: &[Event]) {
        self.store = tempfile::tempdir().unwrap();
        self.start_again(events).await;
    }

    /// Waits until no stream is open.
    pub(crate) async fn until_nobody_listens(&self) {
        let nobody = async {
            while self.hub.subscribers() > 0 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, nobody).await.expect("the streams end");
    }

    async fn silence(&mut self) {
        if let Some(Serving { stop, task }) = self.serving.take() {
            let _ = stop.send(());
            timeout(PATIENCE, task).await.expect("the server ends").unwrap();
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.hub.drain();
        if let Some(serving) = &self.serving {
            serving.task.abort();
        }
    }
}

impl Serving {
    fn of<F>(filter: F, listener: TcpListener) -> Self
    where
        F: Filter<Error = warp::Rejection> + Clone + Send + Sync + 'static,
        F::Extract: warp::Reply,
    {
        let (stop, stopped) = oneshot::channel();
        let stopped = async { stopped.await.unwrap_or(()) };
        Self { stop, task: tokio::spawn(warp::serve(filter).incoming(listener).graceful(stopped).run()) }
    }
}

async fn listen(address: SocketAddr) -> TcpListener {
    TcpListener::bind(address).await.unwrap()
}

fn open(address: SocketAddr, store: &Path) -> Hub {
    let mut config = Config::default();
    config.store.kind = StoreKind::Redb;
    config.store.path = store.to_owned();
    config.server.listen = vec![address.into()];
    config.server.drain = Duration::from_millis(100);
    config.stream.retry = Duration::from_millis(100);
    Hub::new(config).unwrap()
}
