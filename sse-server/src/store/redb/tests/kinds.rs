//! Events of several topics and private ones: what is retained, what is lost, what survives, and damage.

use std::fs;

use super::{
    retained::{keeping, rule},
    *,
};
use crate::store::{
    Store,
    redb::retention::Bound,
    suite::{Heard, all, all_for, append, append_one, followed, granted, of, private, topic},
};
use sse_engine::{Alias, Draft, Loss};

/// The losses of a topic, as the followers were told last: for all, and for those with a grant.
fn told(heard: &Heard, name: &str) -> Option<(Loss, Loss)> {
    let trims = heard.trims.lock().unwrap();
    let of_topic: Vec<_> = trims.iter().filter(|trim| trim.topic.as_str() == name).collect();
    let last = |loss: &dyn Fn(&sse_engine::Trim) -> Loss| of_topic.iter().map(|trim| loss(trim)).max();
    last(&|trim| trim.lost).zip(last(&|trim| trim.lost_private))
}

/// A log with events of all kinds.
async fn varied() -> (TempDir, Vec<Draft>) {
    let (store, directory) = new(Durability::Always);
    let mut drafts = Vec::new();
    for at in 0..60 {
        let data = format!("<event {at:04}>{}", "x".repeat(100));
        let alias = Alias::new(&format!("alias {}", at / 2)).ok().filter(|_| at % 4 < 2);
        let draft = match at % 5 {
            0 => of(&["a"], &data),
            1 => of(&["a", "b"], &data),
            2 => private(&["b", "c"], &data),
            3 => private(&["c", "a"], &data),
            _ => of(&["c", "b", "a"], &data),
        };
        drafts.push(Draft { alias, ..draft });
        append_one(&store, drafts[at].clone()).await;
    }
    drop(store);
    (directory, drafts)
}

/// Those of `drafts` that are for `of` with these grants.
fn expected(drafts: &[Draft], of: &[&str], grants: &[&str]) -> Vec<String> {
    let selectors = granted(of, grants);
    let drafts = drafts.iter().filter(|draft| selectors.accept(draft.topics(), draft.private));
    drafts.map(|draft| draft.data.to_string()).collect()
}

#[tokio::test]
async fn all_of_it_survives() {
    let (directory, drafts) = varied().await;
    assert_eq!(findings(directory.path()), [] as [String; 0]);
    let store = open(directory.path(), Durability::Always);
    append_one(&store, of(&["new", "a"], "after")).await;
    let mut drafts = drafts;
    drafts.push(of(&["new", "a"], "after"));
    for of in [&["a"][..], &["b"], &["c"], &["a", "b"], &["*"], &["new"]] {
        for grants in [&[][..], &["a"], &["c"], &["*"]] {
            let read = all_for(&store, granted(of, grants), 0).await;
            let texts: Vec<_> = read.iter().map(|entry| entry.draft.data.to_string()).collect();
            assert_eq!(texts, expected(&drafts, of, grants), "{of:?} {grants:?}");
        }
    }
    assert_eq!(store.aliased("alias 10".to_owned(), suite::reader_of_all()).await.unwrap().unwrap().seq, 21);
    assert_eq!(store.damaged(), 0);
    drop(store);
    assert_eq!(findings(directory.path()), [] as [String; 0]);
}

#[tokio::test]
async fn trims_keep_all_tables_in_order() {
    let (directory, _) = varied().await;
    let store = open(directory.path(), Durability::Always);
    for (name, through) in [("c", 55), ("a", 20), ("b", 60), ("a", 60)] {
        store.trim(&topic(name), through, false).await.unwrap();
        append_one(&store, of(&["c", "b", "a"], "more")).await;
        append_one(&store, private(&["a", "b"], "more")).await;
    }
    drop(store);
    assert_eq!(findings(directory.path()), [] as [String; 0]);
    let store = open(directory.path(), Durability::Always);
    for name in ["a", "b", "c"] {
        store.trim(&topic(name), u64::MAX, false).await.unwrap();
    }
    let snapshot = {
        drop(store);
        open(directory.path(), Durability::Always).snapshot()
    };
    assert!(snapshot.topics.iter().all(|stored| stored.retained.is_empty()));
    assert_eq!(findings(directory.path()), [] as [String; 0]);
}

