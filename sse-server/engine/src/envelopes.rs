//! The enveloped encodings that are kept, apart from the events.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// An account of the encodings, which are made while the window is only borrowed. The oldest is forgotten first.
#[derive(Debug)]
pub(crate) struct Envelopes {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    bytes: usize,
    /// The events whose encodings were made, in that order. Some may have left the window.
    seqs: VecDeque<u64>,
}

impl Envelopes {
    /// At most `most` bytes are kept.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, kept: Mutex::default() }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.kept().bytes
    }

    /// Returns true if the encoding of event `seq`, of `len` bytes, is to be kept, and counts it then.
    pub(crate) fn keep(&self, seq: u64, len: usize) -> bool {
        let mut kept = self.kept();
        let fits = kept.bytes + len <= self.most;
        if fits {
            kept.bytes += len;
            kept.seqs.push_back(seq);
        }
        fits
    }

    /// The event whose encoding was made first, and whether an encoding has to go: an eighth is left for those to come, and
    /// there may be `most_seqs` in the account.
    pub(crate) fn oldest(&self, most_seqs: usize) -> Option<(u64, bool)> {
        let kept = self.kept();
        Some((*kept.seqs.front()?, kept.bytes > self.most / 8 * 7 || kept.seqs.len() > most_seqs))
    }

    /// The encoding that was made first is gone, which frees `bytes`.
    pub(crate) fn forget_oldest(&self, bytes: usize) {
        let mut kept = self.kept();
        kept.bytes -= bytes;
        kept.seqs.pop_front();
    }

    /// An event has left the window with its encoding of `bytes`.
    pub(crate) fn evict(&self, bytes: usize) {
        if bytes > 0 {
            self.kept().bytes -= bytes;
        }
    }

    /// Both changes under it are complete at once, so it stays valid after a panic.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
