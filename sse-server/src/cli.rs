//! The command line.

pub(crate) mod dev_tls;
mod log;
mod token;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use sse_server::Source;

/// A Server-Sent Events hub: publish over HTTP, fan out as SSE, resume exactly.
///
/// Started with nothing at all it listens on 127.0.0.1:8080 and keeps its log in ./sse-data. Flags win over the environment
/// (SSE__SECTION__KEY, such as SSE__STREAM__HEARTBEAT=30s), which wins over the file, which wins over the defaults.
#[derive(Debug, Parser)]
#[command(name = "sse-server", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Command {
    /// A TOML file; --print-config shows what it can hold
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Where to listen: an address and port, unix:/PATH or systemd, or several with commas [default: 127.0.0.1:8080]
    #[arg(long, value_name = "WHERE")]
    listen: Option<String>,

    /// Where the log is kept: redb, a file on disk, or memory [default: redb]
    #[arg(long, value_name = "KIND")]
    store: Option<String>,

    /// The directory of the log on disk [default: sse-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Serve over TLS with a certificate for localhost, which is made in ./sse-dev-tls: to try HTTP/2 in a browser
    #[arg(long)]
    pub(crate) dev_tls: bool,

    /// Print the effective configuration as commented TOML, and exit
    #[arg(long)]
    pub(crate) print_config: bool,

    /// Print docs/configuration.md, and exit: for those who work on the hub
    #[arg(long, hide = true)]
    pub(crate) print_reference: bool,

    #[command(subcommand)]
    pub(crate) other: Option<Other>,
}

/// The subcommands; without one the program serves.
#[derive(Debug, Subcommand)]
pub(crate) enum Other {
    /// Look at the log on disk, take events out and put them in, check it, make it smaller: while the hub is stopped
    Log(log::Command),
    /// Make, list and revoke the tokens of a hub with auth.mode = "tokens"
    Token(token::Command),
}

pub(crate) fn parse() -> Command {
    Command::parse()
}

impl Command {
    /// The sources of the configuration, the strongest last.
    ///
    /// # Errors
    ///
    /// Why there is no certificate for `--dev-tls`, in one line.
    pub(crate) fn sources(&self) -> Result<Vec<Source>, String> {
        let (config, data, tokens) = match &self.other {
            Some(Other::Log(log)) => (&log.config, &log.data, None),
            Some(Other::Token(token)) => (&token.config, &None, token.file.as_ref()),
            None => (&self.config, &self.data, None),
        };
        let mut sources: Vec<_> = config.iter().cloned().map(Source::File).collect();
        sources.push(Source::Environment);
        let path = data.as_ref().map(|path| path.display().to_string());
        let [certificate, key] = match self.dev_tls {
            true => dev_tls::files()?.map(|path| Some(path.display().to_string())),
            false => [None, None],
        };
        let flags = [
            ("server.tls.certificate", certificate, "--dev-tls"),
            ("server.tls.key", key, "--dev-tls"),
            ("server.listen", self.listen.clone(), "--listen"),
            ("store.kind", self.store.clone(), "--store"),
            ("store.path", path, "--data"),
            ("auth.tokens", tokens.map(|path| path.display().to_string()), "--file"),
        ];
        sources.extend(flags.into_iter().filter_map(|(key, value, flag)| Some(Source::Flag(key, value?, flag))));
        Ok(sources)
    }
}
