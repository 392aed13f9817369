//! Stopping and starting, cleanly or by a crash.

use std::sync::Arc;

use super::*;
use crate::store::{
    Batch, KeyedRange, Store,
    redb::{Fault, OpenError, loaded::BLOCK},
    suite::{all, append, batch, draft, followed, topic},
};
use crate::store::{Fingerprint, Key, Scope, UploadRange};
use sse_engine::Hole;

#[tokio::test]
async fn a_stop_in_good_order_loses_and_skips_nothing() {
    for durability in [Durability::Always, NEVER, Durability::None] {
        let (store, directory) = new(durability);
        let first = append(&store, "a", "1").await;
        let second = append(&store, "a", "2").await;
        let before = store.snapshot();
        drop(store);
        let store = open(directory.path(), durability);
        let snapshot = store.snapshot();
        assert_eq!((snapshot.epoch, snapshot.head, snapshot.holes.len()), (before.epoch, second, 0));
        let seqs: Vec<_> = all(&store, &["a"], 0).await.iter().map(|entry| entry.seq).collect();
        assert_eq!(seqs, [first, second]);
        assert_eq!(append(&store, "a", "3").await, second + 1);
    }
}

#[tokio::test]
async fn what_a_crash_may_have_reported_is_never_given_out_again() {
    let (store, directory) = new(NEVER);
    // The first event is synced before it is acknowledged; the next is reported at once.
    let first = append(&store, "a", "1").await;
    let second = append(&store, "a", "2").await;
    let crashed = crashed(directory.path());
    let again = open(crashed.path(), NEVER);
    let snapshot = again.snapshot();
    assert_eq!(snapshot.epoch, store.snapshot().epoch);
    let hole = snapshot.holes[0];
    assert_eq!((hole.after, hole.lossy), (first, true));
    assert!(hole.through >= second);
    assert_eq!(all(&again, &["a"], 0).await.len(), 1);
    assert!(append(&again, "a", "3").await > hole.through + 1);
    for (seq, takes) in [(0, true), (first, true), (second, true), (hole.through, true), (snapshot.head, false)] {
        assert_eq!(hole.affects(seq), takes, "{seq}");
    }
}

#[tokio::test]
async fn with_always_a_crash_takes_nothing() {
    let (store, directory) = new(Durability::Always);
    let first = append(&store, "a", "1").await;
    let crashed = crashed(directory.path());
    let again = open(crashed.path(), Durability::Always);
    let hole = again.snapshot().holes[0];
    assert_eq!(hole, Hole { after: first, through: hole.through, lossy: false });
    assert!(!hole.affects(first) && hole.affects(first + 1));
    assert_eq!(all(&again, &["a"], 0).await.len(), 1);
}

#[tokio::test]
async fn when_all_is_synced_a_crash_takes_nothing() {
    let (store, directory) = new(Durability::Interval(Duration::from_millis(1)));
    append(&store, "a", "1").await;
    let last = append(&store, "a", "2").await;
    while store.shared.queue().unwrap().behind {
        tokio::task::yield_now().await;
    }
    // the file records it once the writer has committed its job
    while store.shared.queue().unwrap().writing {
        tokio::task::yield_now().await;
    }
    let crashed = crashed(directory.path());
    let hole = open(crashed.path(), Durability::Always).snapshot().holes[0];
    assert_eq!((hole.after, hole.lossy), (last, false));
}

#[tokio::test]
async fn numbers_are_reserved_before_they_are_used_up() {
    let (store, _directory) = new(NEVER);
    let first = append(&store, "a", "1").await;
    store.shared.queue().unwrap().skip(BLOCK);
    let heard = followed(&store, first);
    let beyond = append(&store, "a", "2").await;
    assert!(beyond > first + BLOCK);
    assert_eq!(heard.seqs(), [beyond]);
    assert!(store.shared.queue().unwrap().reserved > beyond, "it was written first");
}

#[tokio::test]
async fn holes_that_are_too_many_are_taken_together() {
    let (store, directory) = new(Durability::Always);
    drop(store);
    let (database, mut loaded) = place(directory.path()).open().unwrap();
    for _ in 0..1010 {
        loaded.in_use = true;
        crate::store::redb::loaded::begin(&database, &mut loaded).unwrap();
    }
    assert_eq!(loaded.holes.len(), 1000);
    assert!(loaded.holes.windows(2).all(|pair| pair[0].through < pair[1].after + 2));
    assert!(loaded.holes[0].affects(5));
}

#[tokio::test]
async fn keys_survive_with_their_events() {
    let (store, directory) = new(Durability::Always);
    let key = |text: &str| Key { scope: Scope::Topic(topic("a")), text: text.into() };
    let content = Fingerprint::of([&b"x"[..]]);
    let keys = vec![
        KeyedRange { key: key("k"), content, events: 0..1, upload: None },
        KeyedRange { key: key("l"), content, events: 1..2, upload: None },
    ];
    let drafts = vec![draft("a", "1"), draft("a", "2")];
    let now = crate::base::clock::wall();
    let seqs = store.append(Batch { drafts, keys, now, ..Batch::default() }).await.unwrap().seqs;
    drop(store);
    let remembered = open(directory.path(), Durability::Always).snapshot().keys;
    let of: Vec<_> = remembered.iter().map(|key| (key.key.text.as_str(), &*key.seqs, key.time)).collect();
    assert_eq!(of, [("k", &seqs[..1], now), ("l", &seqs[1..], now)]);
    assert_eq!(remembered[0].content, content);
}

