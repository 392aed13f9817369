//! The errors of a server.

use std::{io, net::SocketAddr};

use crate::{config::ConfigError, hub::HubError};

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address can't be listened on.
    #[error("can't listen on {address}: {}", reason(.source))]
    Listen {
        /// The address.
        address: SocketAddr,
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
        io::ErrorKind::PermissionDenied => "it is not allowed; ports below 1024 are for root".into(),
        _ => error.to_string(),
    }
}
