//! Ledgers in files: NDJSON.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::entry::Entry;

/// A file to which each record is appended as it is made.
#[derive(Debug)]
pub(super) struct LedgerFile(File);

impl LedgerFile {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        File::create(path).map(Self)
    }

    /// Appends `record` with a single write, so that a process that is killed leaves at most one incomplete line.
    pub(super) fn append(&mut self, record: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.0.write_all(&line)
    }
}

/// The records of a file, and whether it ends in the middle of a line.
pub(super) fn read(path: &Path) -> Result<(Vec<Entry>, bool), LedgerError> {
    let fail = |cause| LedgerError { path: path.into(), cause };
    let text = fs::read(path).map_err(|error| fail(Cause::Io(error)))?;
    let (whole, rest) = text.split_at(text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
    let mut records = Vec::new();
    for (number, line) in (1..).zip(whole.split(|byte| *byte == b'\n')) {
        if !line.is_empty() {
            records.push(serde_json::from_slice(line).map_err(|error| fail(Cause::Line(number, error)))?);
        }
    }
    Ok((records, !rest.is_empty()))
}

/// A file is not a ledger, or can't be read.
///
/// ```
/// # use sse_testkit::Ledger;
/// let error = Ledger::read("nowhere.ndjson").unwrap_err();
/// assert!(error.to_string().starts_with("nowhere.ndjson: "), "{error}");
/// ```
#[derive(Debug)]
pub struct LedgerError {
    path: PathBuf,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Io(io::Error),
    Line(usize, serde_json::Error),
}

impl LedgerError {
    /// The number of the line that is not one of a ledger, from 1; `None` if the file can't be read.
    ///
    /// ```
    /// use sse_testkit::Ledger;
    ///
    /// assert_eq!(Ledger::read("nowhere.ndjson").unwrap_err().line(), None);
    /// ```
    #[must_use]
    pub const fn line(&self) -> Option<usize> {
        match self.cause {
            Cause::Io(_) => None,
            Cause::Line(number, _) => Some(number),
        }
    }

    /// Returns true if the system could not read the file; [`source`](std::error::Error::source) is its error.
    ///
    /// ```
    /// use sse_testkit::Ledger;
    ///
    /// assert!(Ledger::read("nowhere.ndjson").unwrap_err().is_io());
    /// ```
    #[must_use]
    pub const fn is_io(&self) -> bool {
        matches!(self.cause, Cause::Io(_))
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.cause {
            Cause::Io(error) => write!(f, "{path}: {error}"),
            // serde sees one line at a time, and calls each line 1
            Cause::Line(number, error) => {
                write!(f, "{path}, line {number}: {}", error.to_string().replace(" at line 1 column", " at column"))
            }
        }
    }
}

impl std::error::Error for LedgerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Io(error) => Some(error),
            Cause::Line(_, error) => Some(error),
        }
    }
}
