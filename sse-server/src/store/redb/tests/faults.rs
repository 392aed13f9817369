//! A failing disk: nothing acknowledged is lost, and the store continues once the disk works again.

use std::sync::Arc;

use super::*;
use crate::store::{
    Entry, Store, StoreError,
    redb::faulty::Faults,
    suite::{all, append, batch, followed},
};

pub(super) fn faulty(directory: &Path, durability: Durability, faults: Arc<Faults>) -> Redb {
    let mut place = place(directory);
    place.faults = Some(faults);
    Redb::open(place, options(durability)).unwrap()
}

/// A new store whose disk fails when it is told to.
pub(super) fn failing(durability: Durability) -> (Redb, Arc<Faults>, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path(), durability));
    let faults = Faults::none();
    (faulty(directory.path(), durability, faults.clone()), faults, directory)
}

/// A store that soon finds that the disk does not answer.
fn impatient(directory: &Path, durability: Durability, faults: Arc<Faults>) -> Redb {
    let mut place = place(directory);
    place.faults = Some(faults);
    Redb::open(place, Options { answer_timeout: Duration::from_millis(50), ..options(durability) }).unwrap()
}

fn texts(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| entry.draft.data.to_string()).collect()
}

pub(super) async fn well(store: &Redb) {
    let mut health = store.shared.health.subscribe();
    health.wait_for(Result::is_ok).await.unwrap();
}

