//! Retention, and the gaps it causes.

use std::sync::Arc;

use futures_util::FutureExt;

use super::*;
use crate::store::{
    Entry, Store,
    redb::retention::{Bound, Rule},
    suite::{Heard, all, append, batch, draft, followed},
};
use sse_engine::{Selector, Stock};

pub(super) fn keeping(most: Bound, topics: usize, rules: Vec<Rule>) -> (Redb, Arc<Heard>, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let retention = Retention { most, topics, rules };
    let options = Options { retention, ..options(Durability::Always) };
    let store = Redb::open(place(directory.path()), options).unwrap();
    let heard = followed(&store, 0);
    (store, heard, directory)
}

pub(super) fn rule(selector: &str, most: Bound, last_only: bool) -> Rule {
    Rule { selector: Selector::new(selector).unwrap(), most, last_only }
}

fn texts(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| entry.draft.data.to_string()).collect()
}

/// Appends once more, so that retention caused by the last append is done.
async fn kept(store: &Redb, of: &[&str]) -> Vec<String> {
    append(store, "end", "").await;
    texts(&all(store, of, 0).await)
}

#[tokio::test]
async fn by_count() {
    let (store, heard, _directory) = keeping(Bound { events: 3, ..Bound::default() }, 100, Vec::new());
    let mut seqs = Vec::new();
    for at in 0..6 {
        seqs.push(append(&store, "a", &at.to_string()).await);
    }
    assert_eq!(kept(&store, &["a"]).await, ["4", "5"], "and the one at the end");
    let trims = heard.trims.lock().unwrap();
    assert_eq!(trims.last().map(|trim| (trim.through, trim.lost.0)), Some((seqs[3], seqs[3])));
}

#[tokio::test]
async fn by_bytes() {
    let weight = draft("a", &"x".repeat(100)).weight() as u64;
    let (store, _heard, _directory) = keeping(Bound { bytes: 3 * weight, ..Bound::default() }, 100, Vec::new());
    for at in 0..6 {
        append(&store, "a", &format!("{at}{}", "x".repeat(99))).await;
    }
    let kept = kept(&store, &["a"]).await;
    assert_eq!(kept.iter().map(|text| &text[..1]).collect::<String>(), "45");
}

