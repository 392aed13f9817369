//! Request bodies, read within bounds of size and time.

use std::{pin::Pin, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, StatusCode, header};
use tokio::time::timeout;

use super::problem::Problem;
use crate::{config::Config, metrics::Refused};

/// A body that is not read yet.
pub(super) struct Body {
    frames: Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send>>,
    pause: Duration,
}

/// How large a body may be, and the key that says so.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) what: &'static str,
    pub(super) bytes: usize,
    pub(super) key: &'static str,
}

impl Limit {
    pub(super) fn exceeded(self) -> Problem {
        Problem::too_large(self.what, self.bytes, self.key)
    }
}

impl Body {
    pub(super) fn new<B: Buf>(
        frames: impl Stream<Item = Result<B, warp::Error>> + Send + 'static,
        config: &Config,
    ) -> Self {
        let frames =
            frames.map(|frame| frame.map(|mut frame| frame.copy_to_bytes(frame.remaining())));
        Self { frames: Box::pin(frames), pause: config.server.body_timeout }
    }

    /// The next piece, or `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        match timeout(self.pause, self.frames.next()).await {
            Ok(None) => Ok(None),
            Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
            Ok(Some(Err(_))) => {
                Err(Problem::invalid("the body ended before it was whole").closing())
            }
            Err(_) => {
                let detail = format!("nothing of the body came for {} s", self.pause.as_secs());
                Err(Problem::new(StatusCode::REQUEST_TIMEOUT, Refused::too_slow, detail).closing())
            }
        }
    }

    /// The whole body, refused as soon as it is known to be too long. Its first piece says which limit holds.
    pub(super) async fn read(
        mut self,
        headers: &HeaderMap,
        limit: impl Fn(&[u8]) -> Limit,
    ) -> Result<Bytes, Problem> {
        let told = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let mut whole = Bytes::new();
        let mut joined = BytesMut::new();
        let mut holds = limit(b"");
        while let Some(piece) = self.next().await? {
            let first = whole.is_empty() && joined.is_empty();
            if first {
                holds = limit(&piece);
            }
            let length = joined.len() + whole.len() + piece.len();
            if length > holds.bytes || told.is_some_and(|told| told > holds.bytes as u64) {
                return Err(holds.exceeded());
            }
            if first {
                whole = piece; // most bodies come in one piece
            } else {
                joined.extend_from_slice(&std::mem::take(&mut whole));
                joined.extend_from_slice(&piece);
            }
        }
        Ok(if joined.is_empty() { whole } else { joined.freeze() })
    }
}
