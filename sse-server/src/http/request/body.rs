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
    /// The part of it that is kept for small bodies.
    kept: usize,
    progress: Progress,
    turns: Arc<Semaphore>,
    /// What was read since the last turn.
    since_turn: usize,
}

/// How much of a body was asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Nothing: a client that expects `100 Continue` has not got it.
    Untouched,
    Begun,
    /// It has ended or broke.
    Over,
}

/// The connection ended or failed in the middle of the body.
struct Interrupted;

/// The longest time for a buffered body, or for one line of a streamed body.
const MAX_TIME: Duration = Duration::from_secs(300);

/// The most of a refused body that is read and dropped, and the longest time for that.
const MAX_DISCARDED: usize = 16 << 20;
const MAX_DISCARD_TIME: Duration = Duration::from_secs(1);

/// A body of at most this size is small. A part of the memory for all bodies, one of [`KEPT`], is left to small ones.
const SMALL: usize = 64 << 10;
const KEPT: usize = 8;

/// A body takes its turn with others when this much of it has come, where a piece counts as some bytes more than it has.
/// Otherwise thousands of them, which all have something to be read, would stand in the queue of tasks before whoever has
/// little to say.
const TURN: usize = 8 << 10;
const PIECE: usize = 64;

/// The largest size of a body, and the configuration key that sets it.
#[derive(Clone, Copy)]
pub(in crate::http) struct BodyLimit {
    pub(in crate::http) what: &'static str,
    pub(in crate::http) bytes: usize,
    /// The key of the configuration that sets it, if one does.
    pub(in crate::http) key: Option<&'static str>,
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
        let progress = if body.is_end_stream() { Progress::Over } else { Progress::Untouched };
        let pieces = BodyDataStream::new(body).map(|piece| match piece {
            Ok(mut piece) => Ok(piece.copy_to_bytes(piece.remaining())),
            Err(_) => Err(Interrupted),
        });
        let pause = hub.config().server.body_timeout;
        let kept = hub.config().publish.max_bytes_in_flight / KEPT;
        Self {
            pieces: Box::pin(pieces),
            pause,
            room: hub.body_room(),
            kept,
            progress,
            turns: hub.body_turns(),
            since_turn: 0,
        }
    }

    /// An empty share of the memory for all bodies.
    pub(in crate::http) fn room(&self) -> Room {
        Room { all: self.room.clone(), kept: self.kept, taken: None }
    }

    /// When a body, or a line of one, that begins now has to be whole.
    pub(in crate::http) fn deadline(&self) -> Instant {
        Instant::now() + MAX_TIME.max(self.pause)
    }

    /// The next piece, or `None` at the end.
    pub(in crate::http) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        self.take_turn().await; // before it is read: what has come is counted by who asked for it
        self.next_at_once().await
    }

    /// The next piece, whether it has its turn or not.
    async fn next_at_once(&mut self) -> Result<Option<Bytes>, Problem> {
        self.progress = Progress::Begun;
        // Most bodies have arrived already and need no timer.
        let next = match self.pieces.next().now_or_never() {
            Some(next) => Ok(next),
            None => timeout(self.pause, self.pieces.next()).await,
        };
        if matches!(next, Ok(None | Some(Err(_)))) {
            self.progress = Progress::Over;
        }
        match next {
            Ok(None) => Ok(None),
            Ok(Some(Ok(bytes))) => {
                self.since_turn += bytes.len() + PIECE;
                Ok(Some(bytes))
            }
            Ok(Some(Err(Interrupted))) => Err(Problem::invalid("the body ended before it was whole").closing()),
            Err(_) => {
                let detail = format!("nothing of the body came for {} s", self.pause.as_secs());
                Err(Problem::new(StatusCode::REQUEST_TIMEOUT, RefusalKind::too_slow, detail).closing())
            }
        }
    }

    /// Waits for this body's turn, if so much has come of it that it has to.
    async fn take_turn(&mut self) {
        if self.since_turn < TURN {
            return;
        }
        self.since_turn = 0;
        let _turn = self.turns.acquire().await;
        tokio::task::yield_now().await;
    }

    /// Reads the whole body, and refuses it as soon as it is known to be too long. Which limit applies depends on its
    /// first byte, white space and a byte order mark aside; until that is known it is `larger`.
    pub(in crate::http) async fn read(
        &mut self,
        headers: &HeaderMap,
        larger: BodyLimit,
        limit: impl Fn(u8) -> BodyLimit,
    ) -> Result<ReadBody, Problem> {
        let announced = announced(headers);
        let too_long = |limit: BodyLimit| announced.is_some_and(|announced| announced > limit.bytes as u64);
        if too_long(larger) {
            return Err(larger.exceeded());
        }
        let deadline = self.deadline();
        let mut whole = Bytes::new();
        let mut joined = BytesMut::new();
        let mut room = self.room();
        let mut beginning = Beginning::default();
        let mut holds = larger;
        while let Some(piece) = timeout_at(deadline, self.next()).await.map_err(|_| slow("the body"))?? {
            room.reserve(piece.len())?;
            if let Some(first) = beginning.look(&piece) {
                holds = limit(first);
            }
            if whole.is_empty() && joined.is_empty() {
                whole = piece; // most bodies arrive in one piece
            } else {
                joined.extend_from_slice(&std::mem::take(&mut whole));
                joined.extend_from_slice(&piece);
                room.reserve_all(joined.capacity())?;
            }
            if whole.len().max(joined.len()) > holds.bytes || too_long(holds) {
                return Err(holds.exceeded());
            }
        }
        let bytes = if joined.is_empty() { whole } else { joined.freeze() };
        Ok(ReadBody { bytes, _room: room })
    }

    /// Reads and drops what is left of a body whose request was refused, a bounded part of it, in a task that ends by
    /// itself. Over HTTP/2 the end of this body before its client's end is a reset, and a reset close behind a response
    /// is what some clients report in place of the response.
    pub(in crate::http) fn discard(mut self, headers: &HeaderMap) {
        if self.progress == Progress::Over {
            return;
        }
        // To ask for a body is to send `100 Continue`.
        let awaits_leave = self.progress == Progress::Untouched && headers.contains_key(header::EXPECT);
        tokio::spawn(timeout(MAX_DISCARD_TIME, async move {
            if awaits_leave {
                std::future::pending::<()>().await;
            }
            let mut left = MAX_DISCARDED;
            while let Ok(Some(piece)) = self.next_at_once().await {
                let Some(rest) = left.checked_sub(piece.len()) else { return };
                left = rest;
                // A body that is always ready would keep the timer from ever being polled.
                tokio::task::yield_now().await;
            }
        }));
    }
}

