//! What is going on, on standard error.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

/// Remarks that are kept for the last words.
const KEPT: usize = 20;

pub(crate) struct Progress {
    done: u32,
    of: u32,
    began: Instant,
    /// On a terminal the line is written over; elsewhere each step has one.
    terminal: bool,
    remarks: Vec<String>,
}

impl Progress {
    pub(crate) fn new(of: u32) -> Self {
        let terminal = io::stderr().is_terminal();
        Self { done: 0, of, began: Instant::now(), terminal, remarks: Vec::new() }
    }

    /// The next run begins.
    pub(crate) fn step(&mut self, what: &str) {
        let left = self.left().map(|left| format!(", about {} left", time(left))).unwrap_or_default();
        self.done += 1;
        self.line(&format!("[{}/{}] {what}{left}", self.done, self.of));
    }

    /// How far the run is that is going on.
    pub(crate) fn within(&self, what: &str) {
        self.line(&format!("[{}/{}] {what}", self.done, self.of));
    }

    /// Something that is not as it should be: it stays to be read, here and below the tables.
    pub(crate) fn remark(&mut self, text: String) {
        self.note(&text);
        if self.remarks.len() < KEPT {
            self.remarks.push(text);
        }
    }

    /// The end, and what was remarked.
    pub(crate) fn end(self) -> Vec<String> {
        self.note(&format!("{} runs in {}", self.done, time(self.began.elapsed())));
        self.remarks
    }

    fn line(&self, line: &str) {
        // nobody may be looking
        let _ = if self.terminal { write!(io::stderr(), "\r\x1b[K{line}") } else { writeln!(io::stderr(), "{line}") };
    }

    fn note(&self, text: &str) {
        let clear = if self.terminal { "\r\x1b[K" } else { "" };
        let _ = writeln!(io::stderr(), "{clear}{text}");
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
