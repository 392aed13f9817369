//! Idempotency keys: which publishes were seen, within a window of time and count.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use crate::hub::{Millis, Topic};

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

/// The content that a key was used with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint(u64, u64);

impl Fingerprint {
    pub(crate) const fn new(one: u64, other: u64) -> Self {
        Self(one, other)
    }
}

/// What is known of a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    New,
    /// The same content, at these sequence numbers.
    Before(Arc<[u64]>),
    /// Other content.
    Conflict,
}

#[derive(Debug)]
struct Entry {
    content: Fingerprint,
    seqs: Arc<[u64]>,
    time: Millis,
}

/// The keys of the last while. When full, the oldest is forgotten.
#[derive(Debug)]
pub(crate) struct Keys {
    limit: usize,
    window: u128,
    entries: HashMap<Key, Entry>,
    /// In the order in which they came, each once.
    order: VecDeque<Key>,
}

impl Keys {
    pub(crate) fn new(limit: usize, window: Duration) -> Self {
        Self { limit, window: window.as_millis(), entries: HashMap::new(), order: VecDeque::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn look_up(&mut self, key: &Key, content: Fingerprint, now: Millis) -> Seen {
        self.expire(now);
        match self.entries.get(key) {
            None => Seen::New,
            Some(entry) if entry.content == content => Seen::Before(entry.seqs.clone()),
            Some(_) => Seen::Conflict,
        }
    }

    /// Remembers a key that is new.
    pub(crate) fn remember(&mut self, key: Key, content: Fingerprint, seqs: Arc<[u64]>, now: Millis) {
        if self.limit == 0 {
            return;
        }
        if self.order.len() == self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.entries.insert(key, Entry { content, seqs, time: now });
    }

    fn expire(&mut self, now: Millis) {
        while let Some(oldest) = self.order.front() {
            let age = self.entries.get(oldest).map(|entry| now.saturating_sub(entry.time));
            if age.is_some_and(|age| u128::from(age) <= self.window) {
                return;
            }
            self.entries.remove(oldest);
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(topic: &str, text: &str) -> Key {
        Key { scope: Scope::Topic(Topic::new(topic).unwrap()), text: text.into() }
    }

    #[test]
    fn a_key_is_its_topics_and_knows_its_content() {
        let mut keys = Keys::new(10, Duration::from_secs(1));
        let (hi, ho) = (Fingerprint::new(1, 2), Fingerprint::new(1, 3));
        keys.remember(key("a", "k"), hi, [7].into(), 0);
        assert_eq!(keys.look_up(&key("a", "k"), hi, 0), Seen::Before([7].into()));
        assert_eq!(keys.look_up(&key("a", "k"), ho, 0), Seen::Conflict);
        assert_eq!(keys.look_up(&key("b", "k"), hi, 0), Seen::New);
    }

    #[test]
    fn keys_are_forgotten_by_age_and_by_count() {
        let mut keys = Keys::new(2, Duration::from_secs(1));
        let content = Fingerprint::new(0, 0);
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
