//! What can be wrong with the file, and how it is reported.

use std::{
    any::Any,
    cell::Cell,
    io::{self, ErrorKind},
    panic::{self, AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Once,
};

use redb::{CommitError, DatabaseError, StorageError, TableError, TransactionError};

use crate::store::{Cause, StoreError, StoreFailure};

/// Reading or writing the file failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// An I/O error: no space, no such device, no permission.
    #[error("{0}")]
    Io(io::Error),
    /// The file is damaged.
    #[error("{0}")]
    Damaged(String),
    /// A row holds a value that no version of this program writes.
    #[error("a row is damaged: {0}")]
    Row(String),
    /// Another process uses the file.
    #[error("another process uses it")]
    InUse,
    #[error("it was written by a later version of this program (schema {0})")]
    Later(u64),
    /// Another file stands where the log was, or none.
    #[error("the file is gone from its place: whoever took it away has to bring it back, or the hub to be restarted")]
    Moved,
    /// A thread panicked while it changed shared state.
    #[error("{}", StoreError::Gone)]
    Gone,
}

/// Why a log can't be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("{}: {fault}; {}", .path.display(), advice(.fault))]
    File { path: PathBuf, fault: Fault },
}

impl Fault {
    /// Returns true if what was read is damaged, so that something else may still be read.
    pub(super) const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::Row(_))
    }

    /// Returns true if there is no room left on the disk.
    pub(super) fn is_full(&self) -> bool {
        matches!(self, Self::Io(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
    }
}

fn advice(fault: &Fault) -> &'static str {
    match fault {
        Fault::Io(_) => "see that the directory can be written and has space, or choose another with --data",
        Fault::Damaged(_) | Fault::Row(_) => {
            "nothing was changed: bring it back from a backup, or move it away to begin an empty log, with which \
             clients are told that they lost events"
        }
        Fault::Moved => "bring it back",
        Fault::InUse => "stop that process, or choose another directory with --data",
        Fault::Gone => "restart the hub",
        Fault::Later(_) => "start that version, or choose another directory with --data",
    }
}

/// Runs `work` and turns a panic into an error: redb panics on some kinds of damage. Such a panic is not printed, for the
/// error tells it, and a damaged page may be come by thousands of times.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if GUARDS.get() == 0 {
                print(info);
            }
        }));
    });
    GUARDS.set(GUARDS.get() + 1);
    let done = catch_unwind(AssertUnwindSafe(work));
    GUARDS.set(GUARDS.get() - 1);
    done.unwrap_or_else(|panic| Err(Fault::Damaged(words(&*panic))))
}

thread_local! {
    /// How many [`guarded`] calls are running on this thread.
    static GUARDS: Cell<usize> = const { Cell::new(0) };
}

/// Drops what belongs to redb, which may panic once more after it did so.
pub(crate) fn dropped<T>(value: T) {
    let _ = guarded(|| {
        drop(value);
        Ok(())
    });
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("the file is damaged: {}", text.unwrap_or_default())
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Gone => Self::Gone,
            StoreError::Closed => Self::Io(io::Error::other("the store is closed")),
            StoreError::Stalled(_) | StoreError::Ended { .. } => Self::Io(io::Error::other(error.to_string())),
            StoreError::Unavailable(why) => Self::Io(io::Error::other(why.to_string())),
        }
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Gone => Self::Gone,
            other => Self::Unavailable(other.to_string().into()),
        }
    }
}

impl From<OpenError> for StoreFailure {
    fn from(error: OpenError) -> Self {
        let OpenError::File { fault, .. } = &error;
        let cause = match fault {
            Fault::InUse => Cause::InUse,
            Fault::Damaged(_) | Fault::Row(_) => Cause::Damaged,
            Fault::Io(_) | Fault::Later(_) | Fault::Moved | Fault::Gone => Cause::Other,
        };
        Self::new(cause, error.to_string())
    }
}

impl From<redb::Error> for Fault {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => Self::Io(error),
            redb::Error::PreviousIo => Self::Io(io::Error::other("an earlier read or write failed")),
            redb::Error::DatabaseClosed => Self::Io(io::Error::other("the file is closed")),
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            other => Self::Damaged(other.to_string()),
        }
    }
}

macro_rules! from_each {
    ($($error:ty),*) => {$(
        impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self::from(redb::Error::from(error))
            }
        }
    )*};
}

from_each!(CommitError, DatabaseError, StorageError, TableError, TransactionError, redb::CompactionError);

impl From<redb::SetDurabilityError> for Fault {
    fn from(error: redb::SetDurabilityError) -> Self {
        Self::Damaged(error.to_string())
    }
}
