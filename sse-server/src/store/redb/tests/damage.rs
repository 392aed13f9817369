//! Damaged files: a clear error, and the file is left unchanged.

use std::fs;

use redb::ReadableTable;

use super::*;
use crate::store::{
    Entry, Query, Store,
    redb::{
        Fault,
        tables::{META, meta},
    },
    suite::{append, batch, followed, query},
};

async fn written() -> TempDir {
    let (store, directory) = new(Durability::Always);
    for at in 0..200 {
        append(&store, "a", &at.to_string()).await;
    }
    drop(store);
    directory
}

fn refused(directory: &Path) -> (Fault, String) {
    let before = fs::metadata(directory.join("log.redb")).unwrap().len();
    let error = Redb::open(place(directory), options(Durability::Always)).map(|store| store.snapshot()).unwrap_err();
    assert!(fs::metadata(directory.join("log.redb")).unwrap().len() >= before, "nothing is deleted");
    let text = error.to_string();
    assert!(text.contains(&directory.join("log.redb").display().to_string()), "{text}");
    let super::super::OpenError::File { fault, .. } = error;
    (fault, text)
}

#[tokio::test]
async fn a_file_cut_short_is_refused() {
    let directory = written().await;
    let path = directory.path().join("log.redb");
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, 100, 4096, whole.len() / 2, whole.len() - 4096] {
        fs::write(&path, &whole[..length]).unwrap();
        let (fault, text) = refused(directory.path());
        assert!(matches!(fault, Fault::Damaged(_) | Fault::Io(_)), "{length}: {fault:?}");
        assert!(text.contains("backup") || text.contains("--data"), "{text}");
    }
}

#[tokio::test]
async fn something_else_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("log.redb"), "hello ".repeat(10_000)).unwrap();
    let (fault, _) = refused(directory.path());
    assert!(matches!(fault, Fault::Damaged(_) | Fault::Io(_)), "{fault:?}");
}

#[tokio::test]
async fn another_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    Database::create(directory.path().join("log.redb")).unwrap().close().unwrap();
    let (fault, _) = refused(directory.path());
    assert!(matches!(fault, Fault::Damaged(_)), "{fault:?}");
}

#[tokio::test]
async fn a_later_schema_is_not_touched() {
    let directory = written().await;
    meddle(directory.path(), |write| drop(write.open_table(META).unwrap().insert(meta::SCHEMA, 99).unwrap()));
    let (fault, text) = refused(directory.path());
    assert!(matches!(fault, Fault::Later(99)));
    assert!(text.contains("later version"), "{text}");
}

#[tokio::test]
async fn a_log_that_was_never_whole_is_begun_anew() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("log.redb.new"), "half").unwrap();
    let store = open(directory.path(), Durability::Always);
    append(&store, "a", "1").await;
    assert!(!directory.path().join("log.redb.new").exists());
}

/// A log of events of some topics, with the bytes of its file and where each event's data stands in them.
async fn filled() -> (TempDir, Vec<u8>, Vec<String>) {
    let (store, directory) = new(Durability::Always);
    let data: Vec<_> = (0..300).map(|at| format!("<event {at:04}>{}", "x".repeat(100))).collect();
    for (at, data) in data.iter().enumerate() {
        append(&store, ["a", "b", "c"][at % 3], data).await;
    }
    drop(store);
    let bytes = fs::read(directory.path().join("log.redb")).unwrap();
    (directory, bytes, data)
}

/// Reads all of the log, and returns the events and how many gaps there were.
async fn with_gaps(store: &Redb, of: &[&str]) -> (Vec<Entry>, usize) {
    let (mut entries, mut gaps, mut after) = (Vec::new(), 0, 0);
    let head = store.shared.queue().unwrap().head().0;
    while after < head {
        let Ok(page) = store.read(Query { through: head, events: 20, ..query(of, after) }).await else {
            tokio::task::yield_now().await; // the file is being opened again
            continue;
        };
        assert!(page.through > after, "it goes on");
        let (seqs, through) = (page.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), page.through);
        assert!(seqs.iter().all(|seq| (after + 1..=through).contains(seq)), "{of:?}, {after} to {through}: {seqs:?}");
        gaps += usize::from(page.damaged);
        after = page.through;
        entries.extend(page.entries);
    }
    (entries, gaps)
}

