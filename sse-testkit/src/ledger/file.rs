//! Ledgers in files: NDJSON.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::entry::Entry;

/// A file that gets each record as it is made.
#[derive(Debug)]
pub(super) struct LedgerFile(File);

impl LedgerFile {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        File::create(path).map(Self)
    }

    /// With one write a line, so that a process that is killed leaves whole lines, and at most one that is not.
    pub(super) fn append(&mut self, record: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.0.write_all(&line)
    }
}

/// The records of a file, and whether it ends within a line.
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

/// A file that is no ledger, or can't be read.
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

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.cause {
            Cause::Io(error) => write!(f, "{path}: {error}"),
            // of the line alone, serde says that it is line 1
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