/// The length in the head of a request.
fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok())
}

/// The search for a body's first byte that is neither white space nor of a byte order mark. It looks at each byte once,
/// in however many pieces the body comes.
#[derive(Default)]
struct Beginning {
    /// Bytes passed over. The byte order mark can only be the first three.
    passed: usize,
    found: bool,
}

impl Beginning {
    /// Looks at the next piece, and returns the byte that was searched for if it is there.
    fn look(&mut self, piece: &[u8]) -> Option<u8> {
        if self.found {
            return None;
        }
        for &byte in piece {
            if !byte.is_ascii_whitespace() && BYTE_ORDER_MARK.as_bytes().get(self.passed) != Some(&byte) {
                self.found = true;
                return Some(byte);
            }
            self.passed += 1;
        }
        None
    }
}

/// The mark with which some programs begin a text in UTF-8.
pub(in crate::http) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A complete body, with the memory that it occupies until it is dropped.
pub(in crate::http) struct ReadBody {
    pub(in crate::http) bytes: Bytes,
    _room: Room,
}

/// A body's share of the memory for all bodies, released when dropped.
pub(in crate::http) struct Room {
    all: Arc<Semaphore>,
    /// What bodies that are not small have to leave.
    kept: usize,
    taken: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Reserves memory for more bytes, or refuses. A body that is not small leaves something to those that are.
    pub(in crate::http) fn reserve(&mut self, bytes: usize) -> Result<(), Problem> {
        let more = u32::try_from(bytes).ok().and_then(|bytes| self.all.clone().try_acquire_many_owned(bytes).ok());
        let is_small = self.taken() + bytes <= SMALL;
        let more = more.filter(|_| is_small || self.all.available_permits() >= self.kept);
        match (&mut self.taken, more) {
            (_, None) => return Err(crowded()),
            (Some(taken), Some(more)) => taken.merge(more),
            (None, more) => self.taken = more,
        }
        Ok(())
    }

    /// Reserves memory for `capacity` bytes in all, of which a part is reserved already.
    pub(in crate::http) fn reserve_all(&mut self, capacity: usize) -> Result<(), Problem> {
        match capacity.saturating_sub(self.taken()) {
            0 => Ok(()),
            more => self.reserve(more),
        }
    }

    fn taken(&self) -> usize {
        self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn large_bodies_take_turns_and_small_ones_wait_for_none() {
        let hub = Hub::new(crate::config::Config::in_memory()).unwrap();
        let body = |bytes: usize| Body::new(http_body_util::Full::new(Bytes::from(vec![b'x'; bytes])), &hub);
        let turns = hub.body_turns();
        let all = turns.acquire_many(u32::try_from(turns.available_permits()).unwrap()).await.unwrap();
        assert!(matches!(body(TURN / 2).next().now_or_never(), Some(Ok(Some(_)))));
        let mut large = body(TURN);
        assert_eq!(large.next().await.unwrap_or(None).map(|bytes| bytes.len()), Some(TURN), "it may begin");
        let mut next = std::pin::pin!(large.next());
        assert!(next.as_mut().now_or_never().is_none());
        drop(all);
        assert!(matches!(next.await, Ok(None)));
    }

    #[test]
    fn the_first_byte_is_found_however_the_body_is_cut_and_no_byte_is_looked_at_twice() {
        for (body, first) in [
            ("[1]", Some(b'[')),
            (" \r\n\t {", Some(b'{')),
            ("\u{feff} [", Some(b'[')),
            ("\u{feff}\u{feff}[", Some(0xef)),
            (" \u{feff}[", Some(0xef)),
            ("   ", None),
            ("\u{feff}", None),
            ("", None),
        ] {
            for size in 1..=body.len().max(1) {
                let mut beginning = Beginning::default();
                let found: Vec<_> = body.as_bytes().chunks(size).filter_map(|piece| beginning.look(piece)).collect();
                assert_eq!(found, Vec::from_iter(first), "{body:?} in pieces of {size}");
                assert!(beginning.passed <= body.len());
            }
        }
        let mut beginning = Beginning::default();
        for _ in 0..100_000 {
            assert_eq!(beginning.look(b" "), None);
        }
        assert_eq!(beginning.passed, 100_000, "each byte once");
    }
}
