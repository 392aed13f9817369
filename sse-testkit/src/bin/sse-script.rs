//! Scripted servers of Server-Sent Events, for tests in a browser or in another language.

use std::{
    error::Error,
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use sse_testkit::script::{Script, ScriptHost};

/// Scripted servers of Server-Sent Events, for tests in a browser or in another language.
///
/// It prints its URL and serves until it is stopped. PUT a script, as JSON, to /scripts/NAME, point the client at
/// /run/NAME, and GET /scripts/NAME to see whether all steps ran or which failed. GET / says more.
///
/// Exit status: 1 when it can't listen or a script is not allowed, 2 for a bad option.
#[derive(Debug, Parser)]
#[command(name = "sse-script", version)]
struct Options {
    /// Where to listen: an address of loopback, port 0 for any
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Scripts to install at the start: each *.json in here, under its name without .json
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sse-script: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listening = ScriptHost::start(options.listen).await;
        let host = listening.map_err(|error| format!("--listen {}: {error}", options.listen))?;
        if let Some(directory) = &options.directory {
            install(&host, directory)?;
        }
        writeln!(io::stdout(), "http://{}", host.address())?;
        io::stdout().flush()?;
        std::future::pending().await
    })
}

fn install(host: &ScriptHost, directory: &Path) -> Result<(), Box<dyn Error>> {
    let named = |error: io::Error| format!("{}: {error}", directory.display());
    for entry in std::fs::read_dir(directory).map_err(named)? {
        let path = entry.map_err(named)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let script = Script::load(&path)?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            host.install(&name, &script).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    Ok(())
}
