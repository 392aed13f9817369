//! A socket in memory: the shard writes a response body, and the test reads it as slowly as it likes.

use std::{
    future::Future,
    io::{self, ErrorKind, Read, Write},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body::Frame;
use tokio::{
    sync::Notify,
    time::{Sleep, sleep},
};

use super::super::socket::Socket;

/// The state that both ends share.
#[derive(Debug, Default)]
struct State {
    /// Bytes written and not yet read.
    bytes: BytesMut,
    /// Whether our side is shut down.
    shut: bool,
    /// Whether a write found no room.
    blocked: bool,
    /// Whether there is an event that has not been reported to the shard.
    event: bool,
    client_gone: bool,
    /// Bytes that the client has read, but whose room is not reported yet.
    unreported: usize,
    reader: Option<Waker>,
}

/// What a socket and its client are like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wire {
    /// The bytes that the socket accepts while the client does not read.
    pub(super) room: usize,
    /// The bytes that have to be read before the socket has room for more.
    pub(super) step: usize,
    /// The most bytes that the client reads at once, and its pause before it reads more.
    pub(super) sip: (usize, Duration),
}

impl Wire {
    /// A socket that has room at once, whose client reads all there is.
    pub(super) const fn with_room(room: usize) -> Self {
        Self { room, step: 1, sip: (usize::MAX, Duration::ZERO) }
    }
}

/// The shard's end.
#[derive(Debug, Clone)]
pub(super) struct Pipe {
    state: Arc<Mutex<State>>,
    wire: Wire,
    shard: Arc<Notify>,
}

impl Pipe {
    /// A socket that reports its readiness to `shard`.
    pub(super) fn new(wire: Wire, shard: Arc<Notify>) -> Self {
        Self { state: Arc::default(), wire, shard }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Returns true if there is an event: the client has read or is gone.
    pub(super) fn take_event(&self) -> bool {
        std::mem::take(&mut self.state().event)
    }

    /// The client's end.
    pub(super) fn body(&self) -> PipeBody {
        PipeBody { pipe: self.clone(), chunk: BytesMut::new(), ended: false, pause: Box::pin(sleep(Duration::ZERO)) }
    }
}

impl Read for Pipe {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        if self.state().client_gone { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state();
        assert!(!state.shut, "written after the end");
        if state.client_gone {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let taken = bytes.len().min(self.wire.room - state.bytes.len() - state.unreported);
        if taken == 0 {
            state.blocked = true;
            return Err(ErrorKind::WouldBlock.into());
        }
        state.bytes.extend_from_slice(&bytes[..taken]);
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket for Pipe {
    fn extend_user_timeout(&self, _: Duration) {}

    fn unacknowledged(&self) -> Option<usize> {
        Some(self.state().bytes.len())
    }

    fn held_back(&self) -> usize {
        0
    }

    fn shutdown(&mut self) -> io::Result<()> {
        let mut state = self.state();
        state.shut = true;
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
        Ok(())
    }
}

/// A chunked body, checked to the byte.
#[derive(Debug)]
pub(super) struct PipeBody {
    pipe: Pipe,
    /// Bytes read that are not a whole chunk yet.
    chunk: BytesMut,
    ended: bool,
    pause: Pin<Box<Sleep>>,
}

impl PipeBody {
    /// The payload of the next whole chunk.
    fn chunk(&mut self) -> Option<Bytes> {
        let line = self.chunk.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&self.chunk[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        let end = line + 2 + size + 2;
        if self.chunk.len() < end {
            return None;
        }
        let chunk = self.chunk.split_to(end).freeze();
        assert_eq!(&chunk[end - 2..], b"\r\n");
        self.ended = size == 0;
        Some(chunk.slice(line + 2..end - 2))
    }
}

impl http_body::Body for PipeBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            if let Some(chunk) = self.chunk()
                && !self.ended
            {
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            ready!(self.pause.as_mut().poll(cx));
            let pipe = self.pipe.clone();
            let mut state = pipe.state();
            if state.bytes.is_empty() {
                if state.shut {
                    assert!(self.ended && self.chunk.is_empty(), "the body ended without its last chunk");
                    return Poll::Ready(None);
                }
                state.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let (sip, pause) = pipe.wire.sip;
            let read = sip.min(state.bytes.len());
            self.chunk.extend_from_slice(&state.bytes.split_to(read));
            if !pause.is_zero() {
                self.pause.set(sleep(pause));
            }
            state.unreported += read;
            if state.unreported < pipe.wire.step {
                continue;
            }
            state.unreported = 0;
            if std::mem::take(&mut state.blocked) {
                state.event = true;
                pipe.shard.notify_one();
            }
        }
    }
}

impl Drop for PipeBody {
    fn drop(&mut self) {
        let mut state = self.pipe.state();
        state.client_gone = true;
        state.event = true;
        self.pipe.shard.notify_one();
    }
}
