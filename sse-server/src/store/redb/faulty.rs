//! A file beneath the store that fails on request.

use std::{
    fs::OpenOptions,
    io,
    path::Path,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use redb::{BackendError, StorageBackend, backends::FileBackend};

use super::Fault;

/// The failures to inject.
#[derive(Debug)]
pub(crate) struct Faults {
    /// The number of writes, resizes and syncs that succeed before all fail. Negative: none fails.
    good: AtomicI64,
    /// A failing write writes half of its bytes first.
    short: bool,
    calls: AtomicU64,
    hanging: Mutex<bool>,
    goes_on: Condvar,
}

impl Faults {
    pub(crate) fn none() -> Arc<Self> {
        Arc::new(Self {
            good: AtomicI64::new(i64::MAX),
            short: false,
            calls: AtomicU64::new(0),
            hanging: Mutex::default(),
            goes_on: Condvar::new(),
        })
    }

    pub(crate) fn after(good: i64, short: bool) -> Arc<Self> {
        Arc::new(Self {
            good: AtomicI64::new(good),
            short,
            calls: AtomicU64::new(0),
            hanging: Mutex::default(),
            goes_on: Condvar::new(),
        })
    }

    /// Lets `good` further calls succeed.
    pub(crate) fn allow(&self, good: i64) {
        self.good.store(good, Ordering::SeqCst);
    }

    /// From now on no call returns, or all of them go on.
    pub(crate) fn hang(&self, hanging: bool) {
        *self.hanging.lock().unwrap() = hanging;
        self.goes_on.notify_all();
    }

    fn wait(&self) {
        drop(self.goes_on.wait_while(self.hanging.lock().unwrap(), |hanging| *hanging).unwrap());
    }

    /// The number of calls so far.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    fn call(&self) -> bool {
        self.wait();
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.good.fetch_sub(1, Ordering::SeqCst) > 0
    }
}

#[derive(Debug)]
pub(super) struct FaultyFile {
    file: FileBackend,
    faults: Arc<Faults>,
}

impl FaultyFile {
    pub(super) fn open(path: &Path, faults: Arc<Faults>) -> Result<Self, Fault> {
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(Fault::Io)?;
        let file = FileBackend::new(file).map_err(Fault::from)?;
        Ok(Self { file, faults })
    }

    fn check(&self) -> Result<(), io::Error> {
        if self.faults.call() { Ok(()) } else { Err(io::Error::from(io::ErrorKind::StorageFull)) }
    }
}

type Done<T> = Result<T, BackendError>;
type Range = std::ops::Bound<u64>;

impl StorageBackend for FaultyFile {
    fn len(&self) -> Result<u64, io::Error> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.faults.wait();
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.check()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.check()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        if let Err(error) = self.check() {
            if self.faults.short {
                self.file.write(offset, &data[..data.len() / 2])?;
            }
            return Err(error);
        }
        self.file.write(offset, data)
    }

    fn close(&self) -> Result<(), io::Error> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Range, end: Range) -> Done<bool> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Range, end: Range) -> Done<bool> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Range, end: Range) -> Done<()> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Range, end: Range) -> Done<()> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Range, end: Range) -> Done<()> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Range, end: Range) -> Done<bool> {
        self.file.query_lock_range(start, end)
    }
}
