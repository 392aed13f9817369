//! The hub as a program.

mod cli;
mod exit;

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

use sse_server::{Config, LogFormat, Server, Shutdown, StoreKind};
use tracing_subscriber::EnvFilter;

use exit::fail;

/// A bad configuration.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let command = cli::parse();
    if command.print_reference {
        print(&Config::reference());
        return ExitCode::SUCCESS;
    }
    let config = match Config::load(&command.sources()) {
        Ok(config) => config,
        Err(error) => return fail(&error, USAGE),
    };
    if command.print_config {
        print(&config.to_toml());
        return ExitCode::SUCCESS;
    }
    log_to_stderr(&config);
    if let Some(cli::Other::Log(log)) = &command.other {
        return log.run(&config);
    }
    let descriptors = rlimit::increase_nofile_limit(u64::MAX);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, 1),
    };
    runtime.block_on(run(config, descriptors))
}

async fn run(config: Config, descriptors: std::io::Result<u64>) -> ExitCode {
    let server = match Server::bind(config).await {
        Ok(server) => server,
        Err(error) => return fail(&error, 1),
    };
    // From here on a signal is a wish to shut down, not the end.
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return fail(&error, 1),
    };
    greet(&server);
    match descriptors {
        Ok(limit) => tracing::info!(descriptors = limit, "descriptor limit; every stream needs one"),
        Err(error) => tracing::warn!(%error, "can't raise the descriptor limit"),
    }
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let serving = server.run(async {
        let _ = stopped.await;
    });
    let impatient = async {
        signals.next().await;
        let _ = stop.send(());
        signals.next().await;
    };
    tokio::select! {
        shutdown = serving => {
            if let Shutdown::CutOff(open) = shutdown {
                tracing::warn!(open, "cut off at the deadline");
            }
            tracing::info!("stopped");
            if shutdown == Shutdown::Failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        () = impatient => {
            tracing::warn!("stopped at once by a second signal");
            ExitCode::FAILURE
        }
    }
}

/// SIGTERM and SIGINT.
#[cfg(unix)]
struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self(signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
    }

    async fn next(&mut self) {
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
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// The first line is for programs too: it says where the hub listens.
fn greet(server: &Server) {
    let at = server.local_addr();
    let mut text = format!(
        "sse-server: listening on http://{at}\n  page    http://{at}/\n  \
         watch   curl -N 'http://{at}/events?topic=news'\n  publish curl -d hello http://{at}/publish/news\n"
    );
    let store = &server.hub().config().store;
    if store.kind == StoreKind::Redb {
        text.push_str(&format!("  log     {}\n", store.path.display()));
    }
    if let Some(admin) = server.admin_addr() {
        text.push_str(&format!("  admin   http://{admin}/metrics\n"));
    }
    print(&text);
}

fn print(text: &str) {
    // Nobody may be reading; that is no reason not to serve.
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn log_to_stderr(config: &Config) {
    let telemetry = &config.telemetry;
    let terminal = std::io::stderr().is_terminal();
    let json = match telemetry.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        _ => !terminal,
    };
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let filter = EnvFilter::try_new(&telemetry.log).unwrap_or_default();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    if json { subscriber.json().init() } else { subscriber.init() }
}
