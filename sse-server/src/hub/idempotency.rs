//! The idempotency keys used recently, bounded by time and number.
//!
//! ```text
//!   new ── begin ──▶ in flight ── done ──▶ used ── too old, or too many ──▶ new
//!    ▲                  │
//!    └───── failed ─────┘
//! ```

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use sse_engine::Millis;

use super::uploads::{UploadProgress, Uploads};
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

#[derive(Debug)]
struct Use {
    content: Fingerprint,
    /// `None` while it is in flight.
    seqs: Option<Arc<[u64]>>,
    time: Millis,
}

/// The recently used keys. When there are too many, the one used longest ago is evicted.
///
/// Keys in flight are never evicted and don't count towards the limit: they are bounded by the request bodies that
/// carry them.
#[derive(Debug)]
pub(super) struct Keys {
    limit: usize,
    window: u128,
    uses: HashMap<Key, Use>,
    /// Used keys, in order of use.
    order: VecDeque<Key>,
    /// Keys that were forgotten before their time.
    evicted: u64,
    uploads: Uploads,
}

impl Keys {
    pub(super) fn new(limit: usize, window: Duration) -> Self {
        Self {
            limit,
            window: window.as_millis(),
            uses: HashMap::new(),
            order: VecDeque::new(),
            evicted: 0,
            uploads: Uploads::new(limit, window),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.uses.len() + self.uploads.len()
    }

    /// The number of keys that were forgotten before their time since this was last asked.
    pub(super) const fn take_evicted(&mut self) -> u64 {
        std::mem::replace(&mut self.evicted, 0) + self.uploads.take_evicted()
    }

    /// The keys of uploads, which are counted apart.
    pub(super) const fn uploads(&mut self) -> &mut Uploads {
        &mut self.uploads
    }

    pub(super) fn look_up(&mut self, key: &Key, content: Fingerprint, now: Millis) -> KeyState {
        self.expire(now);
        match self.uses.get(key) {
            None => KeyState::New,
            Some(known) if known.content != content => KeyState::Conflict,
            Some(known) => known.seqs.clone().map_or(KeyState::InFlight, KeyState::Used),
        }
    }

    /// Marks a new key as in flight.
    pub(super) fn begin(&mut self, key: Key, content: Fingerprint, now: Millis) {
        if self.limit > 0 {
            self.uses.insert(key, Use { content, seqs: None, time: now });
        }
    }

    /// Marks a key in flight as used, for the events with sequence numbers `seqs`.
    pub(super) fn done(&mut self, key: &Key, seqs: Arc<[u64]>, now: Millis) {
        if let Some(known) = self.uses.get_mut(key) {
            known.seqs = Some(seqs);
            known.time = now; // so that their order is that of their times
            self.order.push_back(key.clone());
            self.expire(now);
            self.forget_surplus();
        }
    }

    /// Removes a key in flight whose publish failed.
    pub(super) fn failed(&mut self, key: &Key) {
        if self.uses.get(key).is_some_and(|known| known.seqs.is_none()) {
            self.uses.remove(key);
        }
    }

    /// Adds a key from the store. They are added in order of use.
    pub(super) fn remember(&mut self, stored: StoredKey) {
        let StoredKey { key, content, seqs, lines, time } = stored;
        if let (Scope::Lines, [first, .., last]) = (&key.scope, &*seqs) {
            let progress = UploadProgress { lines, content, seqs: (*first, *last) };
            return self.uploads.done(&key.text, progress, time);
        }
        if self.limit > 0 && self.uses.insert(key.clone(), Use { content, seqs: Some(seqs), time }).is_none() {
            self.order.push_back(key);
            self.forget_surplus();
        }
    }

    fn forget_surplus(&mut self) {
        while self.order.len() > self.limit {
            self.forget_oldest();
            self.evicted += 1;
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(key) = self.order.pop_front() {
            self.uses.remove(&key);
        }
    }

    fn expire(&mut self, now: Millis) {
        let window = self.window;
        let is_old = |known: &Use| u128::from(now.saturating_sub(known.time)) > window;
        while self.order.front().and_then(|key| self.uses.get(key)).is_some_and(is_old) {
            self.forget_oldest();
        }
    }
}

#[cfg(test)]
mod tests {
    use sse_engine::Topic;

    use super::*;

    fn fingerprint(text: &str) -> Fingerprint {
        Fingerprint::of([text.as_bytes()])
    }

    fn key(topic: &str, text: &str) -> Key {
        Key { scope: Scope::Topic(Topic::new(topic).unwrap()), text: text.into() }
    }

    fn remember(keys: &mut Keys, key: Key, content: Fingerprint, seq: u64, time: Millis) {
        keys.remember(StoredKey { key, content, seqs: [seq].into(), lines: 0, time });
    }

    #[test]
    fn a_key_is_its_topics_and_knows_its_content() {
        let mut keys = Keys::new(10, Duration::from_secs(1));
        let (hi, ho) = (fingerprint("hi"), fingerprint("ho"));
        remember(&mut keys, key("a", "k"), hi, 7, 0);
        assert_eq!(keys.look_up(&key("a", "k"), hi, 0), KeyState::Used([7].into()));
        assert_eq!(keys.look_up(&key("a", "k"), ho, 0), KeyState::Conflict);
        assert_eq!(keys.look_up(&key("b", "k"), hi, 0), KeyState::New);
    }

    #[test]
    fn a_key_in_flight_is_new_again_if_it_fails() {
        let mut keys = Keys::new(2, Duration::from_secs(1));
        let content = fingerprint("");
        keys.begin(key("a", "k"), content, 0);
        assert_eq!(keys.look_up(&key("a", "k"), content, 0), KeyState::InFlight);
        keys.failed(&key("a", "k"));
        assert_eq!(keys.look_up(&key("a", "k"), content, 0), KeyState::New);
        keys.begin(key("a", "k"), content, 0);
        keys.done(&key("a", "k"), [7].into(), 0);
        keys.failed(&key("a", "k"));
        assert_eq!(keys.look_up(&key("a", "k"), content, 0), KeyState::Used([7].into()));
    }

    #[test]
    fn a_key_in_flight_is_never_forgotten() {
        let mut keys = Keys::new(2, Duration::from_secs(1));
        let content = fingerprint("");
        keys.begin(key("a", "slow"), content, 0);
        for i in 0..10 {
            let quick = key("a", &i.to_string());
            keys.begin(quick.clone(), content, 5000);
            keys.done(&quick, [i].into(), 5000);
        }
        assert_eq!(keys.look_up(&key("a", "slow"), content, 5000), KeyState::InFlight);
        assert_eq!(keys.len(), 3, "the limit's and the one in flight");
        keys.done(&key("a", "slow"), [99].into(), 5000);
        assert_eq!(keys.len(), 2);
    }

    #[test]
    fn keys_are_forgotten_by_age_and_by_count() {
        let mut keys = Keys::new(2, Duration::from_secs(1));
        let content = fingerprint("");
        for (i, text) in ["k0", "k1", "k2"].into_iter().enumerate() {
            remember(&mut keys, key("a", text), content, i as u64, i as u64);
        }
        assert_eq!((keys.len(), keys.take_evicted()), (2, 1));
        assert_eq!(keys.look_up(&key("a", "k0"), content, 2), KeyState::New);
        assert_eq!(keys.look_up(&key("a", "k2"), content, 1002), KeyState::Used([2].into()));
        assert_eq!(keys.look_up(&key("a", "k2"), content, 1003), KeyState::New);
        assert_eq!((keys.len(), keys.take_evicted()), (0, 0), "these were too old");
    }

    #[test]
    fn without_a_limit_no_key_is_remembered() {
        let mut keys = Keys::new(0, Duration::from_secs(1));
        keys.begin(key("a", "k"), fingerprint(""), 0);
        keys.done(&key("a", "k"), [7].into(), 0);
        assert_eq!((keys.len(), keys.look_up(&key("a", "k"), fingerprint(""), 0)), (0, KeyState::New));
    }
}
