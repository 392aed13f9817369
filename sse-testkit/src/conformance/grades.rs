//! The result of a parser on all vectors.

use std::{collections::BTreeSet, fmt, panic::Location};

use super::failure::{FailureKind, VectorFailure};
use crate::table::Table;

/// The result of a parser on all vectors. As text, it is a table of those on which the parser failed.
///
/// ```
/// # use sse_testkit::{Outcome, conformance};
/// let grades = conformance(|_chunks| Outcome::default()); // a parser that never sees anything
/// assert!(grades.to_string().starts_with("9 of 128 vectors passed, 119 failed\n"), "{grades}");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Conformance {
    pub(super) passed: usize,
    pub(super) failures: Vec<VectorFailure>,
    /// Names, each with the reason.
    pub(super) not_run: Vec<(String, String)>,
    /// The names of all vectors.
    pub(super) vectors: BTreeSet<String>,
}

impl Conformance {
    /// Returns true if every vector was run and passed, however it was cut.
    ///
    /// ```
    /// # use sse_testkit::{Outcome, conformance};
    /// assert!(!conformance(|_chunks| Outcome::default()).is_perfect());
    /// ```
    #[must_use]
    pub const fn is_perfect(&self) -> bool {
        self.failures.is_empty() && self.not_run.is_empty()
    }

    /// The vectors on which the parser failed, in the order of the files.
    ///
    /// ```
    /// # use sse_testkit::{Outcome, conformance};
    /// let grades = conformance(|_chunks| Outcome::default());
    /// let failure = &grades.failures()[0];
    /// assert_eq!(failure.vector, "wpt-bom-once");
    /// assert_eq!(failure.what, "0 events, not 2");
    /// ```
    #[must_use]
    pub fn failures(&self) -> &[VectorFailure] {
        &self.failures
    }

    /// The names of the vectors that were not run, each with [the reason](crate::Outcome::not_run).
    ///
    /// ```
    /// # use sse_testkit::{Outcome, conformance};
    /// let grades = conformance(|_chunks| Outcome::not_run("not today"));
    /// assert_eq!(grades.not_run().next(), Some(("wpt-bom-once", "not today")));
    /// ```
    pub fn not_run(&self) -> impl Iterator<Item = (&str, &str)> {
        self.not_run.iter().map(|(vector, why)| (&**vector, &**why))
    }

    /// Expects that every vector was run and passed, however it was cut.
    ///
    /// ```should_panic
    /// # use sse_testkit::{Outcome, conformance};
    /// conformance(|_chunks| Outcome::default()).expect_perfect();
    /// ```
    ///
    /// # Panics
    ///
    /// If not. The message has the table.
    #[track_caller]
    pub fn expect_perfect(&self) {
        if !self.is_perfect() {
            panic!("expected a parser that conforms\n      at {}\n\n{self}", Location::caller());
        }
    }

    /// Expects that the parser fails on exactly these vectors, in any order: the known failures. Vectors that were not
    /// run don't count as failures, but at least one has to be run.
    ///
    /// ```
    /// # use sse_core::{Item, Parser};
    /// # use sse_testkit::{Outcome, conformance};
    /// let grades = conformance(|chunks| {
    ///     // ...
    ///     # let mut parser = Parser::new();
    ///     # let mut events = Vec::new();
    ///     # for chunk in chunks {
    ///     #     parser.feed(chunk, |item| {
    ///     #         if let Item::Event(event) = item {
    ///     #             events.push((event.name().to_owned(), event.data().to_owned(), event.id().to_owned()));
    ///     #         }
    ///     #     });
    ///     # }
    ///     Outcome::events(events) // it can't be told the last event ID, and ignores that
    /// });
    /// grades.expect_failures(["seed-persists-over-reconnect"]);
    /// ```
    ///
    /// # Panics
    ///
    /// If a failure is missing or new, or a name is not that of a vector. The message has which, and the table.
    #[track_caller]
    pub fn expect_failures<V: AsRef<str>>(&self, vectors: impl IntoIterator<Item = V>) {
        let known: Vec<V> = vectors.into_iter().collect();
        let known: BTreeSet<&str> = known.iter().map(AsRef::as_ref).collect();
        let failed: BTreeSet<&str> = self.failures.iter().map(|failure| &*failure.vector).collect();
        let not_run: BTreeSet<&str> = self.not_run().map(|(vector, _)| vector).collect();
        let mut wrong = String::new();
        for new in failed.difference(&known) {
            wrong += &format!("     new {new}\n");
        }
        for mended in known.difference(&failed) {
            wrong += &match (self.vectors.contains(*mended), not_run.contains(mended)) {
                (false, _) => format!(" unknown {mended}: no vector has this name\n"),
                (true, true) => format!(" not run {mended}\n"),
                (true, false) => format!("  mended {mended}: it passes now\n"),
            };
        }
        if not_run.len() == self.vectors.len() {
            wrong += " not run any: there is nothing to hold to\n";
        }
        if !wrong.is_empty() {
            panic!("expected other failures\n{wrong}      at {}\n\n{self}", Location::caller());
        }
    }
}

impl fmt::Display for Conformance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (failed, not_run) = (self.failures.len(), self.not_run.len());
        write!(f, "{} of {} vectors passed, {failed} failed", self.passed, self.vectors.len())?;
        let dependent = self.failures.iter().filter(|failure| failure.kind == FailureKind::SomeCuts).count();
        if dependent > 0 {
            write!(f, " ({dependent} of them by where the stream is cut)")?;
        }
        if not_run > 0 {
            write!(f, ", {not_run} not run")?;
        }
        writeln!(f)?;
        if !self.failures.is_empty() {
            let mut table = Table::new(["vector", "fails", "what it gives", "from"]);
            for failure in &self.failures {
                let what = if failure.more == 0 {
                    failure.what.clone()
                } else {
                    format!("{}, and {} more", failure.what, failure.more)
                };
                table.row([failure.vector.clone(), failure.under(), what, failure.source.clone()]);
            }
            write!(f, "\n{table}")?;
        }
        if not_run > 0 {
            let mut table = Table::new(["not run", "because"]);
            for (vector, why) in &self.not_run {
                table.row([vector.clone(), why.clone()]);
            }
            write!(f, "\n{table}")?;
        }
        Ok(())
    }
}
