//! Idempotency keys: what makes a publish the same as an earlier one.

use std::{ops::Range, sync::Arc};

use sha2::{Digest, Sha256};
use sse_engine::{Draft, Millis, Name, Topic};

/// A key, and what it is the key of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) scope: Scope,
    pub(crate) text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// One event: the key is the topic's.
    Topic(Topic),
    /// A request of several events, as a whole.
    Request,
    /// An event of a request of lines, by its place among them.
    Line(u64),
}

/// What stands for the content that a key was used with: half of a SHA-256, so that no two contents look the same,
/// today or after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint(pub(crate) u128);

impl Fingerprint {
    /// The fingerprint of these parts, in this order.
    pub(crate) fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut half = [0; 16];
        half.copy_from_slice(&hash.finalize()[..16]);
        Self(u128::from_le_bytes(half))
    }

    /// The fingerprint of an event.
    pub(crate) fn of_draft(draft: &Draft) -> Self {
        let Draft { topic, name, retry, data, json } = draft;
        let name = name.as_ref().map_or("", Name::as_str);
        let retry = retry.map_or(u128::MAX, |retry| retry.as_millis()).to_le_bytes();
        Self::of([topic.as_str().as_bytes(), name.as_bytes(), &retry, data.as_bytes(), &[u8::from(*json)]])
    }
}

/// A key, what it is used with, and which events of a batch it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyedRange {
    pub(crate) key: Key,
    pub(crate) content: Fingerprint,
    /// The events' places in the batch.
    pub(crate) events: Range<usize>,
}

/// A key that the store remembers, with the events that were published under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredKey {
    pub(crate) key: Key,
    pub(crate) content: Fingerprint,
    pub(crate) seqs: Arc<[u64]>,
    pub(crate) time: Millis,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        let of = |parts: [&str; 2]| Fingerprint::of(parts.map(str::as_bytes));
        assert_ne!(of(["ab", "c"]), of(["a", "bc"]));
    }
}
