//! The dashboard as a program.

mod cli;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use host_dashboard::Dashboard;

#[tokio::main]
async fn main() -> ExitCode {
    let options = cli::Cli::parse().options();
    let elsewhere = options.hub.is_some();
    // From here on a signal is a wish to stop, not the end.
    let (dashboard, signals) = match (Dashboard::bind(options).await, Signals::listen()) {
        (Ok(dashboard), Ok(signals)) => (dashboard, signals),
        (Err(error), _) => return fail(&error),
        (_, Err(error)) => return fail(&error),
    };
    greet(&dashboard, elsewhere);
    dashboard.run(signals.one()).await;
    ExitCode::SUCCESS
}

fn greet(dashboard: &Dashboard, elsewhere: bool) {
    let (at, hub) = (dashboard.local_addr(), dashboard.hub());
    let mut text = format!("host-dashboard: listening on http://{at}\n  page  http://{at}/\n");
    if elsewhere {
        text.push_str(&format!("  hub   {hub}/ (its cors.origins must name http://{at})\n"));
    } else {
        text.push_str(&format!("  hub   {hub}/hub, started in this process\n"));
    }
    text.push_str(&format!("  watch curl -N '{hub}/events?topic=host/**'\n"));
    // Nobody may be reading; that is no reason not to serve.
    let mut out = io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn fail(error: &impl std::fmt::Display) -> ExitCode {
    eprintln!("host-dashboard: {error}");
    ExitCode::FAILURE
}

/// SIGTERM and SIGINT.
#[cfg(unix)]
struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self(signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
    }

    async fn one(mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn one(self) {
        // an error means that there is no Ctrl-C to wait for
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
