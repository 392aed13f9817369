//! How the program ends when something fails.

use std::{fmt, process::ExitCode};

/// Writes the line for `error`, and returns `status` as the exit code.
pub(crate) fn fail(error: &impl fmt::Display, status: u8) -> ExitCode {
    eprintln!("sse-server: {error}");
    ExitCode::from(status)
}
