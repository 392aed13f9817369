//! The conformance suite that every store has to pass.

mod ends;
mod kinds;

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::FutureExt;
use sse_engine::{Draft, Millis, Name, Retained, Selector, Selectors, StoredTopic, Topic, Trim};

use super::{AfterUnlock, Batch, Entry, Fingerprint, Follower, Key, KeyedRange, Query, Scope, Store, StoreError};
pub(crate) use ends::*;
pub(crate) use kinds::*;

/// Mounts the suite on a store: `$open` returns a new, empty one and whatever has to live as long.
macro_rules! suite {
    (each $($test:ident),*; on $open:expr) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let (store, _kept) = $open;
                crate::store::suite::$test(&store).await;
            }
        )*
    };
    (on $open:expr) => {
        crate::store::suite::suite! {
            each positions_strictly_increase_and_times_never_go_back, what_is_appended_is_read_back,
            a_page_is_bounded_and_says_how_far_it_goes, patterns_and_topics_find_the_same,
            following_hands_over_from_stored_to_live, an_append_begins_when_it_is_polled, a_place_is_found_by_time, the_tail_is_bounded,
            a_trim_is_told_before_and_says_what_is_left, a_closed_store_takes_nothing,
            nothing_gets_behind_an_end, nothing_gets_behind_an_end_in_its_own_batch,
            a_topic_ends_without_an_event, a_topic_goes_on_when_it_is_trimmed, an_end_comes_behind_its_batch,
            an_event_is_read_by_any_of_its_topics_once, private_events_are_read_with_a_grant,
            the_first_event_with_an_alias_is_found, events_are_read_by_their_numbers,
            a_trim_is_told_for_each_topic, what_few_events_have_is_read_back; on $open
        }
    };
}
pub(crate) use suite;

pub(crate) fn topic(name: &str) -> Topic {
    Topic::new(name).unwrap()
}

pub(crate) fn draft(name: &str, data: &str) -> Draft {
    Draft::text(topic(name), data)
}

pub(crate) fn batch<'a>(now: Millis, events: impl IntoIterator<Item = (&'a str, &'a str)>) -> Batch {
    let drafts = events.into_iter().map(|(topic, data)| draft(topic, data)).collect();
    Batch { drafts, now, ..Batch::default() }
}

/// A batch that ends a topic without an event.
pub(crate) fn ending(name: &str) -> Batch {
    Batch { end: Some(topic(name)), now: 1, ..Batch::default() }
}

/// Who may read everything.
pub(crate) fn reader_of_all() -> Selectors {
    selectors(&["**"]).with_grants(vec![Selector::new("**").unwrap()])
}

pub(crate) fn selectors(of: &[&str]) -> Selectors {
    Selectors::new(of.iter().map(|selector| Selector::new(selector).unwrap()).collect(), false)
}

pub(crate) fn query(of: &[&str], after: u64) -> Query {
    Query { selectors: selectors(of), after, through: u64::MAX, events: 100, bytes: 1 << 20 }
}

/// Appends one event, and returns its sequence number.
pub(crate) async fn append(store: &dyn Store, topic: &str, data: &str) -> u64 {
    append_one(store, draft(topic, data)).await
}

/// Appends one event, and returns its sequence number.
pub(crate) async fn append_one(store: &dyn Store, draft: Draft) -> u64 {
    store.append(Batch { drafts: vec![draft], now: 1, ..Batch::default() }).await.unwrap().seqs[0]
}

/// All matching events, read page by page.
pub(crate) async fn all(store: &dyn Store, of: &[&str], after: u64) -> Vec<Entry> {
    all_for(store, selectors(of), after).await
}

/// All events for `selectors`, read page by page.
pub(crate) async fn all_for(store: &dyn Store, selectors: Selectors, mut after: u64) -> Vec<Entry> {
    let mut entries = Vec::new();
    let through = store.snapshot().head + 1_000_000;
    loop {
        let query = Query { selectors: selectors.clone(), after, through, events: 7, bytes: 1 << 20 };
        let page = store.read(query).await.unwrap();
        let end = page.entries.is_empty();
        entries.extend(page.entries);
        if end && page.through == after {
            return entries;
        }
        after = page.through;
    }
}

/// A follower that records what it receives.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) entries: Mutex<Vec<Entry>>,
    pub(crate) trims: Mutex<Vec<Trim>>,
    pub(crate) committed: Mutex<u64>,
    pub(crate) gone: Mutex<bool>,
    pub(crate) recovered: Mutex<Option<(u64, Vec<StoredTopic>)>>,
    /// Where topics have ended.
    pub(crate) ends: Mutex<HashMap<Topic, u64>>,
    /// What was told of ends without an event, after how many events.
    pub(crate) ended: Mutex<Vec<(Topic, u64, usize)>>,
    pub(crate) reopened_topics: Mutex<Vec<Topic>>,
}

