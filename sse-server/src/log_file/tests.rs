//! The log while no hub runs.

mod lines;

use ::redb::{Database, ReadableDatabase, ReadableTable};

use std::{path::Path, time::Duration};

use sse_engine::{Draft, Name};
use tempfile::TempDir;

use crate::{
    Config, Exported, Form, Imported, LogError, LogFile,
    base::clock::wall as now,
    store::{
        Batch, Entry, Store,
        redb::{
            Durability,
            tables::{self, EVENTS, INDEX, META, TOPICS, meta},
            tests::{self, NEVER, crashed, meddle, new, open},
        },
        suite::{all, append, batch, draft, topic},
    },
};

fn config(directory: &Path) -> Config {
    let mut config = Config::default();
    config.store.path = directory.to_owned();
    config
}

/// One event of each kind of data, at three different times.
async fn varied() -> TempDir {
    let (store, directory) = new(Durability::Always);
    let json = |data: &str| Draft { json: true, ..draft("b/c", data) };
    let named = Draft {
        name: Name::of("tick").unwrap(),
        retry: Some(Duration::from_millis(1500)),
        ..draft("a", "x\n\"y\" \u{0}ä")
    };
    let events = [
        (1000, vec![draft("a", "7"), json("7"), json("null")]),
        (2000, vec![json(r#"{"z":1.0,"a":[1e400," "]}"#), draft("a", "")]),
        (2500, vec![named]),
    ];
    for (now, drafts) in events {
        store.append(Batch { drafts, now, ..Batch::default() }).await.unwrap();
    }
    drop(store);
    directory
}

fn exported(directory: &Path, form: Form) -> String {
    let mut out = Vec::new();
    let mut told = (0, 0);
    let log = LogFile::open(&config(directory)).unwrap();
    let Exported { events, left_out, .. } = log.export(&mut out, form, |done, total| told = (done, total)).unwrap();
    assert_eq!((told, left_out), ((events, events), 0));
    String::from_utf8(out).unwrap()
}

/// Imports `lines`, on a thread that may block.
async fn imported(config: Config, lines: impl Into<Vec<u8>>) -> Result<Imported, LogError> {
    let lines = lines.into();
    tokio::task::spawn_blocking(move || LogFile::import(&config, &*lines, |_| {})).await.unwrap()
}

fn contents(entries: Vec<Entry>) -> Vec<(u64, Draft)> {
    entries.into_iter().map(|entry| (entry.time, entry.draft)).collect()
}

fn findings(directory: &Path) -> String {
    tests::findings(directory).join("\n")
}

#[tokio::test]
async fn what_is_exported_is_imported_under_new_ids() {
    let directory = varied().await;
    let lines = exported(directory.path(), Form::Whole);
    assert_eq!(lines.lines().count(), 6);
    assert!(lines.contains(r#""time":1000,"topic":"a","data":"7"}"#), "{lines}");
    assert!(lines.contains(r#""topic":"b/c","data":{"z":1.0,"a":[1e400," "]}}"#), "{lines}");
    assert!(lines.contains(r#""event":"tick","retry":1500,"data":"x\n\"y\" \u0000ä"}"#), "{lines}");
    let other = tempfile::tempdir().unwrap();
    let import = imported(config(other.path()), lines).await.unwrap();
    assert_eq!((import.events, import.retimed), (6, 0));
    let [before, after] = [directory.path(), other.path()].map(|path| open(path, NEVER));
    assert_ne!(before.snapshot().epoch, after.snapshot().epoch);
    assert_eq!(after.snapshot().holes, [], "closed in good order");
    assert_eq!(contents(all(&after, &["**"], 0).await), contents(all(&before, &["**"], 0).await));
}

#[tokio::test]
async fn what_is_exported_to_be_published_is_without_ids_and_times() {
    let directory = varied().await;
    let lines = exported(directory.path(), Form::Publishable);
    assert_eq!(lines.lines().next(), Some(r#"{"topic":"a","data":"7"}"#));
}

#[tokio::test]
async fn looking_does_not_take_the_log_into_use() {
    let (store, directory) = new(NEVER);
    append(&store, "a", "1").await;
    append(&store, "a", "2").await;
    let crashed = crashed(directory.path());
    drop(store);
    for (directory, clean) in [(directory.path(), true), (crashed.path(), false)] {
        exported(directory, Form::Whole);
        assert_eq!(findings(directory), "");
        LogFile::open(&config(directory)).unwrap().compact().unwrap();
        let info = LogFile::open(&config(directory)).unwrap().info().unwrap();
        assert_eq!((info.clean, info.holes, info.topics.len()), (clean, 0, 1));
        assert_eq!(info.first_id.unwrap().split('-').next(), Some(info.epoch.as_str()));
        assert_eq!(open(directory, NEVER).snapshot().holes.len(), usize::from(!clean), "as the last hub left it");
    }
}

#[tokio::test]
async fn a_bad_line_ends_an_import_and_what_came_before_stays() {
    for (bad, says) in [
        ("{", "not the JSON of an event: EOF"),
        (r#"{"topic":"a","data":1,"key":"k"}"#, "unknown field `key`"),
        (r#"{"topic":"a*","data":1}"#, "the topic \"a*\" is not one"),
        (r#"{"data":1}"#, "no member `topic`"),
        (r#"{"topic":"a","ended":true,"data":1}"#, "has a topic and no data"),
        (r#"{"topic":"a","data":1,"alias":""}"#, "the alias \"\" is not allowed"),
        (r#"{"topic":"a"}"#, "no member `data`"),
        (r#"{"topic":"a","data":"\ud800"}"#, "the member `data` is no text"),
        (r#"{"topic":"a","data":1,"event":"sse-gap"}"#, "the hub's own"),
        (r#"{"topic":"a","data":"0123456789"}"#, "the data has 10 bytes; publish.max_event_bytes allows 9"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(directory.path());
        config.publish.max_event_bytes = 9;
        let lines = format!("{{\"topic\":\"a\",\"data\":\"1\"}}\n\n{{\"topic\":\"a\",\"data\":null}}\n{bad}\n{{\"");
        let error = imported(config, lines).await.unwrap_err();
        let text = error.to_string();
        let LogError::Line { line: 4, imported, .. } = error else { panic!("{bad}: {text}") };
        assert_eq!(imported.events, 2);
        assert!(text.contains(says) && text.contains("events imported: 2, "), "{text}");
        assert_eq!(all(&open(directory.path(), NEVER), &["a"], 0).await.len(), 2);
    }
}

#[tokio::test]
async fn a_line_without_end_is_not_read_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.publish.max_event_bytes = 10;
    let reading = move || {
        let endless = std::io::BufReader::new(std::io::repeat(b'x'));
        LogFile::import(&config, endless, |_| {}).unwrap_err().to_string()
    };
    let text = tokio::task::spawn_blocking(reading).await.unwrap();
    assert!(text.starts_with("line 1: it is longer than ") && text.ends_with("nothing is imported"), "{text}");
}

#[tokio::test]
async fn times_never_go_back_and_none_is_yet_to_come() {
    let (store, directory) = new(Durability::Always);
    store.append(batch(5000, [("a", "before")])).await.unwrap();
    drop(store);
    let began = now();
    let line = |time: u64| format!("{{\"time\":{time},\"topic\":\"a\",\"data\":{time}}}\n");
    let lines = [3000, 6000, 4000, 7000, u64::MAX].map(line).concat() + "{\"topic\":\"a\",\"data\":1}";
    let imported = imported(config(directory.path()), lines).await.unwrap();
    assert_eq!((imported.events, imported.retimed), (6, 3));
    let store = open(directory.path(), NEVER);
    let times: Vec<_> = all(&store, &["a"], 0).await.iter().map(|entry| entry.time).collect();
    assert_eq!(times[..5], [5000, 5000, 6000, 6000, 7000]);
    assert!(times[5] >= began && times[6] >= times[5] && times[6] <= now());
}

#[tokio::test]
async fn many_are_imported_in_batches() {
    let directory = tempfile::tempdir().unwrap();
    let lines: String = (0..5000).map(|at| format!("{{\"time\":1,\"topic\":\"a\",\"data\":{at}}}\n")).collect();
    let imported = imported(config(directory.path()), lines).await.unwrap();
    assert_eq!(imported.events, 5000);
    let entries = all(&open(directory.path(), NEVER), &["a"], 0).await;
    assert!(entries.iter().enumerate().all(|(at, entry)| entry.draft.data == *at.to_string().as_str()));
    assert_eq!(entries.len(), 5000);
    assert_eq!(findings(directory.path()), "");
}

#[tokio::test]
async fn what_does_not_agree_is_found() {
    type Meddle = fn(&::redb::WriteTransaction);
    let cases: [(Meddle, &[&str]); 9] = [
        (|write| drop(write.open_table(INDEX).unwrap().pop_first().unwrap()), &["is not in the index of a"]),
        (|write| drop(write.open_table(INDEX).unwrap().insert((9, 9), 1).unwrap()), &["the index of topic 9 has"]),
        (
            |write| drop(write.open_table(EVENTS).unwrap().remove(1).unwrap()),
            &["of a is missing", "the index of topic 0 has the event"],
        ),
        (
            |write| drop(write.open_table(EVENTS).unwrap().pop_last().unwrap()),
            &["the index of topic 0 has the event", "of a it is said 3 events of"],
        ),
        (
            |write| {
                let entry = Entry { seq: 1000, time: 1, draft: Draft { json: true, ..draft("a", "{") } };
                write
                    .open_table(EVENTS)
                    .unwrap()
                    .insert(1000, &*tables::event_row(0, tables::Before::default(), &[], &entry))
                    .unwrap();
            },
            &["the time 1, before 2500", "marked as JSON", "is not in the index", "is beyond the head"],
        ),
        (
            |write| {
                let mut events = write.open_table(EVENTS).unwrap();
                let mut row = events.get(2).unwrap().unwrap().value().to_vec();
                *row.last_mut().unwrap() ^= 1;
                drop(events.insert(2, &*row).unwrap());
            },
            &["event", "can't be read", "its checksum does not match"],
        ),
        (
            |write| drop(write.open_table(TOPICS).unwrap().remove(1).unwrap()),
            &["is of the topic 1, which there is not"],
        ),
        (
            |write| drop(write.open_table(META).unwrap().insert(meta::TIME, 2).unwrap()),
            &["the checksum of the log's numbers", "time 2500 is beyond the log's, 2"],
        ),
        (
            |write| drop(write.open_table(META).unwrap().insert(meta::NEXT_TOPIC, 1).unwrap()),
            &["there is a topic 1, and 1 is to be the next"],
        ),
    ];
    for (planted, says) in cases {
        let directory = varied().await;
        assert_eq!(findings(directory.path()), "");
        meddle(directory.path(), planted);
        let found = findings(directory.path());
        assert!(says.iter().all(|says| found.contains(says)), "{says:?}: {found}");
    }
}

#[tokio::test]
async fn bytes_that_changed_on_the_disk_are_found() {
    let directory = varied().await;
    let path = directory.path().join("log.redb");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(5).position(|part| part == b"1e400").unwrap();
    bytes[at] = b'2';
    std::fs::write(&path, bytes).unwrap();
    let found = findings(directory.path());
    assert!(found.contains("the database"), "{found}");
}

#[tokio::test]
async fn a_compacted_log_is_smaller_and_the_same() {
    let (store, directory) = new(Durability::Always);
    let big = "x".repeat(10_000);
    for _ in 0..50 {
        store.append(batch(1, (0..10).map(|_| ("a", big.as_str())))).await.unwrap();
    }
    let kept = append(&store, "a", "kept").await;
    store.trim(&topic("a"), kept - 1, false).await.unwrap();
    drop(store);
    let (before, after) = LogFile::open(&config(directory.path())).unwrap().compact().unwrap();
    assert!(after < before / 4, "{before} {after}");
    assert_eq!(findings(directory.path()), "");
    let store = open(directory.path(), NEVER);
    assert_eq!((all(&store, &["a"], 0).await.len(), store.snapshot().head), (1, kept));
}

#[tokio::test]
async fn a_log_that_is_missing_or_in_use_is_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    let LogError::Open(missing) = LogFile::open(&config(directory.path())).unwrap_err() else { panic!() };
    assert!(missing.is_missing());
    let text = missing.to_string();
    assert!(text.contains("log.redb: there is none"), "{text}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "none is made");
    let _store = open(directory.path(), NEVER);
    for refused in [
        LogFile::open(&config(directory.path())).map(drop).unwrap_err(),
        imported(config(directory.path()), "").await.unwrap_err(),
    ] {
        assert!(matches!(&refused, LogError::Open(why) if why.is_in_use()), "{refused:?}");
        let refused = refused.to_string();
        assert!(refused.contains("another process uses it; stop that process"), "{refused}");
    }
}

#[tokio::test]
async fn retention_holds_for_what_is_imported() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.store.events = 2;
    let lines: String = (0..9).map(|at| format!("{{\"topic\":\"a\",\"data\":\"{at}\"}}\n")).collect();
    imported(config, lines).await.unwrap();
    let database = Database::open(directory.path().join("log.redb")).unwrap();
    let read = database.begin_read().unwrap();
    let first = read.open_table(EVENTS).unwrap().first().unwrap().unwrap().0.value();
    assert_eq!(first, 8);
}
