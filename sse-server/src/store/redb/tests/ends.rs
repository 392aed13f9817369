//! Ends of topics: what survives, what a failing disk does to them, and what is forgotten.

use futures_util::FutureExt;

use super::{
    faults::{failing, faulty, well},
    retained::keeping,
    *,
};
use crate::store::{
    Batch, Store, StoreError,
    redb::{faulty::Faults, retention::Bound},
    suite::{all, append, append_one, batch, ending, followed, last_of, topic},
};

fn ends(store: &Redb) -> Vec<(String, u64)> {
    let mut ends: Vec<_> =
        store.snapshot().topics.iter().map(|stored| (stored.topic.to_string(), stored.ended)).collect();
    ends.retain(|(_, at)| *at > 0);
    ends.sort_unstable();
    ends
}

#[tokio::test]
async fn ends_survive() {
    for durability in [Durability::Always, NEVER, Durability::None] {
        let (store, directory) = new(durability);
        append(&store, "b", "x").await;
        let a = append_one(&store, last_of("a")).await;
        let b = append(&store, "b", "y").await;
        assert_eq!(store.append(ending("b")).await.unwrap().ended, Some(b), "whatever the durability");
        let crashed = crashed(directory.path());
        append_one(&store, last_of("c")).await;
        store.append(ending("d")).await.unwrap();
        store.trim(&topic("d"), 0, true).await.unwrap();
        drop(store);
        let again = open(crashed.path(), durability);
        assert_eq!(ends(&again), [("a".to_owned(), a), ("b".to_owned(), b)], "it waits until it is written");
        let store = open(directory.path(), durability);
        assert_eq!(ends(&store), [("a".to_owned(), a), ("b".to_owned(), b), ("c".to_owned(), b + 1)]);
        assert_eq!(store.append(batch(1, [("b", "z")])).await, Err(StoreError::Ended { index: 0, at: b }));
        append(&store, "d", "x").await;
        store.trim(&topic("b"), b, true).await.unwrap();
        append(&store, "b", "z").await;
    }
}

#[tokio::test]
async fn an_end_waits_and_keeps_the_order() {
    let (store, _directory) = new(NEVER);
    let heard = followed(&store, 0);
    append(&store, "a", "1").await; // from here on events are reported before they are written
    let before = store.append(batch(1, [("a", "2"), ("b", "3")]));
    let end = store.append(ending("a"));
    let behind = store.append(batch(1, [("b", "4")]));
    let refused = store.append(batch(1, [("a", "5")]));
    let (before, end, behind, refused) = tokio::join!(before, end, behind, refused);
    let [own, other] = before.unwrap().seqs[..] else { panic!() };
    assert_eq!(end.unwrap().ended, Some(own));
    assert!(matches!(refused, Err(StoreError::Ended { index: 0, .. })), "{refused:?}");
    assert_eq!(behind.unwrap().seqs, [other + 1]);
    assert_eq!(*heard.ended.lock().unwrap(), [(topic("a"), own, 3)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_is_refused_has_not_come_to_pass() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path(), Durability::Always));
    // whichever of the calls fails, also that behind which the commit is in the file after all
    for good in 0..12 {
        let faults = Faults::none();
        let store = faulty(directory.path(), Durability::Always, faults.clone());
        let heard = followed(&store, store.snapshot().head);
        let goes_on = append(&store, "goes on", "1").await;
        store.append(ending("ended")).await.unwrap();
        faults.allow(good);
        let refused = store.append(ending("goes on")).await;
        let last = Batch { drafts: vec![last_of("never")], now: 1, ..Batch::default() };
        let refused_too = store.append(last).await;
        let reopened = store.trim(&topic("ended"), 0, true).await;
        faults.allow(i64::MAX);
        well(&store).await;
        for (name, done) in [("goes on", refused.is_ok()), ("never", refused_too.is_ok()), ("ended", reopened.is_err())]
        {
            let appended = store.append(batch(1, [(name, "after")])).await;
            assert_eq!(matches!(appended, Err(StoreError::Ended { .. })), done, "{good}: {name}");
            assert_eq!(heard.ends.lock().unwrap().contains_key(&topic(name)), done, "{good}: {name}");
        }
        drop(store);
        let store = open(directory.path(), Durability::Always);
        let known = ends(&store);
        for (name, done) in [("goes on", refused.is_ok()), ("never", refused_too.is_ok()), ("ended", reopened.is_err())]
        {
            assert_eq!(known.iter().any(|(topic, _)| topic == name), done, "{good}: {name}");
            store.trim(&topic(name), u64::MAX, true).await.unwrap();
        }
        assert!(goes_on > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_is_not_written_yet_refuses_nobody() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path(), Durability::Always));
    for takes_it in [true, false] {
        let faults = Faults::none();
        let store = faulty(directory.path(), Durability::Always, faults.clone());
        let own = append(&store, "a", "1").await;
        faults.hang(true);
        let mut first = store.append(ending("a"));
        assert!(first.as_mut().now_or_never().is_none());
        let behind = [store.append(ending("a")), store.append(batch(1, [("b", "x"), ("a", "2")]))];
        let behind = behind.map(|mut behind| (behind.as_mut().now_or_never(), behind));
        assert!(behind.iter().all(|(answer, _)| answer.is_none()), "the end may be taken back");
        faults.allow(if takes_it { i64::MAX } else { 0 });
        faults.hang(false);
        assert_eq!(first.await.map(|appended| appended.ended).ok(), takes_it.then_some(Some(own)));
        for (index, (_, behind)) in behind.into_iter().enumerate() {
            let answer = behind.await;
            assert_eq!(answer == Err(StoreError::Ended { index, at: own }), takes_it, "{answer:?}");
            assert!(answer.is_err());
        }
        faults.allow(i64::MAX);
        well(&store).await;
        store.trim(&topic("a"), own, true).await.unwrap();
        assert!(all(&store, &["b"], 0).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_is_written_refuses_at_once_whatever_is_under_way() {
    let (store, faults, _directory) = failing(Durability::Always);
    let last = append_one(&store, last_of("a")).await;
    append(&store, "b", "x").await;
    faults.hang(true);
    let mut under_way = store.append(batch(1, [("b", "y")]));
    assert!(under_way.as_mut().now_or_never().is_none());
    let refused = store.append(batch(1, [("a", "2")])).now_or_never();
    assert_eq!(refused, Some(Err(StoreError::Ended { index: 0, at: last })), "nothing is written for it");
    faults.hang(false);
    under_way.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_and_is_forgotten_is_as_if_it_had_never_been() {
    let (store, heard, _directory) = keeping(Bound::default(), 3, Vec::new());
    append(&store, "a", "x").await;
    store.append(ending("empty")).await.unwrap();
    let last = append_one(&store, last_of("b")).await;
    store.trim(&topic("b"), last, false).await.unwrap();
    assert!(store.append(batch(1, [("b", "y")])).await.is_err(), "it is known as long as there is room");
    for name in ["c", "d", "e"] {
        append(&store, name, "x").await;
    }
    append(&store, "end", "").await;
    for name in ["empty", "b"] {
        append(&store, name, "anew").await;
        assert!(heard.reopened_topics.lock().unwrap().contains(&topic(name)), "{name}");
    }
    assert_eq!(all(&store, &["b"], 0).await.len(), 1);
}
