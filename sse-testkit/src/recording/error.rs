//! What can be wrong with a recording.

use std::{
    error::Error,
    fmt, io,
    path::{Path, PathBuf},
};

/// Why there is no recording: the stream was too long to be kept, or a file can't be read or written, or is not a
/// recording.
///
/// ```
/// let error = "{}".parse::<sse_testkit::Recording>().unwrap_err();
/// assert_eq!(error.line(), Some(1));
/// assert_eq!(error.to_string(), r#"line 1: format is missing; allowed is "sse-recording""#);
/// ```
#[derive(Debug)]
pub struct RecordingError {
    path: Option<PathBuf>,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    TooLong { forgotten: u64 },
    TooLarge { len: u64, allowed: u64 },
    Read(io::Error),
    Write(io::Error),
    Line { number: usize, text: String },
}

impl RecordingError {
    pub(crate) const fn too_long(forgotten: u64) -> Self {
        Self::new(Problem::TooLong { forgotten })
    }

    pub(super) const fn too_large(len: u64, allowed: u64) -> Self {
        Self::new(Problem::TooLarge { len, allowed })
    }

    pub(super) const fn read(error: io::Error) -> Self {
        Self::new(Problem::Read(error))
    }

    pub(super) const fn write(error: io::Error) -> Self {
        Self::new(Problem::Write(error))
    }

    pub(super) const fn in_line(number: usize, text: String) -> Self {
        Self::new(Problem::Line { number, text })
    }

    const fn new(problem: Problem) -> Self {
        Self { path: None, problem }
    }

    pub(super) fn at(self, path: &Path) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    /// The number of the line that is wrong, from 1, if it is about a line of a file.
    ///
    /// ```
    /// assert_eq!("".parse::<sse_testkit::Recording>().unwrap_err().line(), Some(1));
    /// ```
    #[must_use]
    pub const fn line(&self) -> Option<usize> {
        match self.problem {
            Problem::Line { number, .. } => Some(number),
            _ => None,
        }
    }

    /// Returns true if a stream was too long for its whole recording to be kept.
    ///
    /// ```
    /// use sse_testkit::Recording;
    ///
    /// assert!(!Recording::load("nowhere.ndjson").unwrap_err().is_too_long());
    /// ```
    #[must_use]
    pub const fn is_too_long(&self) -> bool {
        matches!(self.problem, Problem::TooLong { .. })
    }

    /// Returns true if the system could not read or write the file; [`source`](Error::source) is its error.
    ///
    /// ```
    /// use sse_testkit::Recording;
    ///
    /// assert!(Recording::load("nowhere.ndjson").unwrap_err().is_io());
    /// ```
    #[must_use]
    pub const fn is_io(&self) -> bool {
        matches!(self.problem, Problem::Read(_) | Problem::Write(_))
    }
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}: ", path.display())?;
        }
        match &self.problem {
            Problem::TooLong { forgotten } => {
                write!(f, "the stream is too long to be recorded: {forgotten} frames are no longer kept")
            }
            Problem::TooLarge { len, allowed } => write!(f, "it has {len} bytes; allowed are {allowed}"),
            Problem::Read(error) => write!(f, "can't be read: {error}"),
            Problem::Write(error) => write!(f, "can't be written: {error}"),
            Problem::Line { number, text } => write!(f, "line {number}: {text}"),
        }
    }
}

impl Error for RecordingError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.problem {
            Problem::Read(error) | Problem::Write(error) => Some(error),
            _ => None,
        }
    }
}
