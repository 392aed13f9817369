//! Request bodies, read within bounds on size and time.

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

/// A body that has not been read yet.
pub(in crate::http) struct Body {
    pieces: Pin<Box<dyn Stream<Item = Result<Bytes, Interrupted>> + Send>>,
    pause: Duration,
    /// The memory for all request bodies, a permit for each byte.
    room: Arc<Semaphore>,
}

/// The connection ended or failed in the middle of the body.
struct Interrupted;

/// The longest time for a buffered body, or for one line of a streamed body.
const MAX_TIME: Duration = Duration::from_secs(300);

/// The largest size of a body, and the configuration key that sets it.
#[derive(Clone, Copy)]
pub(in crate::http) struct BodyLimit {
    pub(in crate::http) what: &'static str,
    pub(in crate::http) bytes: usize,
    pub(in crate::http) key: &'static str,
}

impl BodyLimit {
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

    /// An empty share of the memory for all bodies.
    pub(in crate::http) fn room(&self) -> Room {
        Room { all: self.room.clone(), taken: None }
    }

    /// When a body, or a line of one, that begins now has to be whole.
    pub(in crate::http) fn deadline(&self) -> Instant {
        Instant::now() + MAX_TIME.max(self.pause)
    }

    /// The next piece, or `None` at the end.
    pub(in crate::http) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        // Most bodies have arrived already and need no timer.
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

    /// Reads the whole body, and refuses it as soon as it is known to be too long. Which limit applies depends on its
    /// first bytes, leading white space aside; until those are known it is `larger`.
    pub(in crate::http) async fn read(
        mut self,
        headers: &HeaderMap,
        larger: BodyLimit,
        limit: impl Fn(&[u8]) -> BodyLimit,
    ) -> Result<ReadBody, Problem> {
        let announced =
            headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let too_long = |limit: BodyLimit| announced.is_some_and(|announced| announced > limit.bytes as u64);
        if too_long(larger) {
            return Err(larger.exceeded());
        }
        let deadline = self.deadline();
        let mut whole = Bytes::new();
        let mut joined = BytesMut::new();
        let mut room = self.room();
        while let Some(piece) = timeout_at(deadline, self.next()).await.map_err(|_| slow("the body"))?? {
            room.reserve(piece.len())?;
            if whole.is_empty() && joined.is_empty() {
                whole = piece; // most bodies arrive in one piece
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
        Ok(ReadBody { bytes, _room: room })
    }
}

/// A complete body, with the memory that it occupies until it is dropped.
pub(in crate::http) struct ReadBody {
    pub(in crate::http) bytes: Bytes,
    _room: Room,
}

/// A body's share of the memory for all bodies, released when dropped.
pub(in crate::http) struct Room {
    all: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Reserves memory for more bytes, or refuses.
    pub(in crate::http) fn reserve(&mut self, bytes: usize) -> Result<(), Problem> {
        let more = u32::try_from(bytes).ok().and_then(|bytes| self.all.clone().try_acquire_many_owned(bytes).ok());
        match (&mut self.taken, more) {
            (_, None) => return Err(crowded()),
            (Some(taken), Some(more)) => taken.merge(more),
            (None, more) => self.taken = more,
        }
        Ok(())
    }

    /// Releases the whole share.
    pub(in crate::http) fn release(&mut self) {
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
