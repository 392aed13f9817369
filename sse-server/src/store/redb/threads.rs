//! The threads of an open log: the one that writes, and the one that looks whether the disk answers.

use std::{
    fs::File,
    io,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{Disk, Inner, Loaded, writer::Writer};
use crate::store::StoreError;

/// The threads of an open log.
#[derive(Debug)]
pub(super) struct Threads {
    writer: JoinHandle<()>,
    /// Disconnected when the writer has ended.
    ended: mpsc::Receiver<()>,
    /// Ends the thread that watches the disk, once this is dropped.
    _watch: mpsc::Sender<()>,
}

impl Threads {
    pub(super) fn start(shared: &Arc<Inner>, loaded: Loaded, lock: File) -> io::Result<Self> {
        let (ending, ended) = mpsc::channel();
        let (watching, watched) = mpsc::channel::<()>();
        let writer = Writer::new(shared.clone(), loaded, lock, ending);
        let disk = shared.clone();
        std::thread::Builder::new().name("sse-store-watch".into()).spawn(move || {
            let pause = disk.disk.timeout() / 5;
            while watched.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                disk.disk.look();
            }
        })?;
        let writer = std::thread::Builder::new().name("sse-store".into()).spawn(move || writer.run())?;
        Ok(Self { writer, ended, _watch: watching })
    }

    /// Waits until the writer has ended, unless that takes longer than `within` or the disk does not answer.
    pub(super) fn end(self, disk: &Disk, within: Duration) -> Result<(), StoreError> {
        let began = Instant::now();
        loop {
            let left = within.saturating_sub(began.elapsed());
            match self.ended.recv_timeout(left.min(disk.timeout() / 5)) {
                Err(RecvTimeoutError::Timeout) if left.is_zero() => return Err(StoreError::Stalled(within)),
                Err(RecvTimeoutError::Timeout) => disk.writes()?,
                Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                    let _ = self.writer.join(); // its panic was already reported
                    return Ok(());
                }
            }
        }
    }
}
