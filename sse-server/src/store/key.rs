//! Idempotency keys, by which a publish is recognised as the repeat of an earlier one.

use std::{fmt, ops::Range, sync::Arc};

use sha2::{Digest, Sha256};
use sse_engine::{Draft, Millis, Name, Topic};

/// An idempotency key and its scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) scope: Scope,
    pub(crate) text: String,
}

impl Key {
    /// The key `text` of the event `draft`.
    pub(crate) fn of_event(draft: &Draft, text: String) -> Self {
        Self { scope: Scope::Topic(draft.topic.clone()), text }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// One event: keys are unique within its canonical topic.
    Topic(Topic),
    /// A request of several events, as a whole.
    Request,
    /// A request of events one after the other, as far as it has come.
    Upload,
}

/// A digest of the content a key was used with: half of a SHA-256, so that different contents never compare equal, not
/// even across restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint(pub(crate) u128);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Fingerprint {
    /// The fingerprint of `parts`, in order.
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

    /// The fingerprint of several contents, of which this is that of those before `next`.
    pub(crate) fn then(self, next: Self) -> Self {
        Self::of([&self.0.to_le_bytes()[..], &next.0.to_le_bytes()])
    }

    /// The fingerprint of an event. What few events have is in it only if they have it: it is the same as ever for others.
    pub(crate) fn of_draft(draft: &Draft) -> Self {
        let Draft { topic, others, name, retry, data, json, private, alias, end } = draft;
        let name = name.as_ref().map_or("", Name::as_str);
        let retry = retry.map_or(u128::MAX, |retry| retry.as_millis()).to_le_bytes();
        let json = [u8::from(*json)];
        let usual = [topic.as_str().as_bytes(), name.as_bytes(), &retry, data.as_bytes(), &json];
        let others = others.iter().flat_map(|other| [&b"topic"[..], other.as_str().as_bytes()]);
        let private = private.then_some(&b"private"[..]);
        let alias = alias.iter().flat_map(|alias| [&b"alias"[..], alias.as_str().as_bytes()]);
        let end = end.then_some(&b"end"[..]);
        Self::of(usual.into_iter().chain(others).chain(private).chain(alias).chain(end))
    }
}

/// A key, the content it is used with, and the events of a batch that it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyedRange {
    pub(crate) key: Key,
    pub(crate) content: Fingerprint,
    /// The indexes of the events in the batch.
    pub(crate) events: Range<usize>,
    /// With [`Scope::Upload`]: the key takes the place of the one before it.
    pub(crate) upload: Option<UploadRange>,
}

/// What an upload has published, with the events of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UploadRange {
    /// The number of events.
    pub(crate) total: u64,
    /// The first event, unless it is in this batch.
    pub(crate) first: Option<u64>,
}

/// A key in the store, with the events published under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredKey {
    pub(crate) key: Key,
    pub(crate) content: Fingerprint,
    /// With [`Scope::Upload`] the first and the last one.
    pub(crate) seqs: Arc<[u64]>,
    /// With [`Scope::Upload`] the number of events, whose fingerprint the content is.
    pub(crate) total: u64,
    pub(crate) time: Millis,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_few_events_have_makes_another_event() {
        let plain = Draft::text(Topic::new("a").unwrap(), "x");
        let others: Box<[Topic]> = [Topic::new("b").unwrap()].into();
        let all = [
            plain.clone(),
            Draft { others, ..plain.clone() },
            Draft { private: true, ..plain.clone() },
            Draft { alias: sse_engine::Alias::new("b").ok(), ..plain.clone() },
            Draft { end: true, ..plain.clone() },
        ];
        let mut prints: Vec<_> = all.iter().map(|draft| Fingerprint::of_draft(draft).0).collect();
        let before: [&[u8]; 5] = [b"a", b"", &u128::MAX.to_le_bytes(), b"x", &[0]];
        assert_eq!(prints[0], Fingerprint::of(before).0, "that of a usual one never changes: keys are stored with it");
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), all.len());
    }

    #[test]
    fn parts_do_not_run_together() {
        let of = |parts: [&str; 2]| Fingerprint::of(parts.map(str::as_bytes));
        assert_ne!(of(["ab", "c"]), of(["a", "bc"]));
    }
}
