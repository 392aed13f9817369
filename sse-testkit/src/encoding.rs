//! Grades any encoder of events.

mod cases;
mod check;
mod fields;
mod finding;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    panic::{AssertUnwindSafe, Location, catch_unwind},
};

use crate::{
    escape::{clipped, panic_text},
    table::Table,
};
use cases::{Case, Shape};
use check::check;

pub use fields::Fields;
pub use finding::{EncodingFault, EncodingFinding};

/// Grades an encoder: [`encoding()`] as an expression, or a test of it.
///
/// | form | is |
/// |---|---|
/// | `encoding!(encoder)` | an [`Encoding`], as [`encoding()`] gives it |
/// | `encoding!(fn name, encoder)` | a `#[test]` of that name, which passes if nothing is found |
/// | `encoding!(fn name, encoder, finds: [..])` | a `#[test]` that passes if exactly these faults are found |
///
/// Attributes and docs before `fn` are put on the test.
///
/// ```
/// use sse_testkit::{encoding, encoding::{EncodingFault, Fields}};
///
/// /// It knows LF, and nothing else.
/// fn encoder(fields: &Fields<'_>) -> Option<String> {
///     if fields.name.is_some() || fields.id.is_some() || fields.comment.is_some() || fields.retry.is_some() {
///         return None; // it has only data
///     }
///     let lines = fields.data?.split('\n').map(|line| format!("data:{line}\n"));
///     Some(lines.chain(["\n".to_owned()]).collect())
/// }
///
/// encoding!(fn known_faults, encoder, finds: [(EncodingFault::Forged, "cr-is-a-line-end")]); // a #[test]
///
/// let findings = encoding!(encoder); // by hand
/// assert!(findings.findings().iter().any(|finding| finding.case == "leading-space-survives"));
/// # let _ = encoder;
/// ```
#[macro_export]
macro_rules! encoding {
    ($(#[$attribute:meta])* fn $name:ident, $encoder:expr, finds: [$($finding:expr),* $(,)?] $(,)?) => {
        $(#[$attribute])*
        #[test]
        fn $name() {
            $crate::encoding($encoder).expect_findings::<&str>([$($finding),*]);
        }
    };
    ($(#[$attribute:meta])* fn $name:ident, $encoder:expr $(,)?) => {
        $(#[$attribute])*
        #[test]
        fn $name() {
            $crate::encoding($encoder).expect_perfect();
        }
    };
    ($encoder:expr $(,)?) => {
        $crate::encoding($encoder)
    };
}

/// Grades an encoder by hostile text in every field: a client has to read what was meant to be sent.
///
/// The encoder gets the fields of one event, and returns its bytes, including the blank line that ends it, or `None` if
/// it refuses. It has to refuse what no event stream can carry: a name with a line break, and an ID with a line break
/// or NUL. Refusing anything else is a finding. Line breaks in data have to arrive as LF, the only one that the format
/// can carry.
///
/// The events are those of sse-core's vectors; then each of 33 hostile texts in each field (line breaks of every kind,
/// with a field or an event behind them, NUL, spaces, a byte order mark, no text, colons, what other languages take for
/// a line break, and 100 kB); then 256 events that combine texts which were harmless alone. Reconnection times range
/// from zero to the longest that 64 bits of milliseconds can hold.
///
/// Each event is read between two others. The one before sets an ID and a reconnection time, so that a lost field
/// shows; the one after shows an event that does not end where it should.
///
/// Some encoders can't write comments, or an event without data. Each combination of fields is tried with plain text
/// first; if the encoder refuses that, the cases with these fields are [not run](Encoding::not_run).
///
/// ```
/// use sse_core::{Event, EventId, EventName};
/// use sse_testkit::encoding;
///
/// let findings = encoding(|fields| {
///     let mut event = Event::builder();
///     if let Some(comment) = fields.comment {
///         event = event.comment(comment);
///     }
///     if let Some(name) = fields.name {
///         event = event.name(EventName::new(name).ok()?);
///     }
///     if let Some(id) = fields.id {
///         event = event.id(EventId::new(id).ok()?);
///     }
///     if let Some(time) = fields.retry {
///         event = event.retry(time);
///     }
///     if let Some(data) = fields.data {
///         event = event.data(data);
///     }
///     Some(event.build().to_bytes())
/// });
/// findings.expect_perfect();
/// ```
pub fn encoding<E, B>(mut encoder: E) -> Encoding
where
    E: FnMut(&Fields<'_>) -> Option<B>,
    B: AsRef<[u8]>,
{
    let mut grading = Grading { encoder: &mut encoder, result: Encoding::default(), shapes: BTreeMap::new() };
    for shape in Shape::ALL {
        grading.writes(shape);
    }
    let harmless: Vec<_> = cases::alone().into_iter().filter(|case| grading.passes(case)).collect();
    for case in cases::mixed(&harmless) {
        grading.passes(&case);
    }
    grading.result
}

/// The result of an encoder on hostile text. As text, it is a table of the findings.
///
/// ```
/// # use sse_testkit::encoding;
/// let findings = encoding(|fields| Some(format!("data: {}\n\n", fields.data.unwrap_or_default())));
/// assert!(!findings.is_perfect());
/// println!("{findings}");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Encoding {
    run: usize,
    findings: Vec<EncodingFinding>,
    not_run: Vec<String>,
    cases: BTreeSet<String>,
}

impl Encoding {
    /// Returns true if everything was run and nothing was found.
    ///
    /// ```
    /// # use sse_testkit::encoding;
    /// assert!(!encoding(|_fields| Some("data: the same\n\n")).is_perfect());
    /// ```
    #[must_use]
    pub const fn is_perfect(&self) -> bool {
        self.findings.is_empty() && self.not_run.is_empty()
    }

    /// The findings: at most one for each case, the gravest.
    ///
    /// ```
    /// # use sse_testkit::{encoding, encoding::EncodingFault};
    /// let findings = encoding(|fields| Some(format!("data: {}\n\n", fields.data?)));
    /// let finding = findings.findings().iter().find(|finding| finding.case == "cr-is-a-line-end").unwrap();
    /// assert_eq!(finding.fault, EncodingFault::Forged);
    /// assert_eq!(finding.what, r#"the name is "admin", but none was sent"#);
    /// ```
    #[must_use]
    pub fn findings(&self) -> &[EncodingFinding] {
        &self.findings
    }

    /// The combinations of fields that were not run, since the encoder refused plain text in them.
    ///
    /// ```
    /// # use sse_testkit::encoding;
    /// let findings = encoding(|fields| match fields.comment {
    ///     Some(_) => None,
    ///     None => Some(format!("data: {}\n\n", fields.data.unwrap_or_default())),
    /// });
    /// assert_eq!(findings.not_run().collect::<Vec<_>>(), ["comment", "data, comment", "name, data, id, comment, retry"]);
    /// ```
    pub fn not_run(&self) -> impl Iterator<Item = &str> {
        self.not_run.iter().map(|shape| &**shape)
    }

    /// Expects that everything was run and nothing was found.
    ///
    /// ```should_panic
    /// # use sse_testkit::encoding;
    /// encoding(|_fields| Some("data: the same\n\n")).expect_perfect();
    /// ```
    ///
    /// # Panics
    ///
    /// If not. The message has the table.
    #[track_caller]
    pub fn expect_perfect(&self) {
        if !self.is_perfect() {
            panic!("expected an encoder without fault\n      at {}\n\n{self}", Location::caller());
        }
    }

    /// Expects that exactly these faults are found, each in its case, in any order: the known ones. What was not run
    /// does not count.
    ///
    /// ```
    /// # use sse_testkit::{encoding, encoding::EncodingFault};
    /// // a sound encoder of data, but for CR
    /// let findings = encoding(|fields| {
    ///     if fields.name.is_some() || fields.id.is_some() || fields.comment.is_some() || fields.retry.is_some() {
    ///         return None;
    ///     }
    ///     Some(format!("data: {}\n\n", fields.data?.replace("\r\n", "\n").replace('\n', "\ndata: ")))
    /// });
    /// findings.expect_findings([
    ///     (EncodingFault::Forged, "cr-is-a-line-end"),
    ///     (EncodingFault::Forged, "data: CR, then an id"),
    ///     (EncodingFault::Forged, "data: CR, then retry"),
    ///     (EncodingFault::Forged, "data: two CR, then data"),
    ///     (EncodingFault::Changed, "data: CR"),
    ///     (EncodingFault::Changed, "data: CR at the end"),
    ///     (EncodingFault::Lost, "data: CR first"),
    /// ]);
    /// ```
    ///
    /// # Panics
    ///
    /// If a finding is missing or new, or a name is not that of a case. The message has which, and the table.
    #[track_caller]
    pub fn expect_findings<C: AsRef<str>>(&self, findings: impl IntoIterator<Item = (EncodingFault, C)>) {
        let known: Vec<(EncodingFault, C)> = findings.into_iter().collect();
        let known: BTreeSet<(&str, EncodingFault)> =
            known.iter().map(|(fault, case)| (case.as_ref(), *fault)).collect();
        let found: BTreeSet<(&str, EncodingFault)> =
            self.findings.iter().map(|finding| (&*finding.case, finding.fault)).collect();
        let mut wrong = String::new();
        for (case, fault) in found.difference(&known) {
            wrong += &format!("     new {fault} {case:?}\n");
        }
        for (case, fault) in known.difference(&found) {
            wrong += &match self.cases.contains(*case) {
                false => format!(" unknown {case:?}: no case has this name\n"),
                true => format!("    gone {fault} {case:?}\n"),
            };
        }
        if !wrong.is_empty() {
            panic!("expected other findings\n{wrong}      at {}\n\n{self}", Location::caller());
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} of {} events with a fault", self.findings.len(), self.run)?;
        if !self.findings.is_empty() {
            let mut table = Table::new(["case", "fault", "what a client reads", "written"]);
            for finding in &self.findings {
                let written = finding.wire.as_ref().map_or_else(String::new, |wire| clipped(wire).to_string());
                table.row([finding.case.clone(), finding.fault.to_string(), finding.what.clone(), written]);
            }
            write!(f, "\n{table}")?;
        }
        if !self.not_run.is_empty() {
            writeln!(f, "\nnot run, since plain text is refused in it:")?;
        }
        for shape in &self.not_run {
            writeln!(f, "an event with {shape}")?;
        }
        Ok(())
    }
}

struct Grading<'a, E> {
    encoder: &'a mut E,
    result: Encoding,
    /// For each shape that was tried, whether the encoder writes it.
    shapes: BTreeMap<Shape, bool>,
}

impl<E, B> Grading<'_, E>
where
    E: FnMut(&Fields<'_>) -> Option<B>,
    B: AsRef<[u8]>,
{
    /// Returns true if the encoder writes plain text in `shape`.
    fn writes(&mut self, shape: Shape) -> bool {
        if let Some(writes) = self.shapes.get(&shape) {
            return *writes;
        }
        // a panic on plain text is a finding of the case with that text
        let writes = !matches!(write(self.encoder, &shape.plain().fields()), EncoderOutput::Refused);
        self.shapes.insert(shape, writes);
        if !writes {
            self.result.not_run.push(shape.to_string());
        }
        writes
    }

    /// Runs `case`. Returns true if it was run and nothing was found.
    fn passes(&mut self, case: &Case) -> bool {
        self.result.cases.insert(case.name.clone());
        if !self.writes(case.shape()) {
            return false;
        }
        self.result.run += 1;
        let fields = case.fields();
        let (fault, wire, what) = match write(self.encoder, &fields) {
            EncoderOutput::Refused if fields.can_be_carried() => {
                (EncodingFault::Refused, None, "it can be sent, but is refused".into())
            }
            EncoderOutput::Refused => return true,
            EncoderOutput::Panicked(text) => (EncodingFault::Panicked, None, format!("a panic: {text}")),
            EncoderOutput::Bytes(wire) => match check(&fields, &wire) {
                None => return true,
                Some((fault, what)) => (fault, Some(wire), what),
            },
        };
        self.result.findings.push(EncodingFinding {
            case: case.name.clone(),
            fault,
            event: fields.to_string(),
            wire,
            what,
        });
        false
    }
}

enum EncoderOutput {
    Bytes(Vec<u8>),
    Refused,
    Panicked(String),
}

fn write<B: AsRef<[u8]>>(encoder: &mut impl FnMut(&Fields<'_>) -> Option<B>, fields: &Fields<'_>) -> EncoderOutput {
    // calls are independent, so nothing that a panic leaves half done is seen again
    match catch_unwind(AssertUnwindSafe(|| encoder(fields).map(|wire| wire.as_ref().to_vec()))) {
        Ok(Some(wire)) => EncoderOutput::Bytes(wire),
        Ok(None) => EncoderOutput::Refused,
        Err(panic) => EncoderOutput::Panicked(panic_text(&*panic)),
    }
}