#[tokio::test]
async fn a_damaged_row_is_stepped_over_and_told() {
    let (directory, mut bytes, data) = filled().await;
    let path = directory.path().join("log.redb");
    let text = data[100].as_bytes();
    let places: Vec<_> = bytes.windows(text.len()).enumerate().filter(|(_, part)| *part == text).collect();
    let places: Vec<_> = places.into_iter().map(|(at, _)| at).collect();
    places.into_iter().for_each(|at| bytes[at + 20] ^= 4);
    fs::write(&path, bytes).unwrap();
    let store = open(directory.path(), Durability::Always);
    for (selectors, events) in [(&["**"][..], 299), (&["b"], 99), (&["a"], 100), (&["a", "b", "c"], 299)] {
        let (entries, gaps) = with_gaps(&store, selectors).await;
        assert_eq!((entries.len(), gaps), (events, usize::from(selectors != ["a"])), "{selectors:?}");
        assert!(entries.iter().all(|entry| data.iter().any(|data| *data == *entry.draft.data)), "none is wrong");
    }
    assert_eq!(store.damaged(), 1);
}

/// Some places of keys: one that is damaged leads to the wrong page, or to the wrong place in a page.
fn keys(file: &[u8]) -> Vec<usize> {
    let places = (4096..file.len()).step_by(4096).flat_map(|page| {
        let keys = usize::from(u16::from_le_bytes([file[page + 2], file[page + 3]]));
        let first = match file[page] {
            1 => 4 + 4 * keys,        // behind the ends of the values
            2 => 8 + 24 * (keys + 1), // behind the checksums and the numbers of the pages
            _ => return Vec::new(),
        };
        (0..keys.min(64)).step_by(3).map(|key| page + first + 8 * key).collect()
    });
    places.filter(|place| *place < file.len()).collect()
}

#[tokio::test]
async fn no_flipped_bit_makes_a_wrong_event_or_a_silent_loss() {
    let (directory, whole, data) = filled().await;
    let path = directory.path().join("log.redb");
    let (mut flipped, mut opened, mut gapped) = (0, 0, 0);
    // A page is 4 KiB. The soak asks for more: bits anywhere.
    let more = std::env::var("SSE_FLIPS").ok().map(|flips| flips.parse::<usize>().unwrap());
    let pages = (4096..whole.len()).step_by(4096);
    let few = pages.flat_map(|page| [page, page + 2, page + 9, page + 77, page + 2500]);
    let places: Vec<_> = match more {
        Some(flips) => {
            (0..flips * 8).map(|_| 4096 + getrandom::u64().unwrap() as usize % (whole.len() - 4096)).collect()
        }
        None => few.chain(keys(&whole)).collect(),
    };
    for (nth, at) in places.into_iter().enumerate() {
        if whole[at - at % 4096..][..4096].iter().all(|byte| *byte == 0) {
            continue; // a page that is not in use
        }
        if Some(flipped) == more {
            break;
        }
        flipped += 1;
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (nth % 8);
        fs::write(&path, &bytes).unwrap();
        let Ok(store) = Redb::open(place(directory.path()), options(Durability::Always)) else { continue };
        opened += 1;
        // what the window is filled with is whole, and whoever comes from before it is told
        let tail = store.tail(usize::MAX, usize::MAX).unwrap();
        assert_eq!(followed(&store, tail).seqs(), (tail + 1..=data.len() as u64).collect::<Vec<_>>(), "byte {at}");
        for selectors in [&["**"][..], &["a", "b", "c"], &["b"]] {
            let (entries, gaps) = with_gaps(&store, selectors).await;
            for entry in &entries {
                let right = data.iter().position(|data| *data == *entry.draft.data).unwrap();
                let topic = entry.draft.topic.as_str();
                assert_eq!((right as u64 + 1, ["a", "b", "c"][right % 3]), (entry.seq, topic), "byte {at}");
            }
            assert!(entries.is_sorted_by(|a, b| a.seq < b.seq), "byte {at}");
            let all = if selectors == ["b"] { data.len() / 3 } else { data.len() };
            // a topic whose name is gone counts as forgotten: whoever comes back for it is told by the floor
            let told = gaps > 0 || store.snapshot().floor.0 >= data.len() as u64;
            assert!(entries.len() == all || told, "byte {at}, {selectors:?}: {} events, no gap", entries.len());
            gapped += usize::from(entries.len() < all);
        }
    }
    eprintln!("{flipped} bits flipped: {opened} files were opened, {gapped} reads had a gap");
    assert!(opened > flipped / 2, "{opened} of {flipped}");
}

