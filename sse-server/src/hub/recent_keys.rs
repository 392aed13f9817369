//! Keys of publishes that were used recently, bounded by time and number, and those in flight.
//!
//! ```text
//!   new ── begin ──▶ in flight ── done ──▶ used ── too old, or too many ──▶ new
//!    ▲                │  │  ▲                │
//!    └──── failed ────┘  │  └──── begin ─────┘
//!                        └──── failed, and used before ──▶ used, as it was
//! ```

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
    sync::Arc,
    time::Duration,
};

use sse_engine::Millis;

/// The recently used keys, with what was published under each. When there are too many, the one used longest ago is
/// evicted.
///
/// Keys in flight are never evicted and don't count towards the limit: they are bounded by the request bodies that
/// carry them.
#[derive(Debug)]
pub(super) struct RecentKeys<K: ?Sized, P, V> {
    limit: usize,
    window: u128,
    keys: HashMap<Arc<K>, Key<P, V>>,
    /// The used keys that are not in flight, in order of use.
    order: BTreeMap<u64, Arc<K>>,
    uses: u64,
    evicted: u64,
}

#[derive(Debug)]
struct Key<P, V> {
    in_flight: Option<P>,
    used: Option<Used<V>>,
}

#[derive(Debug)]
struct Used<V> {
    value: V,
    time: Millis,
    /// Its place in the order.
    number: u64,
}

impl<K: ?Sized + Eq + Hash, P, V> RecentKeys<K, P, V> {
    pub(super) fn new(limit: usize, window: Duration) -> Self {
        let (keys, order) = Default::default();
        Self { limit, window: window.as_millis(), keys, order, uses: 0, evicted: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The number of keys that were forgotten before their time since this was last asked.
    pub(super) const fn take_evicted(&mut self) -> u64 {
        std::mem::replace(&mut self.evicted, 0)
    }

    /// What was published under `key`.
    pub(super) fn used(&self, key: &K) -> Option<&V> {
        self.keys.get(key)?.used.as_ref().map(|used| &used.value)
    }

    /// What `key` is in flight with.
    pub(super) fn in_flight(&self, key: &K) -> Option<&P> {
        self.keys.get(key)?.in_flight.as_ref()
    }

    /// Marks a key that is not in flight as in flight.
    pub(super) fn begin(&mut self, key: Arc<K>, with: P) {
        if self.limit == 0 {
            return;
        }
        let known = self.keys.entry(key).or_insert(Key { in_flight: None, used: None });
        known.in_flight = Some(with);
        if let Some(used) = &known.used {
            self.order.remove(&used.number);
        }
    }

    /// Marks a key in flight as used.
    pub(super) fn done(&mut self, key: &K, value: V, now: Millis) {
        if let Some((key, _)) = self.keys.remove_entry(key) {
            self.add(key, value, now);
        }
    }

    /// A key in flight is again as it was before.
    pub(super) fn failed(&mut self, key: &K) {
        let Some((key, known)) = self.keys.remove_entry(key) else { return };
        if let Some(used) = known.used {
            self.order.insert(used.number, key.clone());
            self.keys.insert(key, Key { in_flight: None, used: Some(used) });
            self.forget_surplus();
        }
    }

    /// Adds a used key, after all that were used before `time`.
    pub(super) fn add(&mut self, key: Arc<K>, value: V, time: Millis) {
        if self.limit == 0 {
            return;
        }
        self.uses += 1;
        let used = Some(Used { value, time, number: self.uses });
        self.order.insert(self.uses, key.clone());
        let before = self.keys.insert(key, Key { in_flight: None, used });
        if let Some(before) = before.and_then(|before| before.used) {
            self.order.remove(&before.number);
        }
        self.expire(time);
        self.forget_surplus();
    }

    /// Forgets the keys that are too old.
    pub(super) fn expire(&mut self, now: Millis) {
        while let Some((_, key)) = self.order.first_key_value() {
            let used = self.keys.get(key).and_then(|known| known.used.as_ref());
            if used.is_some_and(|used| u128::from(now.saturating_sub(used.time)) <= self.window) {
                return;
            }
            self.forget_oldest();
        }
    }

    fn forget_surplus(&mut self) {
        while self.order.len() > self.limit {
            self.forget_oldest();
            self.evicted += 1;
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, key)) = self.order.pop_first() {
            self.keys.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(limit: usize) -> RecentKeys<str, (), u64> {
        RecentKeys::new(limit, Duration::from_secs(1))
    }

    #[test]
    fn a_key_in_flight_that_fails_is_as_it_was() {
        let mut keys = keys(2);
        keys.begin("k".into(), ());
        assert_eq!((keys.in_flight("k"), keys.used("k")), (Some(&()), None));
        keys.failed("k");
        assert_eq!((keys.in_flight("k"), keys.len()), (None, 0));
        keys.begin("k".into(), ());
        keys.done("k", 7, 0);
        keys.failed("k");
        assert_eq!((keys.in_flight("k"), keys.used("k")), (None, Some(&7)), "it was not in flight");
        keys.begin("k".into(), ());
        assert_eq!((keys.in_flight("k"), keys.used("k")), (Some(&()), Some(&7)));
        keys.failed("k");
        assert_eq!((keys.in_flight("k"), keys.used("k")), (None, Some(&7)));
    }

    #[test]
    fn a_key_in_flight_is_never_forgotten_and_keeps_no_other() {
        for was_used in [false, true] {
            let mut keys = keys(2);
            if was_used {
                keys.add("slow".into(), 0, 0);
            }
            keys.begin("slow".into(), ());
            for i in 0..10 {
                let quick = i.to_string();
                keys.begin(quick.as_str().into(), ());
                keys.done(&quick, i, 5000);
            }
            assert!(keys.in_flight("slow").is_some());
            assert_eq!(keys.len(), 3, "the limit's and the one in flight");
            keys.done("slow", 99, 5000);
            assert_eq!((keys.len(), keys.used("slow"), keys.used("8")), (2, Some(&99), None));
        }
    }

    #[test]
    fn keys_are_forgotten_by_age_and_by_count() {
        let mut keys = keys(2);
        for (time, key) in [(0, "a"), (1, "b"), (2, "a"), (3, "c")] {
            keys.add(key.into(), time, time);
        }
        assert_eq!((keys.len(), keys.take_evicted()), (2, 1));
        assert_eq!((keys.used("a"), keys.used("b"), keys.used("c")), (Some(&2), None, Some(&3)));
        keys.expire(1003);
        assert_eq!((keys.used("a"), keys.used("c")), (None, Some(&3)));
        assert_eq!(keys.take_evicted(), 0, "it was too old");
    }

    #[test]
    fn without_a_limit_no_key_is_remembered() {
        let mut keys = keys(0);
        keys.begin("k".into(), ());
        keys.done("k", 7, 0);
        keys.add("k".into(), 7, 0);
        assert_eq!((keys.len(), keys.used("k")), (0, None));
    }
}
