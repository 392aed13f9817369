//! One connection of a shard: a socket, a stream, and what the socket has not taken yet.

use std::{
    io::{self, ErrorKind, Read, Write},
    sync::Arc,
};

use bytes::Bytes;
use sse_engine::{Millis, Session};

use super::timers::Id;
use crate::{base::connections::OpenConnection, hub::Subscriber};

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
    pub(super) stream: Option<Stream>,
    pub(super) chunked: bool,
    /// It waits for another turn.
    pub(super) queued: bool,
    /// There is more input to drop.
    pub(super) unread: bool,
    /// The time of its entry among the timers.
    pub(super) timer: Millis,
    /// When it is closed at the latest, once it only waits for the client's end.
    pub(super) patience_ends: Millis,
    /// What comes next is being read from the store, and wanted while this is kept.
    pub(super) reading: Option<Arc<()>>,
    unsent: Option<Box<Unsent>>,
    _open: OpenConnection,
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) session: Session,
    pub(super) subscriber: Subscriber,
    /// Its index among the members that the shard has of its group.
    pub(super) member: usize,
}

/// What the socket did not take yet.
#[derive(Debug)]
struct Unsent {
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
    /// The rest is unsent: there is an event when the socket takes more.
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
    pub(super) const fn new(socket: S, id: Id, stream: Stream, chunked: bool, open: OpenConnection) -> Self {
        Self {
            socket,
            id,
            stream: Some(stream),
            chunked,
            queued: false,
            unread: false,
            timer: Millis::MAX,
            patience_ends: Millis::MAX,
            reading: None,
            unsent: None,
            _open: open,
        }
    }

    pub(super) const fn is_blocked(&self) -> bool {
        self.unsent.is_some()
    }

    /// How many bytes are kept while some are unsent: all of the write, until it is out.
    pub(super) fn pinned(&self) -> usize {
        self.unsent.as_ref().map_or(0, |unsent| unsent.bytes.len())
    }

    /// When the socket took something last, if something is unsent.
    pub(super) fn stalled_since(&self) -> Option<Millis> {
        self.unsent.as_ref().map(|unsent| unsent.moved)
    }
}

impl<S: Socket> Connection<S> {
    /// Writes, with nothing unsent before. The bytes are kept only if the socket does not take them all.
    pub(super) fn send(&mut self, bytes: &Bytes, now: Millis) -> Sent {
        debug_assert!(self.unsent.is_none(), "what is half written is finished first");
        let written = match write(&mut self.socket, bytes) {
            Ok(written) if written == bytes.len() => return Sent::Whole,
            Ok(written) => written,
            Err(_) => return Sent::Gone,
        };
        self.unsent = Some(Box::new(Unsent { bytes: bytes.clone(), written, moved: now }));
        Sent::Blocked
    }

    /// Writes what is unsent.
    pub(super) fn flush(&mut self, now: Millis) -> Sent {
        let Some(unsent) = &mut self.unsent else { return Sent::Whole };
        match write(&mut self.socket, &unsent.bytes[unsent.written..]) {
            Ok(0) => {}
            Ok(written) => {
                unsent.written += written;
                unsent.moved = now;
            }
            Err(_) => return Sent::Gone,
        }
        if unsent.written < unsent.bytes.len() {
            return Sent::Blocked;
        }
        self.unsent = None;
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
