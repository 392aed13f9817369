//! The end of the server, as its connections see it.

use tokio::sync::watch;

/// Waits until the server that the connection belongs to is gone.
pub(super) async fn gone(stopped: &mut watch::Receiver<bool>) {
    while stopped.changed().await.is_ok() {}
}
