//! Why a load could not be made.

use std::io;

use crate::{mix::Mismatch, tls::Unusable};

/// Why a load could not be made.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct LoadError(#[from] Kind);

#[derive(Debug, thiserror::Error)]
pub(crate) enum Kind {
    #[error(transparent)]
    Options(#[from] Mismatch),
    #[error(transparent)]
    Tls(#[from] Unusable),
    #[error(
        "the certificate of {host} is not trusted: {error}; give its authority by --ca FILE, or take any by --insecure"
    )]
    Certificate { host: String, error: io::Error },
    #[error(
        "-n {subscribers} with --publishers {publishers}: the process may open {limit} descriptors; raise the hard limit (ulimit -Hn)"
    )]
    Descriptors { subscribers: u32, publishers: u32, limit: u64 },
    #[error("--pid: can't read what the process uses: {0}; allowed is a process of this machine, on Linux")]
    Process(#[source] io::Error),
    #[error(
        "no local port is left to connect to {host}: {error}; spread the connections with --sources, or make fewer"
    )]
    Ports { host: String, error: io::Error },
    #[error("can't open a socket: {0}")]
    Socket(#[source] io::Error),
    #[error(
        "{open} of {subscribers} subscribers were connected within {seconds:.0} s (--connect-timeout); the last failure: {reason}"
    )]
    Ramp { open: u32, subscribers: u32, seconds: f64, reason: String },
    #[error("the answer to {request} is not to be used: {detail}")]
    Answer { request: String, detail: String },
    #[error("can't connect to {host} to publish: {error}")]
    Publisher { host: String, error: io::Error },
}

impl LoadError {
    /// Whether the options are at fault: they are not allowed, or not together.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self.0, Kind::Options(_) | Kind::Tls(_))
    }
}
