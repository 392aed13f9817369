//! One connection of a shard: a socket, a stream, and the unsent bytes.

use std::{
    io::{self, ErrorKind},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use sse_engine::{Millis, Session};

use super::socket::Socket;
use crate::{
    base::{
        connections::OpenConnection,
        pinned::{Pin, Pinned},
        unacknowledged::has_taken,
    },
    hub::Subscriber,
    transport::HALF_CLOSE_BYTES,
};

/// The most bytes of surplus input read from a client in one turn, and in all while its stream runs.
const SURPLUS: usize = 64 << 10;

/// What a read counts that had nothing for the reader: it was of what the protocol below says by itself.
const OF_PROTOCOL: usize = 64;

/// A connection's index in the slab and the generation of that slot, which distinguishes it from later connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) index: u32,
    pub(super) generation: u32,
}

#[derive(Debug)]
pub(super) struct Connection<S> {
    socket: S,
    pub(super) id: Id,
    /// `None` once its last block is written and the connection only waits for the client to close.
    pub(super) stream: Option<Stream>,
    pub(super) chunked: bool,
    /// Whether it waits for another turn.
    pub(super) queued: bool,
    /// Whether there is more input to discard.
    pub(super) unread: bool,
    /// Whether the system waits longer than usual for its peer.
    timeout_extended: bool,
    /// The bytes of input that were discarded while the stream ran.
    discarded: u32,
    /// The time of its entry among the timers.
    pub(super) timer: Millis,
    /// Once its stream has ended: the deadline for the client to take the last block, and then to close.
    pub(super) close_by: Millis,
    /// Present while the next page is being read from the store; dropping it cancels the read.
    pub(super) reading: Option<Arc<()>>,
    unsent: Option<Box<Unsent>>,
    _open: OpenConnection,
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) session: Session,
    pub(super) subscriber: Subscriber,
    /// Its place among the shard's members of its group.
    pub(super) place: usize,
}

/// Bytes that the socket has not accepted yet.
#[derive(Debug)]
struct Unsent {
    bytes: Bytes,
    _pin: Pin,
    written: usize,
    /// What the socket accepted and the system has not, in another form.
    held_back: Option<Pin>,
    /// When the peer was last seen to take bytes: the socket accepted some, or fewer were unacknowledged than before.
    moved: Millis,
    /// The unacknowledged bytes at that time, where they are known.
    unacknowledged: Option<usize>,
}

/// The outcome of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// The socket accepted everything.
    Whole,
    /// Some bytes are unsent. The socket becomes writable when it accepts more.
    Blocked,
    /// The connection is gone.
    Gone,
}

/// The outcome of discarding a client's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Nothing,
    /// There is more, but others should have their turn.
    More,
    End,
}

impl<S> Connection<S> {
    pub(super) const fn new(socket: S, id: Id, stream: Stream, chunked: bool, open: OpenConnection) -> Self {
        Self {
            socket,
            id,
            stream: Some(stream),
            chunked,
            queued: false,
            unread: false,
            timeout_extended: false,
            discarded: 0,
            timer: Millis::MAX,
            close_by: Millis::MAX,
            reading: None,
            unsent: None,
            _open: open,
        }
    }

    pub(super) const fn is_blocked(&self) -> bool {
        self.unsent.is_some()
    }

    /// When the peer was last seen to take bytes, if some are unsent.
    pub(super) fn stalled_since(&self) -> Option<Millis> {
        self.unsent.as_ref().map(|unsent| unsent.moved)
    }
}

impl<S: Socket> Connection<S> {
    /// Writes `bytes`, with nothing unsent before. They are kept, and counted in `pinned`, only if the socket does not
    /// accept them all.
    pub(super) fn send(&mut self, bytes: &Bytes, pinned: &Pinned, now: Millis) -> Sent {
        debug_assert!(self.unsent.is_none(), "what is half written is finished first");
        let Ok(written) = write(&mut self.socket, bytes) else { return Sent::Gone };
        if written == bytes.len() && self.socket.held_back() == 0 {
            return Sent::Whole;
        }
        self.block(bytes.clone(), written, pinned, now)
    }

