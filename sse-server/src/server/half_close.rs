//! Closing a connection without losing what the peer has not read yet.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use crate::transport::{HALF_CLOSE, HALF_CLOSE_BYTES};

/// Shuts down our side, then discards the peer's input until it closes, for at most a second and 16 MiB. A socket that is
/// closed with unread input sends a reset, which can overtake our last bytes.
pub(super) async fn half_close(mut io: impl AsyncRead + AsyncWrite + Unpin) {
    let closed = async {
        // over TLS the end has to be sent, and the peer may take nothing
        if io.shutdown().await.is_err() {
            return;
        }
        let (mut dropped, mut left) = ([0; 4096], HALF_CLOSE_BYTES);
        while left > 0
            && let Ok(count @ 1..) = io.read(&mut dropped).await
        {
            left = left.saturating_sub(count);
        }
    };
    let _ = timeout(Duration::from_millis(HALF_CLOSE), closed).await;
}
