//! What is written for a group, made once for all members at the same place.

use std::io::Write;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    handle::Subscriber,
    hub::{Gap, Place, Step},
};

/// How many bytes of events one write has at most, if it has more than one event.
const ROOM: usize = 64 << 10;

/// How many places are remembered at a time. Members of a group are mostly at one or two.
const PLACES: usize = 32;

/// The last chunk of a body.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Bytes as a chunk (RFC 9112, 7.1), or as they are.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    bytes: Bytes,
    start: usize,
}

impl Chunk {
    pub(super) fn new(payload: &[u8]) -> Self {
        let mut bytes = BytesMut::with_capacity(payload.len() + 20);
        // writing to memory does not fail
        let _ = write!((&mut bytes).writer(), "{:x}\r\n", payload.len());
        let start = bytes.len();
        bytes.extend_from_slice(payload);
        bytes.extend_from_slice(b"\r\n");
        Self { bytes: bytes.freeze(), start }
    }

    pub(super) const fn framed(&self) -> &Bytes {
        &self.bytes
    }

    /// As it is where chunks are unknown.
    pub(super) fn payload(&self) -> Bytes {
        self.bytes.slice(self.start..self.bytes.len() - 2)
    }

    /// How many bytes there are, the framing aside.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len() - 2 - self.start
    }
}

/// What comes next for a subscriber: a [`Step`], its events as a chunk.
#[derive(Debug, Clone)]
pub(super) enum Next {
    Events { chunk: Chunk, events: usize },
    Gap(Gap),
    Wait,
    Again,
    Lagged,
}

/// What members of one group got next, by where they were.
#[derive(Debug)]
pub(super) struct Memo {
    shard: usize,
    known: Vec<(Place, Next, Place)>,
}

impl Memo {
    pub(super) const fn new(shard: usize) -> Self {
        Self { shard, known: Vec::new() }
    }

    /// Another group's turn, or a later time.
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }

    pub(super) fn next(&mut self, subscriber: &mut Subscriber) -> Next {
        let from = subscriber.place();
        if let Some((_, next, to)) = self.known.iter().find(|(known, ..)| *known == from) {
            subscriber.follow(*to);
            return next.clone();
        }
        let next = match subscriber.next(ROOM, self.shard) {
            Step::Write { bytes, events } => Next::Events { chunk: Chunk::new(&bytes), events },
            Step::Gap(gap) => Next::Gap(gap),
            Step::Wait => Next::Wait,
            Step::Again => Next::Again,
            Step::Lagged => Next::Lagged,
        };
        if self.known.len() == PLACES {
            self.known.remove(0);
        }
        self.known.push((from, next.clone(), subscriber.place()));
        next
    }
}
