//! What is wrong, as it is shown, and what of it is known.

use std::{collections::BTreeSet, fmt, path::PathBuf};

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

impl Violation {
    /// What a list of known violations calls it: file and import, without the line, which moves.
    pub fn key(&self) -> String {
        format!("{}: {}", self.file.display(), self.what)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, what, why, mend } = self;
        write!(f, "{}:{line}: {what}: {why}; {mend}", file.display())
    }
}

/// Compares what was found with a list of what is known to be wrong, which may only shrink.
///
/// # Errors
///
/// Violations that are not known, and entries of the list that no longer occur: one a line.
pub fn compare(found: &[Violation], known: &[&str]) -> Result<(), String> {
    let keys: BTreeSet<_> = found.iter().map(Violation::key).collect();
    let new = found.iter().filter(|violation| !known.contains(&violation.key().as_str())).map(Violation::to_string);
    let gone = known.iter().filter(|entry| !keys.contains(**entry));
    let lines: Vec<_> = new
        .chain(gone.map(|entry| format!("{entry}: no longer occurs; take it off the list of what is known")))
        .collect();
    if lines.is_empty() { Ok(()) } else { Err(lines.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(line: usize) -> Violation {
        Violation {
            file: "src/low.rs".into(),
            line,
            what: "crate::high::Thing".into(),
            why: "why".into(),
            mend: "mend".into(),
        }
    }

    #[test]
    fn what_is_new_fails() {
        assert_eq!(compare(&[violation(3)], &[]), Err("src/low.rs:3: crate::high::Thing: why; mend".to_owned()));
    }

    #[test]
    fn what_is_known_passes_wherever_its_line_has_moved() {
        assert_eq!(compare(&[violation(3), violation(9)], &["src/low.rs: crate::high::Thing"]), Ok(()));
    }

    #[test]
    fn what_no_longer_occurs_fails() {
        let entry = "src/low.rs: crate::high::Thing";
        assert_eq!(
            compare(&[], &[entry]),
            Err(format!("{entry}: no longer occurs; take it off the list of what is known"))
        );
    }
}
