//! What can be wrong with a recording.

use std::{error::Error, fmt, io, path::Path};

/// Why there is no recording: a stream too long to be kept, a file that can't be read or written, or that is none.
///
/// ```
/// let error = "{}".parse::<sse_testkit::Recording>().unwrap_err();
/// assert_eq!(error.line(), Some(1));
/// assert_eq!(error.to_string(), r#"line 1: format is missing; allowed is "sse-recording""#);
/// ```
#[derive(Debug)]
pub struct RecordingError {
    path: Option<String>,
    line: Option<usize>,
    problem: String,
    source: Option<io::Error>,
}

impl RecordingError {
    pub(crate) const fn new(problem: String) -> Self {
        Self { path: None, line: None, problem, source: None }
    }

    pub(super) const fn in_line(line: usize, problem: String) -> Self {
        Self { path: None, line: Some(line), problem, source: None }
    }

    pub(super) fn io(problem: &str, error: io::Error) -> Self {
        Self { source: Some(error), ..Self::new(problem.into()) }
    }

    pub(super) fn at(self, path: &Path) -> Self {
        Self { path: Some(path.display().to_string()), ..self }
    }

    /// The line of the file that is wrong, if one is, counted from 1.
    ///
    /// ```
    /// assert_eq!("".parse::<sse_testkit::Recording>().unwrap_err().line(), Some(1));
    /// ```
    #[must_use]
    pub const fn line(&self) -> Option<usize> {
        self.line
    }
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{path}: ")?;
        }
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.problem)
    }
}

impl Error for RecordingError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}
