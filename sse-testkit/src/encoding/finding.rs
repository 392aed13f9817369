//! What is wrong with what an encoder wrote.

use std::fmt;

/// One event that an encoder does not write as it should.
///
/// ```
/// # use sse_testkit::{encoding, encoding::EncodingFault};
/// let findings = encoding(|fields| Some(format!("data:{}\n\n", fields.data.unwrap_or_default())));
/// let finding = &findings.findings()[0];
/// assert_eq!((&*finding.case, finding.fault), ("leading-space-survives", EncodingFault::Changed));
/// assert_eq!(finding.event, r#"data " x""#);
/// assert_eq!(finding.wire.as_deref(), Some(&b"data: x\n\n"[..]));
/// assert_eq!(finding.what, r#"the data is "x", not " x""#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EncodingFinding {
    /// The case's name: a vector's, or the field and what its text is, such as `id: NUL`.
    pub case: String,
    /// What kind of fault it is.
    pub fault: EncodingFault,
    /// What was to be sent, on one line.
    pub event: String,
    /// What the encoder wrote, if it did.
    pub wire: Option<Vec<u8>>,
    /// What is wrong.
    pub what: String,
}

/// What kind of fault an encoder has, the gravest first.
///
/// ```
/// # use sse_testkit::encoding::EncodingFault;
/// assert_eq!(EncodingFault::Forged.to_string(), "forged");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EncodingFault {
    /// A client reads an event that was not sent, or in a field what was sent in none or in another: who chooses the text
    /// of one field chooses more than that.
    Forged,
    /// The encoder panicked.
    Panicked,
    /// A client does not read the event or the field; or the event does not end, and takes in the next.
    Lost,
    /// A client reads other text in the field, though no one else's.
    Changed,
    /// The encoder refused what an event stream can carry.
    Refused,
}

impl fmt::Display for EncodingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forged => "forged",
            Self::Panicked => "panicked",
            Self::Lost => "lost",
            Self::Changed => "changed",
            Self::Refused => "refused",
        })
    }
}
