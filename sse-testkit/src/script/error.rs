//! What is wrong with a script.

use std::{error::Error, fmt};

/// A script that can't be run: what it says is not allowed, or not there. Also one that can't be read.
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
    /// Its number and the step as written.
    step: Option<(usize, String)>,
    what: String,
}

impl ScriptError {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { step: None, what: what.into() }
    }

    pub(super) fn at(number: usize, written: impl Into<String>, what: impl Into<String>) -> Self {
        Self { step: Some((number, written.into())), what: what.into() }
    }

    /// The number of the step, from 1; none if it is about the script as a whole.
    ///
    /// ```
    /// # use sse_testkit::script::Script;
    /// assert_eq!(Script::from_json("{}").unwrap_err().step(), None);
    /// ```
    #[must_use]
    pub fn step(&self) -> Option<usize> {
        self.step.as_ref().map(|(number, _)| *number)
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.step {
            Some((number, written)) => write!(f, "step {number}, {written}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl Error for ScriptError {}