#[tokio::test]
async fn a_later_event_stands_for_one_before_only_where_it_is_read() {
    let (store, heard, _directory) = keeping(Bound::default(), 100, vec![rule("s", Bound::default(), true)]);
    append_one(&store, of(&["s", "both", "first"], "1")).await;
    append_one(&store, of(&["s", "both"], "2")).await;
    append(&store, "end", "").await;
    assert_eq!(told(&heard, "s"), Some(((0, 0), (0, 0))));
    assert_eq!(told(&heard, "both"), Some(((0, 0), (0, 0))));
    assert_eq!(told(&heard, "first"), Some(((1, 1), (0, 0))), "nobody gets another one there");
    assert_eq!(all(&store, &["s", "first"], 0).await.len(), 1);
}

#[tokio::test]
async fn a_private_event_stands_for_no_public_one() {
    let (store, heard, directory) = keeping(Bound::default(), 100, vec![rule("s", Bound::default(), true)]);
    append_one(&store, private(&["s", "t"], "1")).await;
    append_one(&store, of(&["s", "t"], "2")).await;
    append(&store, "end", "").await;
    assert_eq!(told(&heard, "s"), Some(((0, 0), (0, 0))), "a public one stands for it");
    append_one(&store, private(&["s", "t"], "3")).await;
    append(&store, "end", "").await;
    assert_eq!(told(&heard, "s"), Some(((2, 1), (0, 0))));
    assert_eq!(told(&heard, "t"), Some(((2, 1), (0, 0))));
    append_one(&store, private(&["s"], "4")).await;
    append(&store, "end", "").await;
    // who has a grant for `t` alone could read the third, and can't read the fourth
    assert_eq!(told(&heard, "s"), Some(((2, 1), (4, 1))));
    assert_eq!(told(&heard, "t"), Some(((2, 1), (4, 1))));
    drop(store);
    let snapshot = open(directory.path(), Durability::Always).snapshot();
    let losses = |name: &str| {
        let stored = snapshot.topics.iter().find(|stored| stored.topic.as_str() == name).unwrap();
        (stored.lost.0, stored.lost_private.0)
    };
    assert_eq!((losses("s"), losses("t")), ((2, 4), (2, 4)));
}

#[tokio::test]
async fn retention_follows_the_canonical_topic_and_a_topic_with_others_events_is_kept() {
    let two = Bound { events: 2, ..Bound::default() };
    let (store, heard, directory) = keeping(Bound::default(), 4, vec![rule("*", two, false)]);
    for _ in 0..2 {
        append_one(&store, private(&["a", "x"], "1")).await;
        append_one(&store, of(&["b", "x"], "2")).await;
    }
    assert_eq!(all_for(&store, granted(&["x"], &["x"]), 0).await.len(), 4, "they are not its own");
    append(&store, "c", "").await;
    append(&store, "d", "").await; // there is one topic too many
    append(&store, "d", "").await;
    drop(store);
    assert_eq!(findings(directory.path()), [] as [String; 0]);
    let snapshot = open(directory.path(), Durability::Always).snapshot();
    assert_eq!(snapshot.topics.len(), 4);
    let x = snapshot.topics.iter().find(|stored| stored.topic.as_str() == "x").unwrap();
    assert_eq!(x.retained.events(), 0);
    assert!(!x.retained.is_empty(), "it goes when those do that it has");
    assert!(heard.trims.lock().unwrap().iter().all(|trim| trim.topic.as_str() != "x" || trim.own_through == 0));
}

#[tokio::test]
async fn private_losses_of_forgotten_topics_are_known() {
    let (store, _heard, directory) = keeping(Bound::default(), 2, Vec::new());
    let first = append_one(&store, private(&["a"], "1")).await;
    store.trim(&topic("a"), first, false).await.unwrap();
    for name in ["b", "c", "c"] {
        append(&store, name, "x").await;
    }
    drop(store);
    let snapshot = open(directory.path(), Durability::Always).snapshot();
    assert!(snapshot.topics.iter().all(|stored| stored.topic.as_str() != "a"));
    assert_eq!((snapshot.floor.0, snapshot.private_floor.0), (0, first));
}

