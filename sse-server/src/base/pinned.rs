//! Counting the bytes that are kept for peers that have not taken them.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use prometheus_client::metrics::gauge::Gauge;

use super::lock::Lock;

/// The pieces for which memory is kept when none is pinned.
const FEW: usize = 1024;

/// The bytes kept in memory for peers that have not taken them, against one bound. A piece that many peers wait for is
/// in memory once, and is counted once.
#[derive(Debug, Clone)]
pub(crate) struct Pinned(Arc<Ledger>);

#[derive(Debug)]
struct Ledger {
    /// The number of pins of each shared piece. A piece is where it is in memory: that place is not used again while a
    /// pin keeps the piece.
    pieces: Lock<HashMap<Piece, usize>>,
    bytes: Gauge,
    most: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Piece {
    address: usize,
    len: usize,
}

/// Bytes that are counted until this is dropped. It does not keep the bytes itself: drop it no later than them.
#[derive(Debug)]
pub(crate) struct Pin {
    pinned: Pinned,
    bytes: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Shared(Piece),
    /// Bytes in a buffer of someone else's.
    Copied(usize),
}

impl Pinned {
    /// Counts in `bytes`, and allows `most`.
    pub(crate) fn new(bytes: Gauge, most: usize) -> Self {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        Self(Arc::new(Ledger { pieces: Lock::new(HashMap::new()), bytes, most }))
    }

    /// Counts `bytes`, unless they are counted already for another peer.
    pub(crate) fn pin(&self, bytes: &Bytes) -> Pin {
        self.counted(Piece { address: bytes.as_ptr().addr(), len: bytes.len() })
    }

    /// Counts a copy of `len` bytes.
    pub(crate) fn pin_copy(&self, len: usize) -> Pin {
        self.add(len);
        Pin { pinned: self.clone(), bytes: What::Copied(len) }
    }

    /// Returns true if more is kept than is allowed.
    pub(crate) fn is_over(&self) -> bool {
        self.0.bytes.get() > self.0.most
    }

    fn counted(&self, piece: Piece) -> Pin {
        let mut pieces = self.0.pieces.lock_even_so();
        let pins = pieces.entry(piece).or_default();
        *pins += 1;
        if *pins == 1 {
            self.add(piece.len);
        }
        Pin { pinned: self.clone(), bytes: What::Shared(piece) }
    }

    fn add(&self, len: usize) {
        self.0.bytes.inc_by(i64::try_from(len).unwrap_or(i64::MAX));
    }

    fn subtract(&self, len: usize) {
        self.0.bytes.dec_by(i64::try_from(len).unwrap_or(i64::MAX));
    }
}

impl Clone for Pin {
    /// Another pin of the same bytes.
    fn clone(&self) -> Self {
        match self.bytes {
            What::Shared(piece) => self.pinned.counted(piece),
            What::Copied(len) => self.pinned.pin_copy(len),
        }
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let piece = match self.bytes {
            What::Shared(piece) => piece,
            What::Copied(len) => return self.pinned.subtract(len),
        };
        let mut pieces = self.pinned.0.pieces.lock_even_so();
        let Some(pins) = pieces.get_mut(&piece) else { return };
        *pins -= 1;
        if *pins == 0 {
            pieces.remove(&piece);
            if pieces.is_empty() && pieces.capacity() > FEW {
                *pieces = HashMap::new(); // memory comes back after a stall of many
            }
            self.pinned.subtract(piece.len);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_wait_for_is_counted_once() {
        let bytes = Gauge::default();
        let pinned = Pinned::new(bytes.clone(), 100);
        let (shared, other) = (Bytes::from(vec![0; 60]), Bytes::from(vec![0; 60]));
        let pins: Vec<_> = (0..10).map(|_| pinned.pin(&shared)).collect();
        assert_eq!((bytes.get(), pinned.is_over()), (60, false));
        let more = pins[0].clone();
        drop(pins);
        assert_eq!(bytes.get(), 60);
        let another = pinned.pin(&other);
        assert_eq!((bytes.get(), pinned.is_over()), (120, true));
        drop((more, another));
        let copies = (pinned.pin_copy(7), pinned.pin_copy(7));
        assert_eq!(bytes.get(), 14);
        drop(copies);
        assert_eq!(bytes.get(), 0);
        assert!(pinned.0.pieces.lock_even_so().is_empty());
    }
}
