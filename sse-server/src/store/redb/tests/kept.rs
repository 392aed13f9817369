//! Files as earlier versions of this program left them.

use std::fs;

use super::*;
use crate::store::{
    Entry, Fingerprint, Scope, Store, StoreSnapshot, StoredKey,
    suite::{all, append, ending},
};

/// A log of schema 1: events of all kinds, keys of all kinds, a trim and a crash.
const SCHEMA_1: &[u8] = include_bytes!("kept/schema-1.redb");

/// The same of schema 2.
const SCHEMA_2: &[u8] = include_bytes!("kept/schema-2.redb");

fn kept(bytes: &[u8]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("log.redb"), bytes).unwrap();
    directory
}

/// Opens it at about the time when it was left, so that keys are not too old.
fn open_then(directory: &Path) -> Redb {
    let options = Options { wall: || 1_796_004_090_000, ..options(Durability::Always) };
    Redb::open(place(directory), options).unwrap()
}

fn lost(snapshot: &StoreSnapshot) -> Vec<(&str, u64)> {
    snapshot.topics.iter().map(|stored| (stored.topic.as_str(), stored.lost.0)).collect()
}

/// Checks the keys of an upload and of the first event.
fn check_keys(snapshot: &StoreSnapshot, entries: &[Entry], first: &Entry, lines: &[Entry]) {
    let key = |is: &dyn Fn(&&StoredKey) -> bool| snapshot.keys.iter().find(is).unwrap();
    let named = key(&|key| key.key.text == "k");
    assert_eq!((named.content, &*named.seqs), (Fingerprint::of_draft(&first.draft), &[first.seq][..]));
    let upload = key(&|key| key.key.scope == Scope::Upload);
    let content = lines.iter().map(|entry| Fingerprint::of_draft(&entry.draft));
    let content = content.fold(Fingerprint::of([]), Fingerprint::then);
    let ends = [lines[0].seq, lines[lines.len() - 1].seq];
    assert_eq!((upload.total, &*upload.seqs, upload.content), (lines.len() as u64, &ends[..], content));
    let draft = &first.draft;
    assert_eq!(draft.name.as_ref().map(sse_engine::Name::as_str), Some("tick"));
    assert_eq!((draft.retry, entries[1].draft.json), (Some(Duration::from_millis(1500)), true));
    assert_eq!(draft.data, "x\n\"y\" \u{0}ä");
}

#[tokio::test]
async fn a_file_of_schema_1_is_brought_up_to_date() {
    let directory = kept(SCHEMA_1);
    for _ in 1..=2 {
        let store = open_then(directory.path());
        let snapshot = store.snapshot();
        assert_eq!((snapshot.epoch.to_string().as_str(), snapshot.head), ("m3arsnp6e97b", 16_777_218));
        assert_eq!((snapshot.holes.len(), snapshot.holes[0].after), (1, 8));
        assert_eq!(lost(&snapshot), [("a", 1), ("b/c", 0), ("array", 0), ("lines", 0)]);
        let entries = all(&store, &["**"], 0).await;
        let texts: Vec<_> = entries[1..].iter().map(|entry| entry.draft.data.as_str()).collect();
        assert_eq!(texts, [r#"{"n":1}"#, "1", "2", "1", "2", "3", "after a crash"]);
        let times: Vec<_> = entries.iter().map(|entry| entry.time - 4_000_000_000_000).collect();
        assert_eq!(times, [0, 0, 1, 1, 2, 2, 2, 3]);
        let keys: Vec<_> = snapshot.keys.iter().map(|key| key.key.text.as_str()).collect();
        assert_eq!(keys, ["k", "whole", "upload", "upload"]);
        check_keys(&snapshot, &entries, &entries[0], &entries[4..7]);
    }
}

#[tokio::test]
async fn a_file_of_schema_2_is_brought_up_to_date() {
    let directory = kept(SCHEMA_2);
    for _ in 1..=2 {
        let store = open_then(directory.path());
        let snapshot = store.snapshot();
        assert_eq!((snapshot.epoch.to_string().as_str(), snapshot.head), ("anoos7981jna", 16_777_218));
        assert_eq!((snapshot.holes.len(), snapshot.holes[0].after), (1, 7));
        assert_eq!(lost(&snapshot), [("a", 1), ("b/c", 0), ("array", 0), ("lines", 0)]);
        assert_eq!((snapshot.floor, snapshot.private_floor), ((0, 0), (0, 0)));
        let entries = all(&store, &["**"], 0).await;
        assert_eq!(entries, all(&store, &["a", "b/c", "array", "lines"], 0).await, "by the index");
        let texts: Vec<_> = entries[1..].iter().map(|entry| entry.draft.data.as_str()).collect();
        assert_eq!(texts, [r#"{"n":1}"#, "1", "2", "1", "2", "after a crash"]);
        check_keys(&snapshot, &entries, &entries[0], &entries[4..6]);
        drop(store);
        assert_eq!(findings(directory.path()), [] as [String; 0]);
    }
    let store = open_then(directory.path());
    append(&store, "a", "goes on").await;
    assert!(store.append(ending("a")).await.unwrap().ended.is_some());
}

#[tokio::test]
async fn what_was_damaged_before_is_not_brought_up_to_date_as_if_it_were_right() {
    let directory = kept(SCHEMA_2);
    let meta = ::redb::TableDefinition::<&str, u64>::new("meta");
    meddle(directory.path(), |write| drop(write.open_table(meta).unwrap().insert("head", 3).unwrap()));
    for _ in 1..=2 {
        let refused = Redb::open(place(directory.path()), options(Durability::Always)).unwrap_err().to_string();
        assert!(refused.contains("the checksum of the log's numbers"), "{refused}");
    }
}
