//! The signals that end the program.

use std::{io, process, thread};

use sse_server::LogLines;
use tokio::sync::oneshot;

use crate::exit::LAST_LINES;

/// Listens from now on. What is returned completes at the first signal; the second ends the process.
///
/// That is on a thread of its own, with a runtime of its own: a signal is heard whatever the hub's threads wait for. Call it
/// outside of a runtime.
///
/// # Errors
///
/// The system's error if it can't be listened to signals.
pub(crate) fn listen(lines: LogLines) -> io::Result<oneshot::Receiver<()>> {
    let (stop, stopped) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let mut signals = {
        let _entered = runtime.enter();
        Signals::listen()?
    };
    thread::Builder::new().name("sse-signals".into()).spawn(move || {
        runtime.block_on(async {
            signals.next().await;
            let _ = stop.send(());
            signals.next().await;
            tracing::warn!("stopped at once by a second signal");
            lines.flush(LAST_LINES);
            process::exit(1);
        });
    })?;
    Ok(stopped)
}

/// SIGTERM, SIGINT, and SIGHUP unless it was ignored.
#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let hangup = (!hangup_is_ignored()).then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())?, hangup })
    }

    async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = hangup => {}
        }
    }
}

/// Returns true if whoever started the process had it ignore SIGHUP, as `nohup` does. To listen would undo that. Only Linux
/// tells.
#[cfg(unix)]
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// Ctrl-C.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        // an error means that there is no Ctrl-C to wait for
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
