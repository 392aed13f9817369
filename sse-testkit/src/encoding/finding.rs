//! What is wrong with what an encoder wrote.

use std::fmt;

/// An event that an encoder does not write correctly.
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
    /// The name of the case: that of a vector, or the field and its text, such as `id: NUL`.
    pub case: String,
    /// What kind of fault it is.
    pub fault: EncodingFault,
    /// The event that was meant to be sent, on one line.
    pub event: String,
    /// What the encoder wrote, if it wrote anything.
    pub wire: Option<Vec<u8>>,
    /// What is wrong, in words.
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
    /// A client reads an event that was not sent, or a field has text that was sent in another field or in none.
    /// Whoever controls the text of one field controls more than that field.
    Forged,
    /// The encoder panicked.
    Panicked,
    /// A client does not read the event or the field, or the event does not end and swallows the next one.
    Lost,
    /// A client reads different text in the field, but none of another field.
    Changed,
    /// The encoder refused an event that an event stream can carry.
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