impl Follower for Heard {
    fn appended(&self, entries: &[Entry], committed: u64) -> AfterUnlock {
        self.entries.lock().unwrap().extend_from_slice(entries);
        for entry in entries.iter().filter(|entry| entry.draft.end) {
            self.ends.lock().unwrap().insert(entry.draft.topic.clone(), entry.seq);
        }
        Follower::committed(self, committed);
        AfterUnlock::default()
    }

    fn trimming(&self, trims: &[Trim]) -> AfterUnlock {
        self.trims.lock().unwrap().extend_from_slice(trims);
        AfterUnlock::default()
    }

    fn committed(&self, through: u64) {
        let mut committed = self.committed.lock().unwrap();
        *committed = through.max(*committed);
    }

    fn gone(&self) {
        *self.gone.lock().unwrap() = true;
    }

    fn ended(&self, topic: &Topic, at: u64) -> (u64, AfterUnlock) {
        let after = self.entries.lock().unwrap().len();
        self.ends.lock().unwrap().insert(topic.clone(), at);
        self.ended.lock().unwrap().push((topic.clone(), at, after));
        (at, AfterUnlock::default())
    }

    fn topic_reopened(&self, topic: &Topic) {
        self.ends.lock().unwrap().remove(topic);
        self.reopened_topics.lock().unwrap().push(topic.clone());
    }

    fn end_of(&self, topic: &Topic) -> Option<u64> {
        self.ends.lock().unwrap().get(topic).copied()
    }

    fn recovered(&self, through: u64, topics: &[StoredTopic], _undone: u64) {
        *self.recovered.lock().unwrap() = Some((through, topics.to_vec()));
    }
}

impl Heard {
    pub(crate) fn seqs(&self) -> Vec<u64> {
        self.entries.lock().unwrap().iter().map(|entry| entry.seq).collect()
    }

    /// Waits until events through `through` can be read.
    pub(crate) async fn committed(&self, through: u64) {
        while *self.committed.lock().unwrap() < through {
            tokio::task::yield_now().await;
        }
    }
}

/// A follower of what comes after `after`.
pub(crate) fn followed(store: &dyn Store, after: u64) -> Arc<Heard> {
    let heard = Arc::new(Heard::default());
    store.follow(after, heard.clone()).unwrap();
    heard
}

/// Waits until events through `through` can be read.
pub(crate) async fn committed(store: &dyn Store, through: u64) {
    followed(store, 0).committed(through).await;
}

pub(crate) async fn an_append_begins_when_it_is_polled(store: &dyn Store) {
    drop(store.append(batch(1, [("a", "never")])));
    let mut begun = store.append(batch(1, [("a", "begun")]));
    let polled = begun.as_mut().now_or_never();
    drop(begun); // the caller is gone
    let last = append(store, "a", "last").await;
    assert!(polled.is_none_or(|appended| appended.is_ok()));
    committed(store, last).await;
    let data: Vec<_> = all(store, &["a"], 0).await.into_iter().map(|entry| entry.draft.data).collect();
    assert_eq!(data, ["begun", "last"]);
}

pub(crate) async fn positions_strictly_increase_and_times_never_go_back(store: &dyn Store) {
    let heard = followed(store, store.snapshot().head);
    let mut seqs = Vec::new();
    for now in [5, 3, 9] {
        seqs.extend(store.append(batch(now, [("a", "x"), ("b", "y")])).await.unwrap().seqs);
    }
    assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
    assert_eq!(heard.seqs(), seqs, "told before the append resolves");
    let times: Vec<_> = heard.entries.lock().unwrap().iter().map(|entry| entry.time).collect();
    assert_eq!(times, [5, 5, 5, 5, 9, 9]);
}

pub(crate) async fn what_is_appended_is_read_back(store: &dyn Store) {
    let mut drafts = vec![draft("a", "plain\nlines"), draft("a", "")];
    drafts[0].name = Name::of("tick").unwrap();
    drafts[1].retry = Some(Duration::from_millis(1500));
    drafts[1].json = true;
    let key = Key { scope: Scope::Topic(topic("a")), text: "k".into() };
    let keys = vec![KeyedRange { key, content: Fingerprint::of([]), events: Range { start: 0, end: 1 }, upload: None }];
    let batch = Batch { drafts: drafts.clone(), keys, now: 7, ..Batch::default() };
    let seqs = store.append(batch).await.unwrap().seqs;
    committed(store, seqs[1]).await;
    let read = all(store, &["a"], 0).await;
    let expect: Vec<_> = seqs.iter().zip(drafts).map(|(seq, draft)| Entry { seq: *seq, time: 7, draft }).collect();
    assert_eq!(read, expect);
}

