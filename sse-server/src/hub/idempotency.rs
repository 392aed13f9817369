//! The idempotency keys used recently: those of events and of whole requests, and those of uploads.

use std::{sync::Arc, time::Duration};

use sse_engine::Millis;

use super::{
    recent_keys::RecentKeys,
    uploads::{UploadProgress, Uploads},
};
use crate::store::{Fingerprint, Key, Scope, StoredKey};

/// The state of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeyState {
    New,
    /// Used with the same content, for the events with these sequence numbers.
    Used(Arc<[u64]>),
    /// In flight with the same content.
    InFlight,
    /// Used with other content.
    Conflict,
}

/// The recently used keys. Keys of uploads are counted apart.
#[derive(Debug)]
pub(super) struct Keys {
    /// With the content; used ones also with the sequence numbers of the events.
    keys: RecentKeys<Key, Fingerprint, (Fingerprint, Arc<[u64]>)>,
    uploads: Uploads,
}

impl Keys {
    pub(super) fn new(limit: usize, window: Duration) -> Self {
        Self { keys: RecentKeys::new(limit, window), uploads: Uploads::new(limit, window) }
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len() + self.uploads.len()
    }

    /// The number of keys that were forgotten before their time since this was last asked.
    pub(super) const fn take_evicted(&mut self) -> u64 {
        self.keys.take_evicted() + self.uploads.take_evicted()
    }

    pub(super) const fn uploads(&mut self) -> &mut Uploads {
        &mut self.uploads
    }

    pub(super) fn look_up(&mut self, key: &Key, content: Fingerprint, now: Millis) -> KeyState {
        self.keys.expire(now);
        let (known, state) = match (self.keys.used(key), self.keys.in_flight(key)) {
            (Some((known, seqs)), _) => (*known, KeyState::Used(seqs.clone())),
            (None, Some(known)) => (*known, KeyState::InFlight),
            (None, None) => return KeyState::New,
        };
        if known == content { state } else { KeyState::Conflict }
    }

    /// Marks a new key as in flight.
    pub(super) fn begin(&mut self, key: Key, content: Fingerprint) {
        self.keys.begin(Arc::new(key), content);
    }

    /// Marks a key in flight as used, for the events with sequence numbers `seqs`.
    pub(super) fn done(&mut self, key: &Key, seqs: Arc<[u64]>, now: Millis) {
        if let Some(content) = self.keys.in_flight(key).copied() {
            self.keys.done(key, (content, seqs), now);
        }
    }

    /// Removes a key in flight whose publish failed.
    pub(super) fn failed(&mut self, key: &Key) {
        self.keys.failed(key);
    }

    /// Adds a key from the store. They are added in order of use.
    pub(super) fn remember(&mut self, stored: StoredKey) {
        let StoredKey { key, content, seqs, total, time } = stored;
        match (&key.scope, &*seqs) {
            (Scope::Upload, [first, .., last]) => {
                self.uploads.remember(&key.text, UploadProgress { total, content, seqs: (*first, *last) }, time);
            }
            _ => self.keys.add(Arc::new(key), (content, seqs), time),
        }
    }
}

#[cfg(test)]
mod tests {
    use sse_engine::Topic;

    use super::*;

    #[test]
    fn a_key_is_its_topics_and_knows_its_content() {
        let mut keys = Keys::new(10, Duration::from_secs(1));
        let key = |topic| Key { scope: Scope::Topic(Topic::new(topic).unwrap()), text: "k".into() };
        let (hi, ho) = (Fingerprint::of([&b"hi"[..]]), Fingerprint::of([&b"ho"[..]]));
        keys.begin(key("a"), hi);
        for state in [KeyState::InFlight, KeyState::Used([7].into())] {
            assert_eq!(keys.look_up(&key("a"), hi, 0), state);
            assert_eq!(keys.look_up(&key("a"), ho, 0), KeyState::Conflict);
            assert_eq!(keys.look_up(&key("b"), hi, 0), KeyState::New);
            keys.done(&key("a"), [7].into(), 0);
        }
        let stored = StoredKey { key: key("b"), content: ho, seqs: [8].into(), total: 0, time: 0 };
        keys.remember(stored);
        assert_eq!(keys.look_up(&key("b"), ho, 0), KeyState::Used([8].into()));
        assert_eq!(keys.look_up(&key("b"), ho, 1001), KeyState::New, "too old");
    }
}