/// An upper bound on the calls that an append makes to the file, any of which can fail.
async fn calls(durability: Durability) -> i64 {
    let (store, faults, _directory) = failing(durability);
    append(&store, "a", "1").await;
    let before = faults.calls();
    append(&store, "a", "2").await;
    i64::try_from(faults.calls() - before).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_always_a_failing_disk_refuses_and_then_goes_on() {
    for nth in 0..calls(Durability::Always).await {
        for short in [false, true] {
            let directory = tempfile::tempdir().unwrap();
            drop(open(directory.path(), Durability::Always));
            let faults = Faults::after(i64::MAX, short);
            let store = faulty(directory.path(), Durability::Always, faults.clone());
            let heard = followed(&store, store.snapshot().head);
            append(&store, "a", "before").await;
            faults.allow(nth);
            let refused = store.append(batch(1, [("a", "refused")])).await;
            assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{nth}: {refused:?}");
            let more = store.append(batch(1, [("a", "refused")])).await;
            assert!(matches!(more, Err(StoreError::Unavailable(_))), "{nth}: {more:?}");
            faults.allow(i64::MAX);
            well(&store).await;
            append(&store, "a", "after").await;
            assert_eq!(texts(&heard.entries.lock().unwrap()), ["before", "after"], "{nth}");
            assert_eq!(texts(&all(&store, &["a"], 0).await), ["before", "after"], "{nth}");
            drop(store);
            let store = open(directory.path(), Durability::Always);
            assert_eq!(texts(&all(&store, &["a"], 0).await), ["before", "after"], "{nth}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_it_could_be_written_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let durability = Durability::Interval(Duration::from_millis(20));
    drop(open(directory.path(), durability));
    let faults = Faults::none();
    let store = faulty(directory.path(), durability, faults.clone());
    let mut acknowledged = vec!["0".to_owned()];
    append(&store, "a", "0").await;
    faults.allow(0);
    // Events are accepted until the failure is noticed.
    for at in 1.. {
        match store.append(batch(1, [("a", at.to_string().as_str())])).await {
            Ok(_) => acknowledged.push(at.to_string()),
            Err(error) => {
                assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
                break;
            }
        }
    }
    assert!(acknowledged.len() > 1);
    faults.allow(i64::MAX);
    well(&store).await;
    append(&store, "a", "last").await;
    acknowledged.push("last".into());
    drop(store);
    let store = open(directory.path(), durability);
    assert_eq!(texts(&all(&store, &["a"], 0).await), acknowledged);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_can_not_write_closes_all_the_same() {
    let (store, faults, directory) = failing(NEVER);
    append(&store, "a", "synced").await;
    append(&store, "a", "not yet").await;
    faults.allow(0);
    let closed = tokio::task::block_in_place(|| store.close(Duration::MAX));
    assert!(matches!(closed, Err(StoreError::Unavailable(_))), "{closed:?}");
    drop(store);
    let store = open(directory.path(), NEVER);
    assert!(store.snapshot().holes[0].lossy);
    assert_eq!(texts(&all(&store, &["a"], 0).await), ["synced"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trim_that_did_not_come_to_pass_is_taken_back() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path(), Durability::Always));
    let faults = Faults::none();
    let mut place = place(directory.path());
    place.faults = Some(faults.clone());
    let selector = sse_engine::Selector::new("state").unwrap();
    let rule = crate::store::redb::retention::Rule {
        selector,
        most: crate::store::redb::retention::Bound::default(),
        last_only: true,
    };
    let mut options = options(Durability::Always);
    options.retention.rules = vec![rule];
    let store = Redb::open(place, options).unwrap();
    let heard = followed(&store, 0);
    let first = append(&store, "state", "acknowledged").await;
    faults.allow(0);
    assert!(store.append(batch(1, [("state", "refused")])).await.is_err());
    assert_eq!(heard.trims.lock().unwrap()[0].through, first, "it was told");
    faults.allow(i64::MAX);
    well(&store).await;
    let (through, topics) = heard.recovered.lock().unwrap().clone().unwrap();
    assert_eq!((through, topics[0].retained.events(), topics[0].retained.last()), (first, 1, first));
    assert_eq!(texts(&all(&store, &["state"], 0).await), ["acknowledged"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_can_take_the_file_while_it_is_opened_again() {
    let (store, faults, directory) = failing(Durability::Always);
    faults.allow(0);
    assert!(store.append(batch(1, [("a", "refused")])).await.is_err());
    while store.shared.database.get().is_some() {
        tokio::task::yield_now().await;
    }
    let taken = Redb::open(super::place(directory.path()), options(Durability::Always));
    let super::super::OpenError::File { fault, .. } = taken.map(|store| store.snapshot()).unwrap_err();
    assert!(matches!(fault, super::super::Fault::InUse), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_hangs_is_noticed_and_what_it_was_asked_comes_to_pass() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path(), Durability::Always));
    let faults = Faults::none();
    let store = Arc::new(impatient(directory.path(), Durability::Always, faults.clone()));
    append(&*store, "a", "before").await;
    faults.hang(true);
    let appending = tokio::spawn({
        let store = store.clone();
        async move { store.append(batch(1, [("a", "hung")])).await }
    });
    let stalled = store.stalled().await;
    assert!(matches!(stalled, StoreError::Stalled(_)), "{stalled:?}");
    assert_eq!(store.health(), Err(stalled.clone()));
    assert_eq!(store.append(batch(1, [("a", "refused")])).await, Err(stalled));
    faults.hang(false);
    assert!(appending.await.unwrap().is_ok());
    while store.health().is_err() {
        tokio::task::yield_now().await;
    }
    append(&*store, "a", "after").await;
    assert_eq!(texts(&all(&*store, &["a"], 0).await), ["before", "hung", "after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_on_a_disk_that_hangs_can_be_closed() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path(), NEVER));
    let faults = Faults::none();
    let store = impatient(directory.path(), NEVER, faults.clone());
    append(&store, "a", "x").await;
    faults.hang(true);
    let closed = tokio::task::block_in_place(|| store.close(Duration::MAX));
    assert!(matches!(closed, Err(StoreError::Stalled(_))), "{closed:?}");
    drop(store);
    faults.hang(false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_hangs_takes_the_health_and_no_publish() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path(), Durability::Always));
    let store = impatient(directory.path(), Durability::Always, Faults::none());
    append(&store, "a", "x").await;
    let question = store.shared.disk.ask(crate::store::redb::Asked::Read);
    while store.health().is_ok() {
        tokio::task::yield_now().await;
    }
    append(&store, "a", "y").await;
    drop(question);
    assert_eq!(store.health(), Ok(()));
    assert_eq!(texts(&all(&store, &["a"], 0).await), ["x", "y"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_on_a_full_disk_can_be_read_and_is_written_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), NEVER);
    let first = append(&store, "a", "synced").await;
    append(&store, "a", "reported").await;
    let crashed = crashed(directory.path());
    drop(store);
    let faults = Faults::after(0, false);
    let store = faulty(crashed.path(), Durability::Always, faults.clone());
    assert!(matches!(store.health(), Err(StoreError::Unavailable(_))));
    let snapshot = store.snapshot();
    assert_eq!((snapshot.holes[0].after, snapshot.holes[0].lossy), (first, true));
    let heard = followed(&store, 0);
    assert_eq!(heard.seqs(), [first]);
    assert_eq!(texts(&all(&store, &["a"], 0).await), ["synced"]);
    assert!(matches!(store.append(batch(1, [("a", "refused")])).await, Err(StoreError::Unavailable(_))));
    faults.allow(i64::MAX);
    well(&store).await;
    let next = append(&store, "a", "after").await;
    assert!(next > snapshot.head);
    drop(store);
    let store = open(crashed.path(), Durability::Always);
    assert_eq!(store.snapshot().holes, snapshot.holes);
    assert_eq!(texts(&all(&store, &["a"], 0).await), ["synced", "after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_can_be_read_while_the_disk_is_full() {
    let (store, faults, _directory) = failing(Durability::Always);
    append(&store, "a", "1").await;
    faults.allow(0);
    assert!(store.append(batch(1, [("a", "refused")])).await.is_err());
    let read = loop {
        // while it is opened anew there is a moment without it
        if let Ok(page) = store.read(crate::store::suite::query(&["a"], 0)).await {
            break page;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(texts(&read.entries), ["1"]);
    assert!(store.health().is_err());
    faults.allow(i64::MAX);
    well(&store).await;
    append(&store, "a", "2").await;
    assert_eq!(texts(&all(&store, &["a"], 0).await), ["1", "2"]);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_taken_away_is_noticed() {
    let (store, directory) = new(Durability::Always);
    append(&store, "a", "1").await;
    let (file, elsewhere) = (directory.path().join("log.redb"), directory.path().join("elsewhere"));
    std::fs::rename(&file, &elsewhere).unwrap();
    let mut health = store.shared.health.subscribe();
    let told = health.wait_for(Result::is_err).await.unwrap().clone().unwrap_err().to_string();
    assert!(told.contains("gone from its place"), "{told}");
    assert!(store.append(batch(1, [("a", "refused")])).await.is_err());
    std::fs::write(&file, "another").unwrap();
    assert_eq!(texts(&all(&store, &["a"], 0).await), ["1"], "readers still have it");
    assert!(store.health().is_err());
    std::fs::rename(&elsewhere, &file).unwrap();
    well(&store).await;
    append(&store, "a", "2").await;
    assert_eq!(texts(&all(&store, &["a"], 0).await), ["1", "2"]);
}