    /// Keeps `bytes`, of which some are `written`.
    fn block(&mut self, bytes: Bytes, written: usize, pinned: &Pinned, now: Millis) -> Sent {
        let mut unsent = Box::new(Unsent {
            _pin: pinned.pin(&bytes),
            bytes,
            written,
            held_back: None,
            moved: now,
            unacknowledged: self.socket.unacknowledged(),
        });
        unsent.pin_held_back(self.socket.held_back(), pinned);
        self.unsent = Some(unsent);
        Sent::Blocked
    }

    /// Writes the unsent bytes.
    pub(super) fn flush(&mut self, pinned: &Pinned, now: Millis) -> Sent {
        let Some(unsent) = &mut self.unsent else { return Sent::Whole };
        let before = self.socket.held_back();
        let Ok(written) = write(&mut self.socket, &unsent.bytes[unsent.written..]) else { return Sent::Gone };
        let held_back = self.socket.held_back();
        if written > 0 || held_back < before {
            unsent.written += written;
            unsent.moved = now;
            unsent.unacknowledged = self.socket.unacknowledged();
        }
        if unsent.written < unsent.bytes.len() || held_back > 0 {
            unsent.pin_held_back(held_back, pinned);
            return Sent::Blocked;
        }
        self.unsent = None;
        Sent::Whole
    }

    /// Returns true if the peer has taken bytes since it was last seen to, though the socket has no room yet.
    pub(super) fn has_moved(&mut self, now: Millis) -> bool {
        let Some(unsent) = &mut self.unsent else { return true };
        let left = self.socket.unacknowledged();
        let moved = has_taken(unsent.unacknowledged, left);
        if moved {
            unsent.moved = now;
            unsent.unacknowledged = left;
        }
        moved
    }

    /// Lets the peer keep its window shut for longer than `usual`.
    pub(super) fn extend_user_timeout(&mut self, usual: Duration) {
        if !std::mem::replace(&mut self.timeout_extended, true) {
            self.socket.extend_user_timeout(usual);
        }
    }

    /// Shuts down the write side.
    pub(super) fn shutdown(&mut self, pinned: &Pinned, now: Millis) -> Sent {
        match self.socket.shutdown() {
            Ok(()) => Sent::Whole,
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.block(Bytes::new(), 0, pinned, now),
            Err(_) => Sent::Gone,
        }
    }

    /// Reads and discards the client's input. While its stream runs, a client that sends more than [`SURPLUS`] bytes in all
    /// is taken for one that has left: there is nothing to say. After its end it may send more.
    pub(super) fn drop_input(&mut self) -> Input {
        let mut dropped = [0; 4096];
        for _ in 0..SURPLUS / dropped.len() {
            match self.socket.read(&mut dropped) {
                Ok(0) => return Input::End,
                Ok(bytes) => self.discard(bytes),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Input::Nothing,
                Err(error) if error.kind() == ErrorKind::Interrupted => self.discard(OF_PROTOCOL),
                Err(_) => return Input::End,
            }
            let most = if self.stream.is_some() { SURPLUS } else { HALF_CLOSE_BYTES };
            if self.discarded as usize > most {
                return Input::End;
            }
        }
        Input::More
    }

    fn discard(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.discarded = self.discarded.saturating_add(bytes);
    }
}

impl Unsent {
    fn pin_held_back(&mut self, bytes: usize, pinned: &Pinned) {
        self.held_back = (bytes > 0).then(|| pinned.pin_copy(bytes));
    }
}

/// Writes as much as the socket accepts at once, what it held back first.
fn write(socket: &mut impl Socket, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    if bytes.is_empty() {
        match socket.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
    }
    while written < bytes.len() {
        match socket.write(&bytes[written..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(some) => written += some,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}
