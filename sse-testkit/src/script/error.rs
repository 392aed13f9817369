//! What is wrong with a script.

use std::{
    error::Error,
    fmt, io,
    path::{Path, PathBuf},
};

/// A script that can't be run or read. The text says what is wrong, and what is allowed.
///
/// ```
/// use sse_testkit::script::Script;
///
/// let error = Script::from_json(r#"["accept", {"head": 99}]"#).unwrap_err();
/// assert_eq!(error.step(), Some(2));
/// assert_eq!(error.to_string(), "step 2, head(99): the status is 99; allowed is 200 to 599");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    path: Option<PathBuf>,
    cause: Cause,
    what: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Cause {
    /// The file with the script can't be read.
    Io,
    /// The script as a whole.
    Script,
    /// A step: its number, and how it is written.
    Step(usize, String),
}

impl ScriptError {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { path: None, cause: Cause::Script, what: what.into() }
    }

    pub(super) fn at(number: usize, written: impl Into<String>, what: impl Into<String>) -> Self {
        Self { path: None, cause: Cause::Step(number, written.into()), what: what.into() }
    }

    pub(super) fn io(error: &io::Error) -> Self {
        Self { path: None, cause: Cause::Io, what: format!("can't be read: {error}") }
    }

    pub(super) fn in_file(self, path: &Path) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    /// The number of the step, from 1; `None` if the error is about the script as a whole.
    ///
    /// ```
    /// # use sse_testkit::script::Script;
    /// assert_eq!(Script::from_json("{}").unwrap_err().step(), None);
    /// ```
    #[must_use]
    pub const fn step(&self) -> Option<usize> {
        match self.cause {
            Cause::Step(number, _) => Some(number),
            Cause::Io | Cause::Script => None,
        }
    }

    /// Returns true if the file with the script can't be read.
    ///
    /// ```
    /// # use sse_testkit::script::Script;
    /// assert!(Script::load("nowhere.json").unwrap_err().is_io());
    /// ```
    #[must_use]
    pub const fn is_io(&self) -> bool {
        matches!(self.cause, Cause::Io)
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}: ", path.display())?;
        }
        if let Cause::Step(number, written) = &self.cause {
            write!(f, "step {number}, {written}: ")?;
        }
        f.write_str(&self.what)
    }
}

impl Error for ScriptError {}
