//! What a ledger, its publishes and its readers share.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{entry::Entry, file::LedgerFile, ids::Ids};

/// Everything that was entered so far. Clones are the same account.
#[derive(Clone, Default)]
pub(super) struct Account(Arc<Mutex<Book>>);

#[derive(Default)]
pub(super) struct Book {
    pub(super) records: Vec<Entry>,
    pub(super) ids: Ids,
    /// The number of the next publish.
    pub(super) publishes: u64,
    pub(super) file: Option<LedgerFile>,
    pub(super) torn: bool,
}

impl Account {
    pub(super) fn new(book: Book) -> Self {
        Self(Arc::new(Mutex::new(book)))
    }

    pub(super) fn enter(&self, record: Entry) {
        self.book().enter(record);
    }

    /// The book, also after a panic elsewhere: it is consistent, since every entry is a single push.
    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    pub(super) fn enter(&mut self, record: Entry) {
        if let Some(file) = &mut self.file
            && let Err(error) = file.append(&record)
        {
            panic!("the ledger's file can't be written: {error}");
        }
        self.records.push(record);
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({} records)", self.book().records.len())
    }
}