#[tokio::test]
async fn a_key_that_leads_back_over_many_events_ends_no_reading_in_a_circle() {
    const EVENTS: usize = 4_000;
    let (store, directory) = new(Durability::Always);
    for part in 0..EVENTS / 500 {
        let data: Vec<_> = (1..=500).map(|event| (part * 500 + event).to_string()).collect();
        store.append(batch(1, data.iter().map(|data| ("a", data.as_str())))).await.unwrap();
    }
    drop(store);
    let path = directory.path().join("log.redb");
    let whole = fs::read(&path).unwrap();
    for (at, bit) in keys(&whole).into_iter().filter(|at| whole[at - at % 4096] == 2).zip([3, 4].into_iter().cycle()) {
        let mut bytes = whole.clone();
        bytes[at + 1] ^= 1 << bit; // 2,048 or 4,096 further, or back
        fs::write(&path, &bytes).unwrap();
        let Ok(store) = Redb::open(place(directory.path()), options(Durability::Always)) else { continue };
        let tail = store.tail(usize::MAX, usize::MAX).unwrap();
        assert_eq!(followed(&store, tail).seqs(), (tail + 1..=EVENTS as u64).collect::<Vec<_>>(), "byte {at}");
        store.before(2).await.unwrap();
        let (entries, gaps) = with_gaps(&store, &["**"]).await;
        assert!(entries.iter().all(|entry| *entry.draft.data == *entry.seq.to_string()), "byte {at}");
        assert!(entries.is_sorted_by(|a, b| a.seq < b.seq), "byte {at}");
        assert!(entries.len() == EVENTS || gaps > 0, "byte {at}: {} events, no gap", entries.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_page_that_is_to_be_trimmed_does_not_stop_publishing() {
    let (directory, whole, data) = filled().await;
    let path = directory.path().join("log.redb");
    let text = data[0].as_bytes();
    // the page with the first event, of which there are copies that are not in use
    let mut found = false;
    let copies = (0..whole.len() - text.len()).filter(|at| whole[*at..].starts_with(text));
    for byte in copies.flat_map(|at| (0..12).map(move |head| at - at % 4096 + head)) {
        let mut bytes = whole.clone();
        bytes[byte] ^= 0x40;
        fs::write(&path, &bytes).unwrap();
        let Ok(store) = Redb::open(place(directory.path()), options(Durability::Always)) else { continue };
        found = with_gaps(&store, &["**"]).await.1 > 0
            && store.shared.read(|snapshot| Ok(snapshot.events.first()?.map(|(_, row)| row.value().len()))).is_err();
        drop(store);
        fs::write(&path, &bytes).unwrap();
        if found {
            break;
        }
    }
    assert!(found);
    let mut options = options(Durability::Always);
    options.retention.most.events = 100;
    let store = Redb::open(place(directory.path()), options).unwrap();
    append(&store, "a", "before").await;
    append(&store, "a", "after").await;
    let (entries, gaps) = with_gaps(&store, &["a"]).await;
    assert_eq!((&*entries.last().unwrap().draft.data, gaps), ("after", 1));
}
