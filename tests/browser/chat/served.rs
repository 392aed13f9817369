//! The chat with its hub, served as long as the test lasts.

use std::{env, net::SocketAddr, path::Path, time::Duration};

use chat::Site;
use sse_server::{Config, Hub};
use tokio::{net::TcpListener, task::JoinHandle};

pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) hub: Hub,
    task: JoinHandle<()>,
}

impl Served {
    /// With the package that `SSE_TEST_NPM` names.
    pub(crate) async fn start() -> Self {
        let package = env::var("SSE_TEST_NPM").expect("run these tests by `cargo xtask test --only browser-tests`");
        let site = Site::new(Path::new(&package)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut config = Config::in_memory();
        config.server.listen = vec![address.into()];
        config.server.drain = Duration::from_millis(100);
        config.stream.retry = Duration::from_millis(100);
        let hub = Hub::new(config).unwrap();
        let task = tokio::spawn(warp::serve(chat::program(hub.clone(), site)).incoming(listener).run());
        Self { address, hub, task }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.hub.drain();
        self.task.abort();
    }
}
