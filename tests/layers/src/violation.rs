//! Violations of the rules, and how they are shown.

use std::{fmt, path::PathBuf};

/// An import that should not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
    /// What the file imports, by its full name.
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) mend: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, what, why, mend } = self;
        write!(f, "{}:{line}: {what}: {why}; {mend}", file.display())
    }
}

/// Checks that nothing was found.
///
/// # Errors
///
/// The violations, one a line.
pub fn ensure_none(found: &[Violation]) -> Result<(), String> {
    if found.is_empty() {
        return Ok(());
    }
    Err(found.iter().map(Violation::to_string).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_violation_is_a_line() {
        let violation = Violation {
            file: "src/low.rs".into(),
            line: 3,
            what: "crate::high::Thing".into(),
            why: "why".into(),
            mend: "mend".into(),
        };
        let line = "src/low.rs:3: crate::high::Thing: why; mend";
        assert_eq!(ensure_none(&[violation.clone(), violation]), Err(format!("{line}\n{line}")));
        assert_eq!(ensure_none(&[]), Ok(()));
    }
}
