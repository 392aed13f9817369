//! Lines of what few events have, of topics that have ended, and damage between them.

use super::*;
use crate::{
    LogTopic,
    store::{
        StoreError,
        suite::{all_for, append_one, ending, granted, last_of, of, private},
    },
};
use sse_engine::Alias;

/// A log with events of several topics, ends of all kinds, and a topic that went on.
async fn varied() -> TempDir {
    let (store, directory) = new(Durability::Always);
    let alias = Alias::new("urn:1").ok();
    append_one(&store, Draft { alias, ..of(&["a", "b"], "1") }).await;
    append_one(&store, private(&["b", "a", "c"], "2")).await;
    append_one(&store, last_of("a")).await;
    let again = append_one(&store, last_of("again")).await;
    store.trim(&topic("again"), again - 1, true).await.unwrap();
    append(&store, "again", "it goes on").await;
    store.append(ending("b")).await.unwrap();
    store.append(ending("never")).await.unwrap();
    drop(store);
    directory
}

#[tokio::test]
async fn all_that_an_event_has_is_in_its_line() {
    let directory = varied().await;
    let lines = exported(directory.path(), Form::Whole);
    let behind_time =
        |line: &str| line.split_once(r#""time":1,"#).map(|(_, rest)| format!("{{{rest}")).unwrap_or(line.into());
    let lines: Vec<_> = lines.lines().map(behind_time).collect();
    let expect = [
        r#"{"topic":"a","topics":["a","b"],"alias":"urn:1","data":"1"}"#,
        r#"{"topic":"b","topics":["b","a","c"],"private":true,"data":"2"}"#,
        r#"{"topic":"a","end":true,"data":"last"}"#,
        r#"{"topic":"again","data":"last"}"#,
        r#"{"topic":"again","data":"it goes on"}"#,
        r#"{"topic":"b","ended":true}"#,
        r#"{"topic":"never","ended":true}"#,
    ];
    assert_eq!(lines, expect);
    let publishable = exported(directory.path(), Form::Publishable);
    let publishable: Vec<_> = publishable.lines().collect();
    assert_eq!((publishable.len(), publishable[0]), (5, r#"{"topics":["a","b"],"alias":"urn:1","data":"1"}"#));
}

#[tokio::test]
async fn all_that_a_line_has_is_imported() {
    let directory = varied().await;
    let lines = exported(directory.path(), Form::Whole);
    let other = tempfile::tempdir().unwrap();
    // as some programs save it
    let import = imported(config(other.path()), format!("\u{feff}{lines}")).await.unwrap();
    assert_eq!((import.events, import.retimed), (5, 0));
    assert_eq!(findings(other.path()), "");
    let ended = |path: &Path| {
        let topics = LogFile::open(&config(path)).unwrap().info().unwrap().topics.into_iter();
        let mut ended: Vec<_> =
            topics.filter(|topic| topic.ended_id.is_some()).map(|LogTopic { topic, .. }| topic).collect();
        ended.sort_unstable();
        ended
    };
    assert_eq!(ended(other.path()), ["a", "b", "never"]);
    assert_eq!(ended(directory.path()), ["a", "b", "never"]);
    let read = async |path: &Path| contents(all_for(&open(path, NEVER), granted(&["**"], &["**"]), 0).await);
    let mut before = read(directory.path()).await;
    before[3].1.end = false; // the topic went on
    assert_eq!(read(other.path()).await, before);
    let again = imported(config(other.path()), r#"{"topic":"never","ended":true}"#).await.unwrap();
    assert_eq!(again.events, 0, "it has ended already");
}

#[tokio::test]
async fn a_line_behind_an_end_is_told() {
    let directory = varied().await;
    let lines = "{\"topic\":\"x\",\"data\":1}\n{\"topic\":\"y\",\"data\":2,\"end\":true}\n\n{\"topic\":\"a\",\"data\":3}\n{\"topic\":\"x\",\"data\":4}";
    let error = imported(config(directory.path()), lines).await.unwrap_err();
    let text = error.to_string();
    let LogError::Line { line: 4, imported, .. } = error else { panic!("{text}") };
    assert!(text.contains("its topic has ended") && imported.events == 2, "{text}");
    let store = open(directory.path(), NEVER);
    assert_eq!(all(&store, &["x", "y"], 0).await.len(), 2, "what came before stays");
    assert!(matches!(store.append(batch(1, [("y", "")])).await, Err(StoreError::Ended { index: 0, .. })));
}

#[tokio::test]
async fn an_export_goes_on_behind_what_can_not_be_read() {
    let (store, directory) = new(Durability::Always);
    for at in 0..600 {
        append(&store, "a", &at.to_string()).await;
    }
    drop(store);
    meddle(directory.path(), |write| {
        let mut events = write.open_table(EVENTS).unwrap();
        for seq in [1, 300, 301, 600] {
            let mut row = events.get(seq).unwrap().unwrap().value().to_vec();
            *row.last_mut().unwrap() ^= 1;
            drop(events.insert(seq, &*row).unwrap());
        }
    });
    let mut out = Vec::new();
    let log = LogFile::open(&config(directory.path())).unwrap();
    let exported = log.export(&mut out, Form::Publishable, |_, _| {}).unwrap();
    assert_eq!((exported.events, exported.left_out), (596, 4));
    let lines = String::from_utf8(out).unwrap();
    assert_eq!((lines.lines().count(), lines.lines().next()), (596, Some(r#"{"topic":"a","data":"1"}"#)));
    drop(log);
    meddle(directory.path(), |write| drop(write.open_table(EVENTS).unwrap().remove(200).unwrap()));
    let log = LogFile::open(&config(directory.path())).unwrap();
    let exported = log.export(std::io::sink(), Form::Whole, |_, _| {}).unwrap();
    assert_eq!((exported.events, exported.left_out), (595, 5), "one is missing");
}

#[tokio::test]
async fn an_end_is_exported_without_its_event_if_that_can_not_be() {
    let (store, directory) = new(Durability::Always);
    append_one(&store, Draft { json: true, ..last_of("a") }).await; // which it is not
    drop(store);
    let mut out = Vec::new();
    let log = LogFile::open(&config(directory.path())).unwrap();
    let exported = log.export(&mut out, Form::Whole, |_, _| {}).unwrap();
    assert_eq!((exported.events, exported.left_out), (0, 1));
    assert_eq!(String::from_utf8(out).unwrap(), "{\"topic\":\"a\",\"ended\":true}\n");
}

#[tokio::test]
async fn what_does_not_agree_about_few_events_is_found() {
    use tables::{ALIASES, OTHERS};
    type Meddle = fn(&::redb::WriteTransaction);
    let cases: [(Meddle, &str); 8] = [
        (|write| drop(write.open_table(OTHERS).unwrap().remove((0, 1)).unwrap()), "is not in the index of b"),
        (|write| drop(write.open_table(OTHERS).unwrap().insert((0, 1), (5, 1)).unwrap()), "weighs"),
        (|write| drop(write.open_table(OTHERS).unwrap().insert((0, 3), (5, 1)).unwrap()), "the others of topic 0 have"),
        (|write| drop(write.open_table(OTHERS).unwrap().insert((0, 1), (1 << 31, 1)).unwrap()), "has it otherwise"),
        (|write| drop(write.open_table(OTHERS).unwrap().insert((0, 1), (5, 7)).unwrap()), "among the others of b"),
        (|write| drop(write.open_table(ALIASES).unwrap().remove(("urn:1", 1)).unwrap()), "by its alias \"urn:1\""),
        (|write| drop(write.open_table(ALIASES).unwrap().insert(("urn:2", 1), ()).unwrap()), "the alias \"urn:2\""),
        (
            |write| {
                let mut topics = write.open_table(TOPICS).unwrap();
                let mut stored = tables::topic(1, topics.get(1).unwrap().unwrap().value()).unwrap();
                stored.ended = 2;
                topics.insert(1, &*tables::topic_row(1, &stored)).unwrap();
            },
            "a ended at",
        ),
    ];
    for (planted, says) in cases {
        let directory = varied().await;
        assert_eq!(findings(directory.path()), "");
        meddle(directory.path(), planted);
        let found = findings(directory.path());
        assert!(found.contains(says), "{says:?}: {found}");
    }
}
