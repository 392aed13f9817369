//! A file that can be read and not be written: what the database writes when it is opened, to repair the file after a
//! crash, stays in memory. So a log on a full disk can be read.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, ErrorKind},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use redb::{BackendError, StorageBackend, backends::FileBackend};

use super::Fault;

/// The bytes that are kept together.
const OVERLAY_PAGE: usize = 4096;

/// The most bytes kept in memory. A repair writes few: headers, and which pages are in use.
const MOST: usize = 64 << 20;

/// The file, with pages of its own over those on the disk.
#[derive(Debug)]
pub(super) struct Overlay {
    file: FileBackend,
    /// The length of the file on the disk.
    on_disk: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    length: u64,
    pages: BTreeMap<u64, Box<[u8; OVERLAY_PAGE]>>,
}

impl Overlay {
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let file = File::open(path).map_err(Fault::Io)?;
        let on_disk = file.metadata().map_err(Fault::Io)?.len();
        let state = Mutex::new(State { length: on_disk, pages: BTreeMap::new() });
        Ok(Self { file: FileBackend::new(file).map_err(Fault::from)?, on_disk, state })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what is on the disk. Behind the end of the file there are zeros.
    fn read_disk(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let there = usize::try_from(self.on_disk.saturating_sub(offset)).unwrap_or(usize::MAX).min(out.len());
        let (there, beyond) = out.split_at_mut(there);
        beyond.fill(0);
        if there.is_empty() { Ok(()) } else { self.file.read(offset, there) }
    }
}

/// The pages of `length` bytes from `offset` on: the number of each, and which bytes of it and of the whole.
fn pages(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let within = (at % OVERLAY_PAGE as u64) as usize;
        let count = (OVERLAY_PAGE - within).min(length - done);
        (count > 0).then(|| {
            done += count;
            (at / OVERLAY_PAGE as u64, within, done - count..done)
        })
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.state().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.read_disk(offset, out)?;
        let state = self.state();
        for (number, within, part) in pages(offset, out.len()) {
            if let Some(page) = state.pages.get(&number) {
                let count = part.len();
                out[part].copy_from_slice(&page[within..within + count]);
            }
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<(), io::Error> {
        self.state().length = length;
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut state = self.state();
        for (number, within, part) in pages(offset, data.len()) {
            if !state.pages.contains_key(&number) {
                if state.pages.len() * OVERLAY_PAGE >= MOST {
                    return Err(ErrorKind::StorageFull.into());
                }
                let mut page = Box::new([0; OVERLAY_PAGE]);
                self.read_disk(number * OVERLAY_PAGE as u64, &mut page[..])?;
                state.pages.insert(number, page);
            }
            if let Some(page) = state.pages.get_mut(&number) {
                page[within..within + part.len()].copy_from_slice(&data[part]);
            }
        }
        Ok(())
    }

    // The lock file keeps others away; the database's own lock is for the one that will write.
    fn try_lock_range(&self, _: std::ops::Bound<u64>, _: std::ops::Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_the_file_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let mut expect: Vec<u8> = (0..10_000_usize).map(|at| at as u8).collect();
        std::fs::write(&path, &expect).unwrap();
        let overlay = Overlay::open(&path).unwrap();
        overlay.set_len(20_000).unwrap();
        expect.resize(20_000, 0);
        for (offset, length) in [(4000, 200), (0, 1), (9_999, 5000), (8192, 4096), (19_999, 1)] {
            overlay.write(offset as u64, &vec![0xee; length]).unwrap();
            expect[offset..offset + length].fill(0xee);
        }
        for (offset, length) in [(0, 20_000), (4095, 2), (9_000, 3_000), (15_000, 100)] {
            let mut read = vec![1; length];
            overlay.read(offset as u64, &mut read).unwrap();
            assert_eq!(read, expect[offset..offset + length], "{offset}");
        }
        assert_eq!(std::fs::read(&path).unwrap().len(), 10_000);
        assert_eq!(std::fs::read(&path).unwrap()[0..2], [0, 1]);
    }
}
