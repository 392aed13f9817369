//! What is going on, on standard error.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

pub(crate) struct Progress {
    done: u32,
    of: u32,
    began: Instant,
    /// On a terminal the line is written over; elsewhere each step has one.
    terminal: bool,
}

impl Progress {
    pub(crate) fn new(of: u32) -> Self {
        Self { done: 0, of, began: Instant::now(), terminal: io::stderr().is_terminal() }
    }

    /// The next run begins.
    pub(crate) fn step(&mut self, what: &str) {
        let left = self.left().map(|left| format!(", about {} left", time(left))).unwrap_or_default();
        self.done += 1;
        let line = format!("[{}/{}] {what}{left}", self.done, self.of);
        // nobody may be looking
        let _ = if self.terminal { write!(io::stderr(), "\r\x1b[K{line}") } else { writeln!(io::stderr(), "{line}") };
    }

    /// Something that stays to be read.
    pub(crate) fn note(&self, text: &str) {
        let clear = if self.terminal { "\r\x1b[K" } else { "" };
        let _ = writeln!(io::stderr(), "{clear}{text}");
    }

    pub(crate) fn end(&self) {
        self.note(&format!("{} runs in {}", self.done, time(self.began.elapsed())));
    }

    fn left(&self) -> Option<Duration> {
        let each = self.began.elapsed().checked_div(self.done)?;
        Some(each * (self.of - self.done))
    }
}

fn time(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}
