//! How late a sync comes on this machine, today.

use std::{
    fs::File,
    io::{Seek, Write},
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// The hub's interval between syncs.
pub(crate) const INTERVAL: Duration = Duration::from_millis(50);

/// Twenty intervals: after so long an event is on the disk, if the disk is no slower than it should be.
const WINDOW: Duration = Duration::from_secs(1);

/// How many of the slowest syncs are allowed on top: a busy machine is no fault of the hub.
const SLOWEST: u32 = 5;

/// Writes and syncs a file at the hub's interval, beside the hub, to see how long that takes.
pub(crate) struct Disk {
    seen: Arc<Mutex<Seen>>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Seen {
    slowest: Duration,
    /// When the sync that is going on was due to begin.
    due: Instant,
}

impl Disk {
    pub(crate) fn watch(directory: &Path) -> Self {
        let file = File::create(directory.join("disk")).unwrap();
        let seen = Arc::new(Mutex::new(Seen { slowest: Duration::ZERO, due: Instant::now() + INTERVAL }));
        let (stop, stopped) = channel();
        let watching = seen.clone();
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                write(&file);
                let mut seen = watching.lock().unwrap();
                seen.slowest = seen.slowest();
                seen.due = Instant::now() + INTERVAL;
            }
        });
        Self { seen, stop: Some(stop), thread: Some(thread) }
    }

    /// The time after which an acknowledged event is on the disk, sync interval and all.
    pub(crate) fn window(&self) -> Duration {
        WINDOW + SLOWEST * self.seen.lock().unwrap().slowest()
    }
}

impl Seen {
    fn slowest(&self) -> Duration {
        self.slowest.max(self.due.elapsed())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write(mut file: &File) {
    file.rewind().unwrap();
    file.write_all(&[0; 4096]).unwrap();
    file.sync_data().unwrap();
}
