//! A vector on which a parser failed.

/// A vector that a parser got wrong.
///
/// ```
/// # use sse_testkit::{Outcome, conformance, conformance::FailureKind};
/// // it takes each chunk for one event
/// let grades = conformance(|chunks| {
///     let texts = chunks.iter().map(|chunk| String::from_utf8_lossy(chunk).into_owned());
///     Outcome::events(texts.map(|text| ("message", text, "")))
/// });
/// let failure = &grades.failures()[0];
/// assert_eq!(failure.vector, "wpt-bom-once");
/// assert_eq!(failure.kind, FailureKind::EveryCut);
/// assert_eq!(failure.failed, failure.cuts);
/// assert_eq!(failure.first_cut, "whole");
/// assert!(failure.what.starts_with("1 event, not 2"), "{}", failure.what);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VectorFailure {
    /// The vector's name.
    pub vector: String,
    /// Where the vector comes from: a clause of the standard, or another project's test.
    pub source: String,
    /// How it failed.
    pub kind: FailureKind,
    /// The number of cuts under which it failed.
    pub failed: usize,
    /// The number of cuts under which it was run.
    pub cuts: usize,
    /// The first cut under which it failed: `whole`, `as the vector has it`, `one byte at a time`, `a few bytes
    /// at a time`, or `cut after 3 bytes`.
    pub first_cut: String,
    /// The first difference under that cut.
    pub what: String,
    /// The number of further differences under that cut.
    pub more: usize,
}

/// How a parser failed on a vector.
///
/// ```
/// # use sse_testkit::{Outcome, conformance, conformance::FailureKind};
/// // chunks that end between lines are all it can read
/// let grades = conformance(|chunks| {
///     let whole = |chunk: &&[u8]| chunk.strip_prefix(b"data: ")?.strip_suffix(b"\n\n").map(<[u8]>::to_vec);
///     let data = chunks.iter().filter_map(whole);
///     Outcome::events(data.map(|data| ("message", String::from_utf8(data).unwrap(), "")))
/// });
/// let failure = |name| grades.failures().iter().find(|failure| failure.vector == name).unwrap();
/// assert_eq!(failure("data-json").kind, FailureKind::SomeCuts);
/// assert_eq!(failure("utf8-overlong").kind, FailureKind::Panicked);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// The parser failed under every cut.
    EveryCut,
    /// The parser failed under some cuts and passed under others.
    SomeCuts,
    /// The parser panicked. The other cuts were not tried.
    Panicked,
}

impl VectorFailure {
    pub(super) fn under(&self) -> String {
        match self.kind {
            FailureKind::EveryCut => "every cut".into(),
            FailureKind::SomeCuts => format!("{} of {} cuts: {}", self.failed, self.cuts, self.first_cut),
            FailureKind::Panicked => self.first_cut.clone(),
        }
    }
}
