//! A hub as a program and a relay in a thread, each to be killed.

use std::{env, net::SocketAddr, thread, time::Duration};

use llm_relay::{Options, Relay};
use sse_test_support::{address, hub::Hub, process::Process};
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::oneshot};

pub(crate) struct Stage {
    pub(crate) hub: Process,
    relay: Option<Running>,
    hub_address: SocketAddr,
    relay_address: SocketAddr,
    directory: TempDir,
}

/// A relay with a runtime of its own: all that it does ends with that, as if it was killed.
struct Running {
    thread: thread::JoinHandle<()>,
    kill: oneshot::Sender<()>,
}

impl Stage {
    pub(crate) fn set() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (hub_address, relay_address) = (address::for_later(), address::for_later());
        let hub = start_hub(hub_address, relay_address, "redb", &directory);
        let mut stage = Self { hub, relay: None, hub_address, relay_address, directory };
        stage.restart_relay();
        stage
    }

    /// The page's address.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.relay_address)
    }

    /// After a kill.
    pub(crate) fn restart_hub(&mut self, store: &str) {
        self.hub = start_hub(self.hub_address, self.relay_address, store, &self.directory);
    }

    pub(crate) fn kill_relay(&mut self) {
        if let Some(Running { thread, kill }) = self.relay.take() {
            let _ = kill.send(());
            thread.join().unwrap();
        }
    }

    /// After a kill.
    pub(crate) fn restart_relay(&mut self) {
        let options = Options {
            listen: self.relay_address,
            hub: format!("http://{}", self.hub_address).parse().unwrap(),
            provider: None,
            key: None,
            model: String::new(),
            retry_provider: false,
            delay: Duration::from_millis(40),
            data: self.directory.path().join("relay"),
            package: env::var("SSE_TEST_NPM")
                .expect("run these tests by `cargo xtask test --only browser-tests`")
                .into(),
        };
        let (kill, killed) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            Runtime::new().unwrap().block_on(async {
                let relay = Relay::bind(options).await.unwrap();
                tokio::select! {
                    () = relay.run() => {}
                    _ = killed => {}
                }
            });
        });
        self.relay = Some(Running { thread, kill });
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.kill_relay();
    }
}

fn start_hub(hub: SocketAddr, relay: SocketAddr, store: &str, directory: &TempDir) -> Process {
    let (path, origin) = (directory.path().join("hub"), format!("http://{relay}"));
    let settings = [
        ("SSE__STORE__KIND", store),
        ("SSE__STORE__PATH", path.to_str().unwrap()),
        ("SSE__STORE__DURABILITY", "always"),
        ("SSE__CORS__ORIGINS", &origin),
        ("SSE__STREAM__RETRY", "100ms"),
    ];
    Hub::built().start_at(&hub.to_string(), &settings)
}
