//! Why a server does not listen.

use std::{io, net::SocketAddr};

use crate::{config::ConfigError, hub::HubError};

/// Why the hub does not listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address can't be listened on.
    #[error("can't listen on {address}: {}", reason(.source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The configuration is not allowed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The threads that carry the streams can't be started.
    #[error("can't start the threads that carry the streams: {0}")]
    Shards(#[source] io::Error),
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