#[tokio::test]
async fn keys_are_bounded_in_number_and_age() {
    let (store, directory) = new(Durability::Always);
    let now = crate::base::clock::wall();
    let mark = |text: String| KeyedRange {
        key: Key { scope: Scope::Request, text },
        content: Fingerprint::of([]),
        events: 0..1,
        upload: None,
    };
    for at in 0..150 {
        // the first keys are older than the window
        let now = if at < 30 { now - 2 * 3_600_000 } else { now };
        let keys = vec![mark(at.to_string())];
        let drafts = vec![draft("a", "x")];
        store.append(Batch { drafts, keys, now, ..Batch::default() }).await.unwrap();
    }
    drop(store);
    let keys = open(directory.path(), Durability::Always).snapshot().keys;
    assert_eq!((keys.len(), keys[0].key.text.as_str()), (100, "50"));
}

#[tokio::test]
async fn two_can_not_have_one_directory() {
    let (_store, directory) = new(Durability::Always);
    let OpenError::File { path, fault } = Redb::open(place(directory.path()), options(NEVER)).unwrap_err();
    assert!(matches!(fault, Fault::InUse), "{fault}");
    let text = OpenError::File { path, fault }.to_string();
    assert!(text.contains("log.redb") && text.contains("another process uses it") && text.contains("--data"), "{text}");
}

#[tokio::test]
async fn under_load_a_batch_is_one_transaction() {
    let (store, _directory) = new(Durability::Always);
    let heard = followed(&store, store.snapshot().head);
    let store = Arc::new(store);
    let publishers = (0..64).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.append(batch(1, [("a", "x"), ("b", "y")])).await.unwrap().seqs })
    });
    let mut seqs = Vec::new();
    for publisher in publishers.collect::<Vec<_>>() {
        seqs.extend(publisher.await.unwrap());
    }
    seqs.sort_unstable();
    assert_eq!(heard.seqs(), seqs);
    assert_eq!(seqs.len(), 128);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_holds_when_the_file_begins_to_be_behind() {
    let (store, _directory) = new(Durability::Interval(Duration::from_millis(1)));
    let heard = followed(&store, store.snapshot().head);
    let store = Arc::new(store);
    for _ in 0..30 {
        while store.shared.queue().unwrap().behind {
            tokio::task::yield_now().await;
        }
        let publishers = (0..8).map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..5 {
                    append(&*store, "a", "x").await;
                }
            })
        });
        for publisher in publishers.collect::<Vec<_>>() {
            publisher.await.unwrap();
        }
    }
    let seqs = heard.seqs();
    assert_eq!(seqs.len(), 30 * 8 * 5);
    assert!(seqs.is_sorted_by(|a, b| a < b));
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_use_the_files() {
    use std::{fs, os::unix::fs::PermissionsExt};
    let above = tempfile::tempdir().unwrap();
    let directory = above.path().join("new/data");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    drop(open(&directory, Durability::Always));
    let files = [directory.join("log.redb"), directory.join("log.lock")];
    assert_eq!((mode(&directory), files.each_ref().map(|file| mode(file))), (0o700, [0o600; 2]));
    // those of an earlier version
    files.iter().for_each(|file| fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap());
    drop(open(&directory, Durability::Always));
    assert_eq!(files.each_ref().map(|file| mode(file)), [0o600; 2]);
}

#[tokio::test]
async fn an_upload_has_one_key_however_many_events_it_has() {
    let (store, directory) = new(Durability::Always);
    let wall = crate::base::clock::wall();
    let mark = |text: &str, scope, total, first| KeyedRange {
        key: Key { scope, text: text.into() },
        content: Fingerprint(u128::from(total)),
        events: 0..1,
        upload: (total > 0).then_some(UploadRange { total, first }),
    };
    let append = async |keyed| {
        let drafts = vec![draft("a", "x")];
        store.append(Batch { drafts, keys: vec![keyed], now: wall, ..Batch::default() }).await.unwrap().seqs[0]
    };
    let first = append(mark("kept", Scope::Request, 0, None)).await;
    let mut last = 0;
    for total in 1..=300 {
        last = append(mark("upload", Scope::Upload, total, (total > 1).then_some(first + 1))).await;
    }
    drop(store);
    let keys = open(directory.path(), Durability::Always).snapshot().keys;
    assert_eq!((keys.len(), keys[0].key.text.as_str()), (2, "kept"), "the others' keys stay");
    assert_eq!((keys[1].total, &*keys[1].seqs, keys[1].content), (300, &[first + 1, last][..], Fingerprint(300)));
}
