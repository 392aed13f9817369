//! A line of progress on a terminal.

use std::{
    io::{self, IsTerminal, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::words;

/// How often the line is written.
const EVERY: Duration = Duration::from_millis(100);

/// The unit of progress.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Events,
    Rows,
    Bytes,
    /// Nothing: only the time is shown.
    Unknown,
}

/// A line on standard error if that is a terminal, otherwise nothing.
#[derive(Debug)]
pub(super) struct Progress {
    counts: Arc<Counts>,
    writer: Option<thread::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Counts {
    done: AtomicU64,
    /// 0 if it is unknown.
    total: AtomicU64,
    ended: AtomicBool,
}

impl Progress {
    /// A line that counts in `unit`, until it is dropped. `wanted` says that nothing else is written to the terminal meanwhile.
    pub(super) fn new(unit: Unit, wanted: bool) -> Self {
        let counts = Arc::new(Counts::default());
        let seen = wanted && io::stderr().is_terminal();
        let writer = seen.then(|| {
            let counts = Arc::clone(&counts);
            thread::spawn(move || write(unit, &counts))
        });
        Self { counts, writer }
    }

    /// Reports that `done` of `total` are done; a total of 0 is unknown.
    pub(super) fn at(&self, done: u64, total: u64) {
        self.counts.done.store(done, Ordering::Relaxed);
        self.counts.total.store(total, Ordering::Relaxed);
    }
}

/// Removes the line from the terminal.
impl Drop for Progress {
    fn drop(&mut self) {
        self.counts.ended.store(true, Ordering::Release);
        if let Some(writer) = self.writer.take() {
            writer.thread().unpark();
            let _ = writer.join(); // without it the line would only stay
        }
    }
}

fn write(unit: Unit, counts: &Counts) {
    let began = Instant::now();
    let mut width = 0;
    loop {
        thread::park_timeout(EVERY);
        let ended = counts.ended.load(Ordering::Acquire);
        let (done, total) = (counts.done.load(Ordering::Relaxed), counts.total.load(Ordering::Relaxed));
        let text = if ended { String::new() } else { line(unit, done, total, began.elapsed()) };
        // spaces over what the last line had more; a terminal that is gone is no reason to stop the work
        let _ = write!(io::stderr(), "\r{text:<width$}{}", if ended { "\r" } else { "" });
        width = text.len();
        if ended {
            return;
        }
    }
}

/// How far it is after `elapsed`, and how long the rest takes if it goes on like that.
fn line(unit: Unit, done: u64, total: u64, elapsed: Duration) -> String {
    let count = |n| match unit {
        Unit::Events => format!("{n} events"),
        Unit::Rows => format!("{n} rows"),
        Unit::Bytes | Unit::Unknown => words::bytes(n),
    };
    match (unit, done, total) {
        (Unit::Unknown, ..) => format!("{} s", elapsed.as_secs()),
        (_, _, 0) => count(done),
        (_, 0, _) => format!("0 % of {}", count(total)),
        _ => {
            let share = done as f64 / total as f64;
            let left = elapsed.as_secs_f64() * (1.0 / share - 1.0);
            format!("{:.0} % of {}, {:.0} s left", (share * 100.0).min(100.0), count(total), left.max(0.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_told_from_what_is_done() {
        let after = Duration::from_secs(30);
        assert_eq!(line(Unit::Rows, 250, 1000, after), "25 % of 1000 rows, 90 s left");
        assert_eq!(line(Unit::Rows, 0, 1000, after), "0 % of 1000 rows");
        assert_eq!(line(Unit::Bytes, 12, 0, after), "12 bytes");
        assert_eq!(line(Unit::Events, 1200, 1000, after), "100 % of 1000 events, 0 s left");
        assert_eq!(line(Unit::Unknown, 0, 0, after), "30 s");
    }
}
