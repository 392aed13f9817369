//! A dashboard and a hub that run beside the test, each until it is stopped.
#![allow(dead_code, reason = "each test target uses its part")]

use std::{
    net::{SocketAddr, TcpListener},
    process,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use host_dashboard::{Dashboard, Options};
use sse_server::{Config, Server};
use tokio::{sync::oneshot, task::JoinHandle};

/// Something that runs until it is told to stop.
struct Task {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Task {
    async fn stop(self) {
        let _ = self.stop.send(());
        self.task.await.unwrap();
    }
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    task: Task,
}

impl Running {
    pub(crate) async fn start(options: Options) -> Self {
        let dashboard = Dashboard::bind(options).await.unwrap();
        let address = dashboard.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let run = async { dashboard.run(async { stopped.await.unwrap_or(()) }).await };
        Self { address, task: Task { stop, task: tokio::spawn(run) } }
    }

    pub(crate) async fn stop(self) {
        self.task.stop().await;
    }
}

pub(crate) struct RunningHub {
    pub(crate) address: SocketAddr,
    task: Task,
}

impl RunningHub {
    /// A hub that lets pages of these origins in, and wants clients back soon.
    pub(crate) async fn start(listen: SocketAddr, origins: &[String]) -> Self {
        let mut config = Config::in_memory();
        config.server.listen = listen;
        config.server.drain = Duration::from_millis(100);
        config.stream.retry = Duration::from_millis(100);
        config.cors.origins = origins.to_vec();
        let server = Server::bind(config).await.unwrap();
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let run = async {
            server.run(async { stopped.await.unwrap_or(()) }).await;
        };
        Self { address, task: Task { stop, task: tokio::spawn(run) } }
    }

    pub(crate) async fn stop(self) {
        self.task.stop().await;
    }
}

pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// An address for something that starts later, or again: below the ports that systems give away by themselves, where
/// a connection of another test would take it in the meantime.
pub(crate) fn address_for_later() -> SocketAddr {
    const PORTS: std::ops::Range<u16> = 20_000..32_000;
    static TRIED: AtomicU16 = AtomicU16::new(0);
    let first = (process::id() % 1_000 * 12) as u16;
    loop {
        let tried = TRIED.fetch_add(1, Ordering::Relaxed);
        assert!(tried < PORTS.end - PORTS.start, "no port is free");
        let address = loopback(PORTS.start + (first + tried) % (PORTS.end - PORTS.start));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
