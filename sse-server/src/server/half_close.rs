//! Closing without destroying what the peer has not read yet.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

/// How long the peer may take to close its side.
const PATIENCE: Duration = Duration::from_secs(1);

/// Ends our side, then reads and drops what the peer still sends, until its end or for a second. A socket that is closed
/// with unread input sends a reset, which can overtake our last bytes.
pub(super) async fn half_close(mut io: impl AsyncRead + AsyncWrite + Unpin) {
    if io.shutdown().await.is_err() {
        return;
    }
    let drained = async {
        let mut dropped = [0; 4096];
        while let Ok(1..) = io.read(&mut dropped).await {}
    };
    let _ = timeout(PATIENCE, drained).await;
}
