//! What one write holds: a single frame as it is, or several joined and framed at once.

use std::io::Write as _;

use bytes::{BufMut, Bytes, BytesMut};

/// The longest line before a chunk: sixteen digits and a line end.
const HEAD: usize = 18;

/// The events of one write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// One event: the frame that all share.
    One(Bytes),
    /// Several, copied once, with what frames them.
    Joined(Chunk),
}

impl Write {
    /// These events in this order; there must be at least one.
    pub fn of(mut events: Vec<Bytes>) -> Self {
        if events.len() == 1 {
            return Self::One(events.remove(0));
        }
        let len = events.iter().map(Bytes::len).sum();
        Self::Joined(Chunk::join(events.iter().map(|event| &**event), len))
    }

    /// The events alone.
    pub fn payload(&self) -> Bytes {
        match self {
            Self::One(bytes) => bytes.clone(),
            Self::Joined(chunk) => chunk.payload(),
        }
    }

    /// How many bytes they have.
    #[allow(clippy::len_without_is_empty, reason = "there is at least one event")]
    pub const fn len(&self) -> usize {
        match self {
            Self::One(bytes) => bytes.len(),
            Self::Joined(chunk) => chunk.len(),
        }
    }

    /// The events as a chunk.
    pub fn into_chunk(self) -> Chunk {
        match self {
            Self::One(bytes) => Chunk::new(&bytes),
            Self::Joined(chunk) => chunk,
        }
    }
}

/// Bytes as a chunk of a body (RFC 9112, 7.1), or as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    bytes: Bytes,
    start: usize,
}

impl Chunk {
    /// One chunk of these bytes.
    pub fn new(payload: &[u8]) -> Self {
        Self::join([payload], payload.len())
    }

    /// Pieces of `len` bytes together.
    pub(crate) fn join<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, len: usize) -> Self {
        let mut bytes = BytesMut::with_capacity(HEAD + len + 2);
        // writing to memory does not fail
        let _ = write!((&mut bytes).writer(), "{len:x}\r\n");
        let start = bytes.len();
        pieces.into_iter().for_each(|piece| bytes.extend_from_slice(piece));
        debug_assert_eq!(bytes.len() - start, len, "the length goes out first");
        bytes.extend_from_slice(b"\r\n");
        Self { bytes: bytes.freeze(), start }
    }

    /// The chunk with its length and line ends, as it goes out over HTTP/1.1.
    pub const fn framed(&self) -> &Bytes {
        &self.bytes
    }

    /// The bytes without the framing, for where chunks are unknown.
    pub fn payload(&self) -> Bytes {
        self.bytes.slice(self.start..self.bytes.len() - 2)
    }

    /// How many bytes there are, without the framing.
    #[allow(clippy::len_without_is_empty, reason = "a chunk without bytes would end the body")]
    pub const fn len(&self) -> usize {
        self.bytes.len() - 2 - self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_frames_are_one_chunk() {
        let joined = Write::Joined(Chunk::join([&b"data: a\n\n"[..], b"data: b\n\n"], 18));
        assert_eq!(joined.payload(), "data: a\n\ndata: b\n\n");
        let chunk = joined.into_chunk();
        assert_eq!((chunk.framed(), chunk.len()), (&Bytes::from("12\r\ndata: a\n\ndata: b\n\n\r\n"), 18));
    }
}
