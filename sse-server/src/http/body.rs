//! Request bodies, read within bounds of size and time.

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{FutureExt, Stream, StreamExt};
use http::{HeaderMap, StatusCode, header};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout, timeout_at},
};

use super::problem::Problem;
use crate::{handle::Hub, metrics::Refused};

/// A body that is not read yet.
pub(super) struct Body {
    frames: Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send>>,
    pause: Duration,
    /// What all bodies together may hold, a permit for each byte.
    room: Arc<Semaphore>,
}

/// How long a body may take that is held whole.
const BODY_TIME: Duration = Duration::from_secs(300);

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
    pub(super) fn new<B: Buf>(frames: impl Stream<Item = Result<B, warp::Error>> + Send + 'static, hub: &Hub) -> Self {
        let frames = frames.map(|frame| frame.map(|mut frame| frame.copy_to_bytes(frame.remaining())));
        Self { frames: Box::pin(frames), pause: hub.config().server.body_timeout, room: hub.body_room() }
    }

    /// The next piece, or `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        // Most bodies are there already: they need no timer.
        let next = match self.frames.next().now_or_never() {
            Some(next) => Ok(next),
            None => timeout(self.pause, self.frames.next()).await,
        };
        match next {
            Ok(None) => Ok(None),
            Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
            Ok(Some(Err(_))) => Err(Problem::invalid("the body ended before it was whole").closing()),
            Err(_) => {
                let detail = format!("nothing of the body came for {} s", self.pause.as_secs());
                Err(Problem::new(StatusCode::REQUEST_TIMEOUT, Refused::too_slow, detail).closing())
            }
        }
    }

    /// The whole body, refused as soon as it is known to be too long. What it begins with, white space aside, says
    /// which limit holds; until then the larger.
    pub(super) async fn read(
        mut self,
        headers: &HeaderMap,
        larger: Limit,
        limit: impl Fn(&[u8]) -> Limit,
    ) -> Result<Whole, Problem> {
        let told = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let too_long = |limit: Limit| told.is_some_and(|told| told > limit.bytes as u64);
        if too_long(larger) {
            return Err(larger.exceeded());
        }
        let deadline = Instant::now() + BODY_TIME.max(self.pause);
        let mut whole = Bytes::new();
        let mut joined = BytesMut::new();
        let mut taken: Option<OwnedSemaphorePermit> = None;
        while let Some(piece) = timeout_at(deadline, self.next()).await.map_err(|_| slow())?? {
            let room =
                u32::try_from(piece.len()).ok().and_then(|len| self.room.clone().try_acquire_many_owned(len).ok());
            match (&mut taken, room) {
                (_, None) => return Err(crowded()),
                (Some(taken), Some(room)) => taken.merge(room),
                (None, room) => taken = room,
            }
            if whole.is_empty() && joined.is_empty() {
                whole = piece; // most bodies come in one piece
            } else {
                joined.extend_from_slice(&std::mem::take(&mut whole));
                joined.extend_from_slice(&piece);
            }
            let so_far = if joined.is_empty() { &whole[..] } else { &joined[..] };
            let holds = if so_far.trim_ascii_start().is_empty() { larger } else { limit(so_far) };
            if so_far.len() > holds.bytes || too_long(holds) {
                return Err(holds.exceeded());
            }
        }
        let bytes = if joined.is_empty() { whole } else { joined.freeze() };
        Ok(Whole { bytes, _room: taken })
    }
}

/// A body that was read, and the room that it takes until it is dropped.
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

fn slow() -> Problem {
    let detail = format!("the body took longer than {} s", BODY_TIME.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, Refused::too_slow, detail).closing()
}

fn crowded() -> Problem {
    let detail = "too much is being published at once; publish again in a moment";
    Problem::later(StatusCode::SERVICE_UNAVAILABLE, Refused::full, detail, Duration::from_secs(1)).closing()
}
