//! A dashboard and a hub that run beside the test, each until it is stopped.

use std::{fmt::Debug, net::SocketAddr, time::Duration};

use host_dashboard::{Dashboard, Options};
use sse_server::{Config, Server};
use tokio::{sync::oneshot, task::JoinHandle, time::Instant};

/// Listens as soon as the address is free. A program that another test starts has this process's sockets for the moment
/// between its fork and its exec, so an address may be in use a little longer than its socket.
pub(crate) async fn as_soon_as_free<L, E: Debug>(mut attempt: impl AsyncFnMut() -> Result<L, E>) -> L {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match attempt().await {
            Ok(listening) => return listening,
            Err(error) => assert!(Instant::now() < deadline, "{error:?}"),
        }
        tokio::task::yield_now().await;
    }
}

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
    task: Task,
}

impl RunningHub {
    /// A hub that lets pages of these origins in, and wants clients back soon.
    pub(crate) async fn start(listen: SocketAddr, origins: &[String]) -> Self {
        let mut config = Config::in_memory();
        config.server.listen = vec![listen.into()];
        config.server.drain = Duration::from_millis(100);
        config.stream.retry = Duration::from_millis(100);
        config.cors.origins = origins.to_vec();
        let server = as_soon_as_free(async || Server::bind(config.clone()).await).await;
        let (stop, stopped) = oneshot::channel::<()>();
        let run = async {
            server.run(async { stopped.await.unwrap_or(()) }).await;
        };
        Self { task: Task { stop, task: tokio::spawn(run) } }
    }

    pub(crate) async fn stop(self) {
        self.task.stop().await;
    }
}
