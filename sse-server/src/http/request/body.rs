//! Request bodies, read within bounds of size and time.

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{FutureExt, Stream, StreamExt};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyDataStream;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout, timeout_at},
};

use crate::{http::problem::Problem, hub::Hub, metrics::RefusalKind};

/// A body that is not read yet.
pub(in crate::http) struct Body {
    pieces: Pin<Box<dyn Stream<Item = Result<Bytes, Interrupted>> + Send>>,
    pause: Duration,
    /// What all bodies together may hold, a permit for each byte.
    room: Arc<Semaphore>,
}

/// The connection ended, or failed, within the body.
struct Interrupted;

/// How long a body may take that is held whole, or a line of one that is not.
pub(in crate::http) const MAX_TIME: Duration = Duration::from_secs(300);

/// How large a body may be, and the key that says so.
#[derive(Clone, Copy)]
pub(in crate::http) struct Limit {
    pub(in crate::http) what: &'static str,
    pub(in crate::http) bytes: usize,
    pub(in crate::http) key: &'static str,
}

impl Limit {
    pub(in crate::http) fn exceeded(self) -> Problem {
        Problem::too_large(self.what, self.bytes, self.key)
    }
}

impl Body {
    pub(super) fn new<B>(body: B, hub: &Hub) -> Self
    where
        B: http_body::Body<Data: Buf> + Send + 'static,
    {
        let pieces = BodyDataStream::new(body).map(|piece| match piece {
            Ok(mut piece) => Ok(piece.copy_to_bytes(piece.remaining())),
            Err(_) => Err(Interrupted),
        });
        Self { pieces: Box::pin(pieces), pause: hub.config().server.body_timeout, room: hub.body_room() }
    }

    /// None of the room yet that all bodies have together.
    pub(in crate::http) fn room(&self) -> Room {
        Room { all: self.room.clone(), taken: None }
    }

    /// The next piece, or `None` at the end.
    pub(in crate::http) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        // Most bodies are there already: they need no timer.
        let next = match self.pieces.next().now_or_never() {
            Some(next) => Ok(next),
            None => timeout(self.pause, self.pieces.next()).await,
        };
        match next {
            Ok(None) => Ok(None),
            Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
            Ok(Some(Err(Interrupted))) => Err(Problem::invalid("the body ended before it was whole").closing()),
            Err(_) => {
                let detail = format!("nothing of the body came for {} s", self.pause.as_secs());
                Err(Problem::new(StatusCode::REQUEST_TIMEOUT, RefusalKind::too_slow, detail).closing())
            }
        }
    }

    /// The whole body, refused as soon as it is known to be too long. What it begins with, white space aside, says
    /// which limit holds; until then the larger.
    pub(in crate::http) async fn read(
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
        let deadline = Instant::now() + MAX_TIME.max(self.pause);
        let mut whole = Bytes::new();
        let mut joined = BytesMut::new();
        let mut room = self.room();
        while let Some(piece) = timeout_at(deadline, self.next()).await.map_err(|_| slow("the body"))?? {
            room.take(piece.len())?;
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
        Ok(Whole { bytes, _room: room })
    }
}

/// A body that was read, and the room that it takes until it is dropped.
pub(in crate::http) struct Whole {
    pub(in crate::http) bytes: Bytes,
    _room: Room,
}

/// What a body holds of the room that all bodies have together, until it is dropped.
pub(in crate::http) struct Room {
    all: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Takes room for more bytes, if there is any.
    pub(in crate::http) fn take(&mut self, bytes: usize) -> Result<(), Problem> {
        let more = u32::try_from(bytes).ok().and_then(|bytes| self.all.clone().try_acquire_many_owned(bytes).ok());
        match (&mut self.taken, more) {
            (_, None) => return Err(crowded()),
            (Some(taken), Some(more)) => taken.merge(more),
            (None, more) => self.taken = more,
        }
        Ok(())
    }

    /// Gives it all back.
    pub(in crate::http) fn leave(&mut self) {
        self.taken = None;
    }
}

pub(in crate::http) fn slow(what: &str) -> Problem {
    let detail = format!("{what} took longer than {} s", MAX_TIME.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, RefusalKind::too_slow, detail).closing()
}

fn crowded() -> Problem {
    let detail = "too much is being published at once; publish again in a moment";
    Problem::later(StatusCode::SERVICE_UNAVAILABLE, RefusalKind::full, detail, Duration::from_secs(1)).closing()
}
