//! The errors of a server.

use std::io;

use crate::{
    config::{ConfigError, Listen},
    hub::HubError,
};

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// An address can't be listened on, or a socket.
    #[error("can't listen on {at}: {}", reason(.source))]
    Listen {
        /// The address or the socket.
        at: Listen,
        /// The system's error.
        source: io::Error,
    },
    /// The configuration is not allowed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The process may open too few descriptors.
    #[error(
        "the process may open {descriptors} descriptors, which is too few to serve; allow it {needed} or more (ulimit -n)"
    )]
    Descriptors {
        /// The limit.
        descriptors: usize,
        /// The lowest limit that will do.
        needed: usize,
    },
    /// The system's clock can't be right: it is before 1970 or after 9999.
    #[error("the system's clock is before 1970 or after 9999, so responses can't be dated; set it")]
    Clock,
    /// The threads that carry the streams can't be started.
    #[error("can't start the threads that carry the streams: {0}")]
    Shards(#[source] io::Error),
    /// The certificate or its key can't be used.
    #[error("can't serve over TLS: {0}")]
    Tls(String),
    /// The log can't be opened.
    #[error(transparent)]
    Hub(#[from] HubError),
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "it is in use; stop what listens there, or choose another with --listen".into(),
        io::ErrorKind::PermissionDenied => {
            "it is not allowed; ports below 1024 are for root, and a socket needs a directory to write to".into()
        }
        _ => error.to_string(),
    }
}
