//! The threads on which a rush of clients shakes hands.

use std::{future::Future, io};

use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
};

use crate::config::MAX_SHARDS;

/// How much less of a busy processor than others these threads get (`nice`): a tenth.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// The threads on which a rush of clients shakes hands, such as after a restart or by somebody who means harm, until this is
/// dropped. They leave the others their turns. And what stays of a session for its life is allocated meanwhile: on threads that
/// allocate little else it lies close together.
#[derive(Debug)]
pub(super) struct Threads(Option<Runtime>);

impl Threads {
    pub(super) fn start() -> io::Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)).min(MAX_SHARDS);
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(threads).thread_name("sse-handshakes").enable_time();
        #[cfg(target_os = "linux")]
        builder.on_thread_start(|| {
            let _ = rustix::process::setpriority_process(None, NICE); // of this thread alone, on Linux
        });
        builder.build().map(|runtime| Self(Some(runtime)))
    }

    /// Runs `task` there, unless the returned future is dropped before. `None` if it panicked.
    pub(super) async fn run<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let mut one = JoinSet::new();
        one.spawn_on(task, self.0.as_ref()?.handle());
        one.join_next().await?.ok()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
