//! How a connection learns that its server is gone.

use tokio::sync::watch;

/// Waits until the server to which the connection belongs is gone.
pub(super) async fn gone(stopped: &mut watch::Receiver<bool>) {
    while stopped.changed().await.is_ok() {}
}
