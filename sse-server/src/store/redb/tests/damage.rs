//! Damaged files: a clear error, and the file is left unchanged.

use std::fs;

use redb::Database;

use super::*;
use crate::store::{
    Store,
    redb::{
        Fault,
        tables::{META, meta},
    },
    suite::append,
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
    let database = Database::open(directory.path().join("log.redb")).unwrap();
    let write = database.begin_write().unwrap();
    write.open_table(META).unwrap().insert(meta::SCHEMA, 99).unwrap();
    write.commit().unwrap();
    database.close().unwrap();
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
