//! The hub as a program.

mod cli;
mod exit;
mod logging;
mod signals;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use sse_server::{AuthMode, Config, Listen, LogLines, Server, Shutdown, StoreKind};
use tokio::runtime::{Builder, Runtime};

use exit::{fail, tell};

/// The exit code for an invalid configuration.
const USAGE: u8 = 2;

/// The polls of tasks between two looks at the sockets. One that parses what pours in takes up to a millisecond, and others
/// have requests.
const POLLS: u32 = 8;

fn main() -> ExitCode {
    let command = cli::parse();
    if command.print_reference {
        return print_all(&Config::reference());
    }
    let sources = match command.sources() {
        Ok(sources) => sources,
        Err(error) => return fail(&error, 1),
    };
    let config = match Config::load(&sources) {
        Ok(config) => config,
        Err(error) => return fail(&error, USAGE),
    };
    if command.print_config {
        return print_all(&config.to_toml());
    }
    let lines = match logging::start(&config) {
        Ok(lines) => lines,
        Err(error) => return fail(&error, 1),
    };
    let status = match &command.other {
        Some(cli::Other::Log(log)) => Some(log.run(&config)),
        Some(cli::Other::Token(token)) => Some(token.run(&config)),
        None => None,
    };
    if let Some(status) = status {
        lines.flush(exit::LAST_LINES);
        return status;
    }
    let descriptors = rlimit::increase_nofile_limit(u64::MAX);
    let runtime = match Builder::new_multi_thread().enable_all().event_interval(POLLS).build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, 1),
    };
    let status = run(config, descriptors, &lines, &runtime).unwrap_or_else(|error| {
        tell(&error);
        1
    });
    exit::now(&lines, status)
}

/// Serves to the end on `runtime`. Returns the exit code.
fn run(
    config: Config,
    descriptors: io::Result<u64>,
    lines: &LogLines,
    runtime: &Runtime,
) -> Result<u8, Box<dyn std::error::Error>> {
    let server = runtime.block_on(Server::bind(config))?;
    // From here on a signal asks for a shutdown instead of ending the process.
    let stopped = signals::listen(lines.clone())?;
    greet(&server);
    match descriptors {
        Ok(limit) => tracing::info!(descriptors = limit, "descriptor limit; every stream needs one"),
        Err(error) => tracing::warn!(%error, "can't raise the descriptor limit"),
    }
    let shutdown = runtime.block_on(server.run(async {
        let _ = stopped.await; // or the thread that listens is gone
    }));
    if let Shutdown::CutOff(open) = shutdown {
        tracing::warn!(open, "connections were cut off");
    }
    tracing::info!("stopped");
    Ok(u8::from(shutdown == Shutdown::Failed))
}

/// Prints where the hub listens. The first line is meant for programs, too.
fn greet(server: &Server) {
    let scheme = if server.has_tls() { "https" } else { "http" };
    let listens = server.listens_at();
    let shows = |listen: &Listen| match listen {
        Listen::Tcp(address) => format!("{scheme}://{address}"),
        other => other.to_string(),
    };
    // where an address is, curl and a browser get there; to a socket only curl does
    let first = listens.iter().find(|listen| matches!(listen, Listen::Tcp(_))).or(listens.first());
    let listening = first.map(shows).unwrap_or_default();
    let (at, by) = match first {
        Some(Listen::Unix(path)) => ("http://localhost".to_owned(), format!("--unix-socket {} ", path.display())),
        _ => (listening.clone(), String::new()),
    };
    let mode = server.hub().config().auth.mode;
    let shown = match mode {
        AuthMode::Open => by,
        AuthMode::Certificates => format!("{by}--cert client.pem --key client.key "),
        AuthMode::Ask => format!("{by}-b \"$COOKIE\" -H 'Origin: {at}' "),
        _ => format!("{by}-H \"Authorization: Bearer $TOKEN\" "),
    };
    let mut text = format!(
        "sse-server: listening on {listening}\n  page    {at}/\n  \
         watch   curl -N {shown}'{at}/events?topic=news'\n  publish curl {shown}-d hello {at}/publish/news\n"
    );
    let store = &server.hub().config().store;
    if store.kind == StoreKind::Redb {
        text.push_str(&format!("  log     {}\n", store.path.display()));
    }
    if let Some(certificate) = &server.hub().config().tls.certificate {
        text.push_str(&format!("  tls     {}\n", certificate.display()));
    }
    text.push_str(match mode {
        AuthMode::Open => "  access  open: whoever reaches it may publish and read everything\n",
        AuthMode::Tokens => "  access  by token: see `sse-server token --help`\n",
        AuthMode::Certificates => "  access  by the certificates of clients\n",
        AuthMode::Ask => "  access  the application is asked\n",
        _ => "  access  by JSON Web Token\n",
    });
    for also in listens.iter().filter(|listen| Some(*listen) != first) {
        text.push_str(&format!("  also    {}\n", shows(also)));
    }
    if let Some(admin) = server.admin_listens_at() {
        match admin {
            Listen::Tcp(address) => text.push_str(&format!("  admin   http://{address}/metrics\n")),
            other => text.push_str(&format!("  admin   {other}\n")),
        }
    }
    let _ = print(&text); // serve even if nobody reads it
}

/// Prints what was asked for. If that fails, so does the program.
fn print_all(text: &str) -> ExitCode {
    match print(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("can't write to standard output: {error}"), 1),
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}