#[tokio::test]
async fn by_age() {
    let age = Duration::from_secs(3600);
    let (store, heard, _directory) = keeping(Bound { age, ..Bound::default() }, 100, Vec::new());
    let now = crate::base::clock::wall();
    store.append(batch(now - 7_200_000, [("a", "old")])).await.unwrap();
    store.append(batch(now - 60_000, [("a", "young")])).await.unwrap();
    assert_eq!(kept(&store, &["a"]).await, ["young"]);
    assert_eq!(heard.trims.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn by_topic_the_first_rule_that_matches_holds() {
    let two = Bound { events: 2, ..Bound::default() };
    let one = Bound { events: 1, ..Bound::default() };
    let (store, heard, _directory) =
        keeping(Bound::default(), 100, vec![rule("a/special", two, false), rule("a/*", one, false)]);
    let mut last = 0;
    for at in ["1", "2", "3"] {
        for topic in ["a/special", "a/other", "b"] {
            last = append(&store, topic, at).await;
        }
    }
    assert_eq!(kept(&store, &["a/special"]).await, ["2", "3"]);
    assert_eq!(kept(&store, &["a/other"]).await, ["3"]);
    assert_eq!(kept(&store, &["b"]).await, ["1", "2", "3"]);
    let trims = heard.trims.lock().unwrap();
    let other = trims.iter().rfind(|trim| trim.topic.as_str() == "a/other").unwrap();
    // Followers have not seen the event that caused the trim yet.
    assert_eq!(other.left, Stock::default());
    assert!(other.through < last - 1);
}

#[tokio::test]
async fn by_topic_and_age() {
    let hour = Bound { age: Duration::from_secs(3600), ..Bound::default() };
    let (store, _heard, _directory) = keeping(Bound::default(), 100, vec![rule("a", hour, false)]);
    let now = crate::base::clock::wall();
    store.append(batch(now - 7_200_000, [("a", "old"), ("b", "old")])).await.unwrap();
    assert_eq!(kept(&store, &["a", "b"]).await, ["old"]);
}

#[tokio::test]
async fn the_last_event_stands_for_those_before() {
    let (store, heard, directory) = keeping(Bound::default(), 100, vec![rule("state/**", Bound::default(), true)]);
    for at in ["1", "2", "3"] {
        append(&store, "state/a", at).await;
    }
    assert_eq!(kept(&store, &["state/a"]).await, ["3"]);
    assert!(heard.trims.lock().unwrap().iter().all(|trim| trim.lost == (0, 0)), "nobody misses them");
    drop(store);
    let snapshot = open(directory.path(), Durability::Always).snapshot();
    let record = snapshot.topics.iter().find(|record| record.topic.as_str() == "state/a").unwrap();
    assert_eq!((record.retained.events(), record.lost), (1, (0, 0)));
}

#[tokio::test]
async fn topics_are_bounded() {
    let (store, _heard, directory) = keeping(Bound::default(), 3, Vec::new());
    let mut seqs = Vec::new();
    for topic in ["a", "b", "c", "d", "e"] {
        seqs.push(append(&store, topic, "x").await);
    }
    append(&store, "e", "y").await;
    drop(store);
    let snapshot = open(directory.path(), Durability::Always).snapshot();
    let mut names: Vec<_> = snapshot.topics.iter().map(|record| record.topic.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["c", "d", "e"]);
    assert_eq!(snapshot.floor.0, seqs[1], "what was forgotten is known to be lost");
}

/// Waits until retention has caught up, which needs no further appends.
async fn until(store: &Redb, of: &[&str], left: &[&str]) {
    while texts(&all(store, of, 0).await) != left {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_heard_of_is_not_trimmed() {
    let two = Bound { events: 2, ..Bound::default() };
    let (store, heard, _directory) = keeping(Bound::default(), 100, vec![rule("a", two, false)]);
    let seqs = store.append(batch(1, ["1", "2", "3", "4", "5"].map(|data| ("a", data)))).await.unwrap().seqs;
    assert_eq!(heard.seqs(), seqs);
    until(&store, &["a"], &["4", "5"]).await;
    let trims = heard.trims.lock().unwrap();
    let last = trims.last().unwrap();
    assert_eq!((last.through, last.left.events(), last.left.last()), (seqs[2], 2, seqs[4]));
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_nobody_publishes_to_are_kept_in_bounds_too() {
    let (store, _heard, directory) = keeping(Bound::default(), 100, Vec::new());
    let now = crate::base::clock::wall();
    store.append(batch(now - 7_200_000, [("old", "1")])).await.unwrap();
    for data in ["1", "2", "3"] {
        store.append(batch(now, [("count", data), ("last", data)])).await.unwrap();
    }
    drop(store);
    let hour = Bound { age: Duration::from_secs(3600), ..Bound::default() };
    let two = Bound { events: 2, ..Bound::default() };
    let rules = vec![rule("old", hour, false), rule("count", two, false), rule("last", Bound::default(), true)];
    let retention = Retention { most: Bound::default(), topics: 100, rules };
    let options = Options { retention, ..options(Durability::Always) };
    let store = Redb::open(place(directory.path()), options).unwrap();
    until(&store, &["old"], &[]).await;
    until(&store, &["count"], &["2", "3"]).await;
    until(&store, &["last"], &["3"]).await;
}

#[tokio::test]
async fn a_topic_that_makes_room_is_enough() {
    let (store, _heard, _directory) = keeping(Bound::default(), 2, Vec::new());
    append(&store, "a", "1").await;
    for _ in 0..50 {
        append(&store, "b", "x").await;
    }
    append(&store, "c", "1").await;
    append(&store, "c", "2").await;
    assert_eq!(all(&store, &["b"], 0).await.len(), 50);
    assert!(all(&store, &["a"], 0).await.is_empty());
}

#[tokio::test]
async fn a_large_trim_goes_in_steps() {
    let (store, _heard, _directory) = keeping(Bound::default(), 2, Vec::new());
    let seqs = store.append(batch(1, (0..9000).map(|_| ("a", "x")))).await.unwrap().seqs;
    store.trim(&crate::store::suite::topic("a"), seqs[8999] - 1, false).await.unwrap();
    assert_eq!(all(&store, &["a"], 0).await.len(), 1);
}

#[tokio::test]
async fn a_clock_that_is_behind_the_log_does_not_count() {
    let directory = tempfile::tempdir().unwrap();
    let age = Duration::from_secs(3600);
    let retention = Retention { most: Bound { age, ..Bound::default() }, topics: 100, rules: Vec::new() };
    let options = Options { retention, wall: || 1000, ..options(Durability::Always) };
    let store = Redb::open(place(directory.path()), options).unwrap();
    let ahead = crate::base::clock::wall() + 1_000_000_000;
    store.append(batch(ahead, [("a", "old")])).await.unwrap();
    store.append(batch(ahead + 7_200_000, [("a", "young")])).await.unwrap();
    assert_eq!(kept(&store, &["a"]).await, ["young"], "by the time of the log");
}

#[tokio::test]
async fn new_topics_push_out_each_other_and_no_history() {
    let (store, heard, directory) = keeping(Bound::default(), 10, Vec::new());
    for at in 0..40 {
        append(&store, "history", &at.to_string()).await;
    }
    for at in 0..100 {
        append(&store, &format!("new/{at}"), "x").await;
    }
    assert_eq!(kept(&store, &["history"]).await.len(), 40);
    assert!(heard.trims.lock().unwrap().iter().all(|trim| trim.topic.as_str() != "history"));
    let newest = [98, 99].map(|at| format!("new/{at}"));
    assert_eq!(all(&store, &newest.each_ref().map(String::as_str), 0).await.len(), 2, "the newest got in");
    drop(store);
    assert_eq!(open(directory.path(), Durability::Always).snapshot().topics.len(), 10);
}

#[tokio::test]
async fn a_new_topic_gets_in_where_all_others_have_histories() {
    let (store, _heard, _directory) = keeping(Bound::default(), 2, Vec::new());
    for topic in ["a", "a", "a", "a", "a", "b", "b", "new"] {
        append(&store, topic, "x").await;
    }
    assert_eq!(all(&store, &["new"], 0).await.len(), 1);
    append(&store, "new", "y").await;
    assert_eq!((all(&store, &["a"], 0).await.len(), all(&store, &["b"], 0).await.len()), (5, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn publishers_of_new_topics_wait_while_the_file_is_behind() {
    let directory = tempfile::tempdir().unwrap();
    let retention = Retention { most: Bound::default(), topics: 10, rules: Vec::new() };
    let store = Redb::open(place(directory.path()), Options { retention, ..options(NEVER) }).unwrap();
    append(&store, "first", "x").await; // from now on events are reported before they are written
    let mut waited = false;
    for at in 0..20 {
        waited |= store.append(batch(1, [(format!("new/{at}").as_str(), "x")])).now_or_never().is_none();
        if waited {
            break; // until the writer has caught up
        }
        assert!(store.shared.queue().unwrap().reported.len() <= 10);
    }
    assert!(waited);
    let known = store.append(batch(1, [("first", "x")])).now_or_never();
    assert!(known.is_some(), "who publishes to a known topic waits behind new ones");
}
