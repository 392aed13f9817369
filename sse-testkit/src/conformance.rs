//! Grades any parser of event streams.

mod cuts;
mod failure;
mod grades;
mod outcome;

use std::{
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{
    escape::panic_text,
    vectors::{self, Parse},
};
use cuts::every_cut;

pub use failure::{FailureKind, VectorFailure};
pub use grades::Conformance;
pub use outcome::Outcome;

/// Grades a parser: [`conformance()`] as an expression, or a test of it.
///
/// | form | is |
/// |---|---|
/// | `conformance!(parser)` | a [`Conformance`], as [`conformance()`] gives it |
/// | `conformance!(fn name, parser)` | a `#[test]` of that name, which passes if the parser reads every vector correctly |
/// | `conformance!(fn name, parser, fails: [..])` | a `#[test]` that passes if the parser fails on exactly these vectors |
///
/// Attributes and docs before `fn` are put on the test.
///
/// ```
/// use sse_testkit::{Outcome, conformance, conformance::Chunks};
///
/// # use sse_core::{Item, Parser};
/// fn parser(chunks: &Chunks<'_>) -> Outcome {
///     # let mut parser = Parser::new();
///     # parser.set_last_event_id(chunks.last_event_id()).unwrap();
///     # let mut events = Vec::new();
///     # for chunk in chunks {
///     #     parser.feed(chunk, |item| {
///     #         if let Item::Event(event) = item {
///     #             events.push((event.name().to_owned(), event.data().to_owned(), event.id().to_owned()));
///     #         }
///     #     });
///     # }
///     // as below
///     # Outcome::events(events)
/// }
///
/// conformance!(fn reads_every_vector, parser); // a #[test]
///
/// // by hand
/// assert!(conformance!(parser).is_perfect());
/// # let _ = parser;
/// ```
///
/// A parser that knows no more than lines and LF:
///
/// ```
/// use sse_testkit::{Outcome, conformance, conformance::FailureKind};
///
/// let grades = conformance!(|chunks| {
///     let text = String::from_utf8_lossy(&chunks.concat()).into_owned();
///     Outcome::events_without_ids(text.split("\n\n").filter_map(|block| Some(("message", block.strip_prefix("data: ")?))))
/// });
/// assert!(!grades.is_perfect());
/// assert!(grades.failures().iter().any(|failure| failure.vector == "wpt-bom-once"));
/// println!("{grades}"); // the table
/// ```
#[macro_export]
macro_rules! conformance {
    ($(#[$attribute:meta])* fn $name:ident, $parser:expr, fails: [$($vector:expr),* $(,)?] $(,)?) => {
        $(#[$attribute])*
        #[test]
        fn $name() {
            $crate::conformance($parser).expect_failures::<&str>([$($vector),*]);
        }
    };
    ($(#[$attribute:meta])* fn $name:ident, $parser:expr $(,)?) => {
        $(#[$attribute])*
        #[test]
        fn $name() {
            $crate::conformance($parser).expect_perfect();
        }
    };
    ($parser:expr $(,)?) => {
        $crate::conformance($parser)
    };
}

/// Grades a parser by 128 streams, each under every cut, against what a client sees by the standard.
///
/// The streams come from the text of the standard, the web platform tests, LaunchDarkly's contract tests, and bugs that
/// parsers have had. The parser is called with each of them
///
/// - whole,
/// - as its vector cuts it,
/// - one byte at a time,
/// - and in every two-way split.
///
/// Two streams are longer than 8 KiB: one has 2000 lines of data, one a comment of 70 kB. Byte by byte they are read
/// only in their first and last 256 bytes, and by 13 bytes in between; they are split everywhere in those 512 bytes,
/// and at about 250 places in between.
///
/// Calls are independent: make a new parser in each. A parser that panics fails on that vector without being tried on
/// its other cuts, and the other vectors follow. A parser that never returns hangs the test. Everything happens in this
/// thread, so a parser behind a `Stream` or a future has to be run to its end in the call, as by
/// `FutureExt::now_or_never`.
///
/// ```
/// use sse_core::{Item, Parser};
/// use sse_testkit::{Outcome, conformance};
///
/// let grades = conformance(|chunks| {
///     let mut parser = Parser::new();
///     parser.set_last_event_id(chunks.last_event_id()).unwrap();
///     let mut events = Vec::new();
///     for chunk in chunks {
///         parser.feed(chunk, |item| {
///             if let Item::Event(event) = item {
///                 events.push((event.name().to_owned(), event.data().to_owned(), event.id().to_owned()));
///             }
///         });
///     }
///     Outcome::events(events).last_event_id(parser.last_event_id()).retry(parser.retry())
/// });
/// grades.expect_perfect();
/// ```
pub fn conformance<P>(mut parser: P) -> Conformance
where
    P: FnMut(&Chunks<'_>) -> Outcome,
{
    let mut grades = Conformance::default();
    for vector in vectors::parse() {
        match grade(&mut parser, &vector) {
            Grade::Passed => grades.passed += 1,
            Grade::Failed(failure) => grades.failures.push(failure),
            Grade::NotRun(why) => grades.not_run.push((vector.name.clone(), why)),
        }
        grades.vectors.insert(vector.name);
    }
    grades
}

/// A stream as a parser has to read it: its chunks in order, and the last event ID that it begins with.
///
/// It dereferences to a slice of the chunks, and iterates over them. A chunk may be empty.
///
/// ```
/// # use sse_testkit::{Outcome, conformance};
/// # let grades = conformance(|chunks| {
/// let bytes: usize = chunks.iter().map(|chunk| chunk.len()).sum();
/// let stream: Vec<u8> = chunks.concat();
/// assert_eq!(stream.len(), bytes);
/// # Outcome::not_run("an example")
/// # });
/// # assert!(!grades.is_perfect());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Chunks<'a> {
    chunks: &'a [&'a [u8]],
    last_event_id: &'a str,
}

impl<'a> Chunks<'a> {
    /// The last event ID of an earlier connection, with which the stream begins. It is empty for nearly all vectors. A
    /// parser that can't be given one [is not run](Outcome::not_run) on the others.
    ///
    /// ```
    /// # use sse_testkit::{Outcome, conformance};
    /// let grades = conformance(|chunks| {
    ///     if !chunks.last_event_id().is_empty() {
    ///         return Outcome::not_run("every stream begins without one");
    ///     }
    ///     // ...
    ///     # Outcome::default()
    /// });
    /// assert_eq!(grades.not_run().count(), 5);
    /// ```
    #[must_use]
    pub const fn last_event_id(&self) -> &'a str {
        self.last_event_id
    }
}

impl<'a> Deref for Chunks<'a> {
    type Target = [&'a [u8]];

    fn deref(&self) -> &Self::Target {
        self.chunks
    }
}

impl<'a> IntoIterator for &Chunks<'a> {
    type Item = &'a [u8];
    type IntoIter = std::iter::Copied<std::slice::Iter<'a, &'a [u8]>>;

    fn into_iter(self) -> Self::IntoIter {
        self.chunks.iter().copied()
    }
}

enum Grade {
    Passed,
    Failed(VectorFailure),
    NotRun(String),
}

fn grade(parser: &mut impl FnMut(&Chunks<'_>) -> Outcome, vector: &Parse) -> Grade {
    let (mut cuts, mut failed) = (0, 0);
    let mut first = None;
    let mut not_run = None;
    every_cut(&vector.chunks, |cut, chunks| {
        let chunks = Chunks { chunks, last_event_id: &vector.last_event_id };
        // calls are independent, so nothing that a panic leaves half done is seen again
        let wrong = match catch_unwind(AssertUnwindSafe(|| parser(&chunks))) {
            Ok(outcome) => match outcome.into_not_run() {
                Ok(why) => {
                    not_run = Some(why);
                    return false;
                }
                Err(outcome) => outcome.differences(&vector.expected),
            },
            Err(panic) => {
                first = Some((cut, vec![format!("a panic: {}", panic_text(&*panic))], true));
                failed += 1;
                cuts += 1;
                return false;
            }
        };
        cuts += 1;
        if !wrong.is_empty() {
            failed += 1;
            first.get_or_insert((cut, wrong, false));
        }
        true
    });
    if let Some(why) = not_run {
        return Grade::NotRun(why);
    }
    let Some((cut, wrong, panicked)) = first else { return Grade::Passed };
    let mut wrong = wrong.into_iter();
    Grade::Failed(VectorFailure {
        vector: vector.name.clone(),
        source: vector.source.clone(),
        kind: match panicked {
            true => FailureKind::Panicked,
            false if failed == cuts => FailureKind::EveryCut,
            false => FailureKind::SomeCuts,
        },
        failed,
        cuts,
        first_cut: cut.to_string(),
        what: wrong.next().unwrap_or_default(),
        more: wrong.len(),
    })
}