/// Changes a byte of the data of the event `nth`, wherever it stands in the file.
fn damage(directory: &Path, drafts: &[Draft], nth: usize) {
    let path = directory.join("log.redb");
    let mut bytes = fs::read(&path).unwrap();
    let text = drafts[nth].data.as_bytes();
    let places: Vec<_> = bytes.windows(text.len()).enumerate().filter(|(_, part)| *part == text).collect();
    let places: Vec<_> = places.into_iter().map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at + 20] ^= 4);
    fs::write(&path, bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_event_is_missed_by_those_who_select_one_of_its_topics() {
    let (directory, drafts) = varied().await;
    damage(directory.path(), &drafts, 24); // of c, b and a
    let store = open(directory.path(), Durability::Always);
    let mut left = drafts.clone();
    left.remove(24);
    for (of, grants) in [(&["a"][..], &[][..]), (&["b"], &["b"]), (&["c", "a"], &[]), (&["**"], &["**"])] {
        let (mut texts, mut gaps, mut after) = (Vec::new(), 0, 0);
        while after < 60 {
            let query =
                crate::store::Query { selectors: granted(of, grants), after, through: 60, events: 9, bytes: 1 << 20 };
            let page = store.read(query).await.unwrap();
            gaps += usize::from(page.damaged);
            after = page.through;
            texts.extend(page.entries.into_iter().map(|entry| entry.draft.data.to_string()));
        }
        assert_eq!((texts, gaps), (expected(&left, of, grants), 1), "{of:?}");
    }
    assert_eq!(store.read_at(vec![24, 25, 26], granted(&["a"], &["**"])).await.unwrap().len(), 2);
    assert_eq!(
        store.aliased("alias 12".to_owned(), suite::reader_of_all()).await.unwrap().map(|entry| entry.seq),
        Some(26),
        "the next one with it"
    );
    assert_eq!(store.damaged(), 1);
}

#[tokio::test]
async fn a_damaged_event_is_trimmed_from_all_tables() {
    let (directory, drafts) = varied().await;
    damage(directory.path(), &drafts, 24);
    let store = open(directory.path(), Durability::Always);
    let heard = followed(&store, 60);
    store.trim(&topic("c"), 25, false).await.unwrap();
    let trims = heard.trims.lock().unwrap().clone();
    let through: Vec<_> = trims.iter().map(|trim| (trim.topic.as_str(), trim.through, trim.own_through)).collect();
    assert_eq!(through, [("a", 25, 0), ("b", 25, 0), ("c", 25, 25)]);
    assert_eq!(trims[1].lost.0, 25, "and the row that would say it was damaged");
    drop(store);
    assert_eq!(findings(directory.path()), [] as [String; 0]);
}

#[tokio::test]
async fn an_index_that_has_lost_an_event_is_noticed() {
    type Lose = fn(&WriteTransaction);
    use crate::store::redb::tables::{INDEX, OTHERS};
    let cases: [Lose; 4] = [
        |write| drop(write.open_table(OTHERS).unwrap().remove((1, 25)).unwrap()), // in the middle
        |write| drop(write.open_table(OTHERS).unwrap().remove((1, 60)).unwrap()), // the last one
        |write| drop(write.open_table(INDEX).unwrap().remove((0, 26)).unwrap()),
        |write| drop(write.open_table(INDEX).unwrap().remove((2, 24)).unwrap()), // a private one
    ];
    for (nth, lose) in cases.into_iter().enumerate() {
        let (directory, drafts) = varied().await;
        meddle(directory.path(), lose);
        assert!(!findings(directory.path()).is_empty(), "{nth}");
        let store = open(directory.path(), Durability::Always);
        for (of, grants) in [(&["a", "b", "c"][..], &[][..]), (&["b"], &[]), (&["a"], &["**"]), (&["c"], &["**"])] {
            let read = all_for(&store, granted(of, grants), 0).await;
            let texts: Vec<_> = read.iter().map(|entry| entry.draft.data.to_string()).collect();
            assert_eq!(texts, expected(&drafts, of, grants), "{nth}: {of:?}, all the same");
        }
    }
}
