//! Log lines, written by a thread of their own, so that nobody waits for whoever reads them.

use std::{
    borrow::Cow,
    collections::VecDeque,
    fmt::Write as _,
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use prometheus_client::metrics::counter::Counter;

/// The most bytes of lines that wait to be written, each with what keeping it costs.
const WAITING: usize = 1 << 20;

/// What a line costs besides its bytes.
const LINE: usize = 64;

/// The lines that were dropped. Log lines belong to the process, whatever hubs run in it.
static DROPPED: LazyLock<Counter> = LazyLock::new(Counter::default);

/// The counter of the lines that were dropped.
pub(crate) fn dropped() -> Counter {
    DROPPED.clone()
}

/// A writer of log lines that never blocks and never fails: each write is a line, which a thread of its own writes. When
/// more than 1 MiB wait, or a line can't be written, it is dropped and counted in `sse_log_lines_dropped_total`.
///
/// Characters that would let a line look like another one are written as `\u202e` is: controls, separators of lines and
/// paragraphs, and what changes the direction of the text. Clones write to the same place.
///
/// ```
/// use sse_server::LogLines;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let lines = LogLines::start(std::io::stderr())?;
/// let writer = lines.clone();
/// tracing_subscriber::fmt().with_writer(move || writer.clone()).log_internal_errors(false).init();
/// // … and at the end of the program
/// lines.flush(std::time::Duration::from_secs(1));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct LogLines(Arc<Queue>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Notified when there is a line to write, and when all are written.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Box<[u8]>>,
    /// What `lines` cost: at most [`WAITING`].
    cost: usize,
    /// Whether a line that is no longer among `lines` is being written.
    writing: bool,
}

impl LogLines {
    /// Starts the thread that writes the lines to `out`. It ends with the process.
    ///
    /// # Errors
    ///
    /// The system's error if there can be no further thread.
    pub fn start(mut out: impl Write + Send + 'static) -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let lines = Self(Arc::clone(&queue));
        thread::Builder::new().name("sse-log".into()).spawn(move || {
            // A writer that panics has lost a line, not the log.
            while catch_unwind(AssertUnwindSafe(|| queue.write_to(&mut out))).is_err() {
                DROPPED.inc();
            }
        })?;
        Ok(lines)
    }

    /// Waits until all lines are written, for at most `within`. Returns true if they are.
    pub fn flush(&self, within: Duration) -> bool {
        let busy = |waiting: &mut Waiting| waiting.writing || !waiting.lines.is_empty();
        let waited = self.0.changed.wait_timeout_while(self.0.lock(), within, busy);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Write for LogLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.put(&escaped(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No line of code between taking and releasing it can panic halfway through a change.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, line: &[u8]) {
        let mut waiting = self.lock();
        let cost = waiting.cost + line.len() + LINE;
        if cost > WAITING {
            DROPPED.inc();
            return;
        }
        waiting.cost = cost;
        waiting.lines.push_back(line.into());
        drop(waiting);
        self.changed.notify_all();
    }

    /// Writes lines for ever.
    fn write_to(&self, out: &mut impl Write) {
        loop {
            let line = self.next();
            if out.write_all(&line).and_then(|()| out.flush()).is_err() {
                DROPPED.inc();
            }
        }
    }

    /// The next line, once there is one.
    fn next(&self) -> Box<[u8]> {
        let mut waiting = self.lock();
        loop {
            waiting.writing = false;
            if let Some(line) = waiting.lines.pop_front() {
                waiting.cost -= line.len() + LINE;
                waiting.writing = true;
                return line;
            }
            self.changed.notify_all();
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The line with what could deceive its reader written as an escape of JSON, in which such characters can only be a part
/// of a string.
fn escaped(line: &[u8]) -> Cow<'_, [u8]> {
    let deceives = |c: char| matches!(c, '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let text = String::from_utf8_lossy(line);
    if !text.contains(deceives) {
        return Cow::Borrowed(line);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if deceives(c) {
            let _ = write!(safe, "\\u{:04x}", u32::from(c)); // writing to a String does not fail
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe.into_bytes())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    /// Hands each line over, and waits until it is taken.
    struct Handed(SyncSender<Vec<u8>>);

    impl Write for Handed {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            assert_ne!(line, b"panic\n", "the writer panics");
            if line == b"fail\n" {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.0.send(line.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn started() -> (LogLines, Receiver<Vec<u8>>) {
        let (send, taken) = sync_channel(0);
        (LogLines::start(Handed(send)).unwrap(), taken)
    }

    /// The tests count on one process-wide counter, so they take turns.
    fn turn() -> MutexGuard<'static, ()> {
        static TURN: Mutex<()> = Mutex::new(());
        TURN.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[test]
    fn what_nobody_takes_is_dropped_and_counted_beyond_the_bound() {
        let _turn = turn();
        let (mut lines, taken) = started();
        let before = DROPPED.get();
        let long = [b'x'; 1000];
        let room = WAITING / (long.len() + LINE);
        for _ in 0..room + 101 {
            lines.write_all(&long).unwrap();
        }
        let dropped = DROPPED.get() - before;
        assert!((100..=101).contains(&dropped), "one may be in the thread's hands: {dropped}");
        assert!(!lines.flush(Duration::ZERO));
        for _ in 0..room + 101 - dropped as usize {
            assert_eq!(taken.recv_timeout(LONG).unwrap(), long);
        }
        assert!(lines.flush(LONG));
        lines.write_all(b"there is room again\n").unwrap();
        assert_eq!(taken.recv_timeout(LONG).unwrap(), b"there is room again\n");
    }

    #[test]
    fn a_line_that_can_not_be_written_is_counted_and_the_next_one_is_written() {
        let _turn = turn();
        for bad in [b"fail\n".as_slice(), b"panic\n"] {
            let (mut lines, taken) = started();
            let before = DROPPED.get();
            lines.write_all(bad).unwrap();
            lines.write_all(b"well\n").unwrap();
            assert_eq!(taken.recv_timeout(LONG).unwrap(), b"well\n");
            assert!(lines.flush(LONG));
            assert_eq!(DROPPED.get() - before, 1);
        }
    }

    #[test]
    fn what_deceives_a_reader_is_escaped_and_nothing_else() {
        let text = |line: &str| String::from_utf8(escaped(line.as_bytes()).into_owned()).unwrap();
        for c in [
            '\u{7f}', '\u{80}', '\u{85}', '\u{9b}', '\u{9f}', '\u{61c}', '\u{200f}', '\u{2028}', '\u{2029}',
            '\u{202e}', '\u{2066}', '\u{2069}',
        ] {
            let line = serde_json::json!({ "detail": format!("a{c}b") }).to_string();
            let safe = text(&line);
            assert_eq!(safe, format!("{{\"detail\":\"a\\u{:04x}b\"}}", u32::from(c)));
            let read: serde_json::Value = serde_json::from_str(&safe).unwrap();
            assert_eq!(read["detail"], format!("a{c}b"), "it is read as it was");
        }
        for same in ["plain\n", "\u{1b}[32mINFO\u{1b}[0m", "größe 東京 👩\u{200d}👧\u{a0}\u{2027}\u{202f}"] {
            assert_eq!(text(same), same);
        }
    }
}