pub(crate) async fn a_page_is_bounded_and_says_how_far_it_goes(store: &dyn Store) {
    let mut seqs = Vec::new();
    for data in ["1", "2", "3", "4"] {
        seqs.push(append(store, "a", data).await);
        append(store, "other", data).await;
    }
    committed(store, seqs[3] + 1).await;
    let two = store.read(Query { events: 2, ..query(&["a"], 0) }).await.unwrap();
    assert_eq!((two.entries.len(), two.through), (2, seqs[1]));
    let weight = two.entries[0].draft.weight();
    let one = store.read(Query { bytes: weight + 1, ..query(&["a"], 0) }).await.unwrap();
    assert_eq!((one.entries.len(), one.through), (1, seqs[0]));
    let least = store.read(Query { bytes: 0, ..query(&["a"], 0) }).await.unwrap();
    assert_eq!(least.entries.len(), 1, "one event, whatever its size");
    let part = store.read(Query { through: seqs[2] - 1, ..query(&["a"], 0) }).await.unwrap();
    assert_eq!((part.entries.len(), part.through), (2, seqs[2] - 1));
    let none = store.read(Query { through: seqs[3], ..query(&["nothing"], seqs[0]) }).await.unwrap();
    assert_eq!((none.entries.len(), none.through), (0, seqs[3]));
}

pub(crate) async fn patterns_and_topics_find_the_same(store: &dyn Store) {
    let mut last = 0;
    for at in 0..600 {
        last = append(store, &format!("t/{}", at % 300), "x").await;
    }
    committed(store, last).await;
    let scanned = all(store, &["t/*"], 0).await;
    assert_eq!(scanned.len(), 600);
    assert!(scanned.is_sorted_by(|a, b| a.seq < b.seq));
    let few = all(store, &["t/7", "t/8", "t/9", "none"], 0).await;
    let expect: Vec<_> =
        scanned.into_iter().filter(|entry| ["t/7", "t/8", "t/9"].contains(&entry.draft.topic.as_str())).collect();
    assert_eq!(few, expect);
}

pub(crate) async fn following_hands_over_from_stored_to_live(store: &dyn Store) {
    let mut seqs: Vec<u64> = Vec::new();
    for _ in 0..50 {
        seqs.push(append(store, "a", "before").await);
    }
    let (first, middle) = (seqs[0], seqs[20]);
    // Appends continue while the follower catches up.
    let appending = async {
        let mut seqs = Vec::new();
        for _ in 0..200 {
            seqs.push(append(store, "a", "meanwhile").await);
            tokio::task::yield_now().await;
        }
        seqs
    };
    let following = async {
        tokio::task::yield_now().await;
        let heard = tokio::task::block_in_place(|| followed(store, first - 1));
        (heard, tokio::task::block_in_place(|| followed(store, middle)))
    };
    let (meanwhile, (heard, late)) = tokio::join!(appending, following);
    seqs.extend(meanwhile);
    assert_eq!(heard.seqs(), seqs);
    assert_eq!(late.seqs(), seqs[21..]);
}

pub(crate) async fn a_place_is_found_by_time(store: &dyn Store) {
    let mut seqs = Vec::new();
    for now in [10, 10, 20, 30] {
        seqs.extend(store.append(batch(now, [("a", "x")])).await.unwrap().seqs);
    }
    committed(store, seqs[3]).await;
    for (time, before) in [(10, seqs[0] - 1), (11, seqs[1]), (20, seqs[1]), (30, seqs[2]), (31, seqs[3])] {
        assert_eq!(store.before(time).await.unwrap(), before, "{time}");
    }
}

pub(crate) async fn the_tail_is_bounded(store: &dyn Store) {
    let mut seqs = Vec::new();
    for _ in 0..5 {
        seqs.push(append(store, "a", &"x".repeat(1000)).await);
    }
    committed(store, seqs[4]).await;
    assert_eq!(store.tail(2, usize::MAX).unwrap(), seqs[2]);
    assert_eq!(store.tail(5, usize::MAX).unwrap(), 0);
    assert!((seqs[2]..=seqs[3]).contains(&store.tail(100, 2500).unwrap()));
}

pub(crate) async fn a_trim_is_told_before_and_says_what_is_left(store: &dyn Store) {
    let a = [append(store, "a", "1").await, append(store, "a", "2").await, append(store, "a", "3").await];
    let b = append(store, "b", "1").await;
    committed(store, b).await;
    let heard = followed(store, 0);
    store.trim(&topic("a"), a[1], false).await.unwrap();
    store.trim(&topic("none"), a[1], false).await.unwrap();
    let weight = draft("a", "3").weight();
    let left = Retained { events: 1, bytes: weight, first: a[2], last: a[2] };
    let trim = Trim::plain(topic("a"), (a[1], 1), true, left);
    assert_eq!(*heard.trims.lock().unwrap(), [trim]);
    let seqs: Vec<_> = all(store, &["a", "b"], 0).await.iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, [a[2], b]);
}

pub(crate) async fn a_closed_store_takes_nothing(store: &dyn Store) {
    append(store, "a", "1").await;
    assert_eq!(store.health(), Ok(()));
    tokio::task::block_in_place(|| store.close(Duration::MAX).unwrap());
    assert_eq!(store.append(batch(1, [("a", "2")])).await, Err(StoreError::Closed));
    assert_eq!(store.health(), Err(StoreError::Closed));
}
