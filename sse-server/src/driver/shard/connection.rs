//! One connection of a shard: a socket, a subscriber, and what is half written.

use std::{
    io::{self, ErrorKind, Read, Write},
    sync::Arc,
};

use bytes::Bytes;

use super::timers::Id;
use crate::{
    driver::body::Heartbeat,
    handle::Subscriber,
    hub::{DrainReason, Millis},
    server::Open,
};

/// How many bytes of a client's surplus input are read in a row.
const SURPLUS: usize = 64 << 10;

/// A socket that never blocks.
pub(crate) trait Socket: Read + Write {
    /// Ends our side: the peer reads an end after all that was written.
    fn shutdown(&self) -> io::Result<()>;
}

impl Socket for mio::net::TcpStream {
    fn shutdown(&self) -> io::Result<()> {
        Self::shutdown(self, std::net::Shutdown::Write)
    }
}

#[derive(Debug)]
pub(super) struct Connection<S> {
    socket: S,
    pub(super) id: Id,
    /// Until its last words are written; then the connection only waits for the client's end.
    pub(super) subscriber: Option<Subscriber>,
    /// Its index among the members of its group.
    pub(super) member: usize,
    pub(super) chunked: bool,
    pub(super) heartbeat: Heartbeat,
    /// When a heartbeat is due, or, without a subscriber, when patience ends.
    pub(super) silent_until: Millis,
    /// The time of its entry among the timers.
    pub(super) timer: Millis,
    /// When the stream is to end, and why.
    pub(super) end: Option<(Millis, DrainReason)>,
    /// On its way out: after the event of this sequence number come the last words.
    pub(super) leaving: Option<u64>,
    /// It waits for another turn.
    pub(super) queued: bool,
    /// There is more input to drop.
    pub(super) unread: bool,
    /// What comes next is being read from the store, while this is kept.
    pub(super) reading: Option<Arc<()>>,
    pending: Option<Box<Pending>>,
    _open: Open,
}

/// What the socket did not take yet.
#[derive(Debug)]
struct Pending {
    bytes: Bytes,
    written: usize,
    /// When the socket took something last.
    moved: Millis,
}

/// How a write went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// All is with the socket.
    Whole,
    /// The rest is pending: there is an event when the socket takes more.
    Blocked,
    /// The connection is gone.
    Gone,
}

/// What a client sent, which is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Nothing,
    /// So much that others should have their turn.
    More,
    End,
}

impl<S> Connection<S> {
    pub(super) const fn new(socket: S, id: Id, subscriber: Subscriber, chunked: bool, open: Open) -> Self {
        Self {
            socket,
            id,
            subscriber: Some(subscriber),
            member: 0,
            chunked,
            heartbeat: Heartbeat::Cursor,
            silent_until: 0,
            timer: Millis::MAX,
            end: None,
            leaving: None,
            queued: false,
            unread: false,
            reading: None,
            pending: None,
            _open: open,
        }
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.pending.is_some()
    }

    /// How many bytes are kept while something is pending: all of the write, until it is out.
    pub(super) fn pinned(&self) -> usize {
        self.pending.as_ref().map_or(0, |pending| pending.bytes.len())
    }

    /// When the socket took something last, if something is pending.
    pub(super) fn stalled_since(&self) -> Option<Millis> {
        self.pending.as_ref().map(|pending| pending.moved)
    }

    /// When it is to be looked at, if nothing happens before.
    pub(super) fn due(&self) -> Millis {
        match self.end {
            Some((at, _)) if self.leaving.is_none() => at.min(self.silent_until),
            _ => self.silent_until,
        }
    }
}

impl<S: Socket> Connection<S> {
    /// Writes, with nothing pending before. The bytes are kept only if the socket does not take them all.
    pub(super) fn send(&mut self, bytes: &Bytes, now: Millis) -> Sent {
        debug_assert!(self.pending.is_none(), "what is half written is finished first");
        let written = match write(&mut self.socket, bytes) {
            Ok(written) if written == bytes.len() => return Sent::Whole,
            Ok(written) => written,
            Err(_) => return Sent::Gone,
        };
        self.pending = Some(Box::new(Pending { bytes: bytes.clone(), written, moved: now }));
        Sent::Blocked
    }

    /// Writes what is pending.
    pub(super) fn flush(&mut self, now: Millis) -> Sent {
        let Some(pending) = &mut self.pending else { return Sent::Whole };
        match write(&mut self.socket, &pending.bytes[pending.written..]) {
            Ok(0) => {}
            Ok(written) => {
                pending.written += written;
                pending.moved = now;
            }
            Err(_) => return Sent::Gone,
        }
        if pending.written < pending.bytes.len() {
            return Sent::Blocked;
        }
        self.pending = None;
        Sent::Whole
    }

    /// Ends our side.
    pub(super) fn shutdown(&self) -> bool {
        self.socket.shutdown().is_ok()
    }

    /// Reads and drops what the client sends.
    pub(super) fn drop_input(&mut self) -> Input {
        let mut dropped = [0; 4096];
        for _ in 0..SURPLUS / dropped.len() {
            match self.socket.read(&mut dropped) {
                Ok(0) => return Input::End,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Input::Nothing,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Input::End,
            }
        }
        Input::More
    }
}

/// As much as the socket takes at once.
fn write(socket: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
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
