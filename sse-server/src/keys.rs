//! Idempotency keys: which publishes were seen, within a window of time and count.
//!
//! ```text
//!   new ── begin ──▶ under way ── done ──▶ before
//!    ▲                  │
//!    └───── failed ─────┘
//! ```

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use sha2::{Digest, Sha256};

use crate::hub::{Draft, Millis, Name, Topic};

/// What makes a publish the same as an earlier one.
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
    /// Of these parts, in this order.
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

    /// Of an event.
    pub(crate) fn of_draft(draft: &Draft) -> Self {
        let Draft { topic, name, retry, data, json } = draft;
        let name = name.as_ref().map_or("", Name::as_str);
        let retry = retry.map_or(u128::MAX, |retry| retry.as_millis()).to_le_bytes();
        Self::of([topic.as_str().as_bytes(), name.as_bytes(), &retry, data.as_bytes(), &[u8::from(*json)]])
    }
}

/// What is known of a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    New,
    /// The same content, at these sequence numbers.
    Before(Arc<[u64]>),
    /// The same content, which is being published just now.
    UnderWay,
    /// Other content.
    Conflict,
}

#[derive(Debug)]
struct Entry {
    content: Fingerprint,
    /// `None` while it is being published.
    seqs: Option<Arc<[u64]>>,
    time: Millis,
    /// Which of the keys in order it is.
    ordinal: u64,
}

/// The keys of the last while. When full, the oldest is forgotten.
#[derive(Debug)]
pub(crate) struct Keys {
    limit: usize,
    window: u128,
    entries: HashMap<Key, Entry>,
    /// In the order in which they came, with those that failed since.
    order: VecDeque<(u64, Key)>,
    next: u64,
}

impl Keys {
    pub(crate) fn new(limit: usize, window: Duration) -> Self {
        Self { limit, window: window.as_millis(), entries: HashMap::new(), order: VecDeque::new(), next: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn look_up(&mut self, key: &Key, content: Fingerprint, now: Millis) -> Seen {
        self.expire(now);
        match self.entries.get(key) {
            None => Seen::New,
            Some(entry) if entry.content != content => Seen::Conflict,
            Some(entry) => entry.seqs.clone().map_or(Seen::UnderWay, Seen::Before),
        }
    }

    /// A new key is being used.
    pub(crate) fn begin(&mut self, key: Key, content: Fingerprint, now: Millis) {
        self.enter(key, content, None, now);
    }

    /// It was used, and the events are at these sequence numbers.
    pub(crate) fn done(&mut self, key: &Key, seqs: Arc<[u64]>) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.seqs = Some(seqs);
        }
    }

    /// It was not used after all.
    pub(crate) fn failed(&mut self, key: &Key) {
        if self.entries.get(key).is_some_and(|entry| entry.seqs.is_none()) {
            self.entries.remove(key);
        }
    }

    /// Remembers a key of earlier times.
    pub(crate) fn remember(&mut self, key: Key, content: Fingerprint, seqs: Arc<[u64]>, time: Millis) {
        self.enter(key, content, Some(seqs), time);
    }

    fn enter(&mut self, key: Key, content: Fingerprint, seqs: Option<Arc<[u64]>>, time: Millis) {
        if self.limit == 0 {
            return;
        }
        if self.order.len() >= self.limit {
            self.forget_oldest();
        }
        let ordinal = self.next;
        self.next += 1;
        self.order.push_back((ordinal, key.clone()));
        self.entries.insert(key, Entry { content, seqs, time, ordinal });
    }

    fn forget_oldest(&mut self) {
        let Some((ordinal, key)) = self.order.pop_front() else { return };
        // else it failed, and may have come again since
        if self.entries.get(&key).is_some_and(|entry| entry.ordinal == ordinal) {
            self.entries.remove(&key);
        }
    }

    fn expire(&mut self, now: Millis) {
        while let Some((ordinal, key)) = self.order.front() {
            let entry = self.entries.get(key).filter(|entry| entry.ordinal == *ordinal);
            let age = entry.map(|entry| now.saturating_sub(entry.time));
            if age.is_some_and(|age| u128::from(age) <= self.window) {
                return;
            }
            self.forget_oldest();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(text: &str) -> Fingerprint {
        Fingerprint::of([text.as_bytes()])
    }

    fn key(topic: &str, text: &str) -> Key {
        Key { scope: Scope::Topic(Topic::new(topic).unwrap()), text: text.into() }
    }

    #[test]
    fn a_key_is_its_topics_and_knows_its_content() {
        let mut keys = Keys::new(10, Duration::from_secs(1));
        let (hi, ho) = (fingerprint("hi"), fingerprint("ho"));
        keys.remember(key("a", "k"), hi, [7].into(), 0);
        assert_eq!(keys.look_up(&key("a", "k"), hi, 0), Seen::Before([7].into()));
        assert_eq!(keys.look_up(&key("a", "k"), ho, 0), Seen::Conflict);
        assert_eq!(keys.look_up(&key("b", "k"), hi, 0), Seen::New);
    }

    #[test]
    fn a_key_under_way_is_new_again_if_it_fails() {
        let mut keys = Keys::new(2, Duration::from_secs(1));
        let content = fingerprint("");
        keys.begin(key("a", "k"), content, 0);
        assert_eq!(keys.look_up(&key("a", "k"), content, 0), Seen::UnderWay);
        keys.failed(&key("a", "k"));
        assert_eq!(keys.look_up(&key("a", "k"), content, 0), Seen::New);
        keys.begin(key("a", "k"), content, 0);
        keys.done(&key("a", "k"), [7].into());
        keys.failed(&key("a", "k"));
        assert_eq!(keys.look_up(&key("a", "k"), content, 0), Seen::Before([7].into()));
    }

    #[test]
    fn parts_do_not_run_together() {
        let of = |parts: [&str; 2]| Fingerprint::of(parts.map(str::as_bytes));
        assert_ne!(of(["ab", "c"]), of(["a", "bc"]));
    }

    #[test]
    fn keys_are_forgotten_by_age_and_by_count() {
        let mut keys = Keys::new(2, Duration::from_secs(1));
        let content = fingerprint("");
        for (i, text) in ["k0", "k1", "k2"].into_iter().enumerate() {
            keys.remember(key("a", text), content, [i as u64].into(), i as u64);
        }
        assert_eq!(keys.len(), 2);
        assert_eq!(keys.look_up(&key("a", "k0"), content, 2), Seen::New);
        assert_eq!(keys.look_up(&key("a", "k2"), content, 1002), Seen::Before([2].into()));
        assert_eq!(keys.look_up(&key("a", "k2"), content, 1003), Seen::New);
        assert_eq!(keys.len(), 0);
    }
}
