//! How the program ends.

use std::{
    fmt,
    io::{self, Write},
    process::{self, ExitCode},
    time::Duration,
};

use sse_server::LogLines;

/// How long the last log lines may take to be written.
pub(crate) const LAST_LINES: Duration = Duration::from_secs(1);

/// Writes the line for `error`, and returns `status` as the exit code.
pub(crate) fn fail(error: &impl fmt::Display, status: u8) -> ExitCode {
    tell(error);
    ExitCode::from(status)
}

/// Writes the line for `error`, if it can be written.
pub(crate) fn tell(error: &impl fmt::Display) {
    let _ = writeln!(io::stderr(), "sse-server: {error}");
}

/// Ends the process with `status` as soon as the log is written. It does not wait for what still runs: a task may be in the
/// middle of something that never returns.
pub(crate) fn now(lines: &LogLines, status: u8) -> ! {
    lines.flush(LAST_LINES);
    process::exit(status.into())
}
