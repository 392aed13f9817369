//! What is wrong, in sentences.

use std::fmt;

use crate::escape::quoted;

/// The number of findings that a failure shows.
const SHOWN: usize = 20;

/// Something that is wrong. Events are named by their data.
///
/// ```
/// # use sse_testkit::{Ledger, ledger::Finding};
/// let ledger = Ledger::new();
/// ledger.publish("news", "one").acknowledged("1");
/// ledger.reader("browser").from_start().complete();
/// assert!(matches!(&ledger.check().all()[..], [Finding::Lost { data, .. }] if data == "one"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// A reader did not see an acknowledged event, and no gap was announced to it.
    Lost {
        /// The reader.
        reader: String,
        /// The event.
        data: String,
        /// Its topic.
        topic: String,
        /// The last event that the reader saw and that is certainly before it.
        after: Option<String>,
        /// The first event that the reader saw and that is certainly after it.
        before: Option<String>,
    },
    /// A reader saw an event more than once.
    Doubled {
        /// The reader.
        reader: String,
        /// The event.
        data: String,
        /// How many times.
        times: usize,
    },
    /// A reader saw an event after one that follows it in the log.
    OutOfOrder {
        /// The reader.
        reader: String,
        /// The event.
        data: String,
        /// The event that the reader saw before it, and should have seen after it.
        after: String,
    },
    /// Readers saw events in orders that no log can have: each event before the next, and the last before the first.
    Disagreement {
        /// The events.
        events: Vec<String>,
    },
    /// A reader saw an event that nobody published.
    Forged {
        /// The reader.
        reader: String,
        /// The event's name.
        name: String,
        /// Its data.
        data: String,
    },
    /// A reader saw an event whose publish was refused.
    Refused {
        /// The reader.
        reader: String,
        /// The event.
        data: String,
    },
    /// A reader saw an event of a topic that it does not want.
    Unwanted {
        /// The reader.
        reader: String,
        /// The event.
        data: String,
        /// Its topic.
        topic: String,
    },
    /// An event has two ids.
    TwoIds {
        /// The event.
        data: String,
        /// The ids.
        ids: [String; 2],
    },
    /// An id stands for two events.
    SameId {
        /// The id.
        id: String,
        /// The events.
        events: [String; 2],
    },
    /// An event has a lower id than one that was in the log before it was published.
    LowerId {
        /// The event.
        data: String,
        /// Its id.
        id: String,
        /// The event that was there before.
        after: String,
        /// The id of that event.
        after_id: String,
    },
    /// The same data was published to two topics. Each event needs data of its own, since that identifies it.
    SameData {
        /// The data.
        data: String,
        /// The topics.
        topics: [String; 2],
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { reader, data, topic, after, before } => {
                write!(f, "{reader} lost {} of {topic}", quoted(data))?;
                match (after, before) {
                    (Some(after), Some(before)) => write!(f, ", between {} and {}", quoted(after), quoted(before)),
                    (None, Some(before)) => write!(f, ", before its first event, {}", quoted(before)),
                    (Some(after), None) => write!(f, ", after its last event, {}", quoted(after)),
                    (None, None) => f.write_str(", at its end"),
                }
            }
            Self::Doubled { reader, data, times } => write!(f, "{reader} saw {} {times} times", quoted(data)),
            Self::OutOfOrder { reader, data, after } => {
                write!(f, "{reader} saw {} after {}, which follows it", quoted(data), quoted(after))
            }
            Self::Disagreement { events } => {
                f.write_str("readers disagree on the order of ")?;
                for (number, event) in events.iter().enumerate() {
                    let between = if number == 0 { "" } else { ", " };
                    write!(f, "{between}{}", quoted(event))?;
                }
                f.write_str(": each was seen before the next, and the last before the first")
            }
            Self::Forged { reader, name, data } => {
                write!(f, "{reader} saw an event {} with data {}, which nobody published", quoted(name), quoted(data))
            }
            Self::Refused { reader, data } => write!(f, "{reader} saw {}, which was refused", quoted(data)),
            Self::Unwanted { reader, data, topic } => {
                write!(f, "{reader} saw {} of {topic}, which it does not want", quoted(data))
            }
            Self::TwoIds { data, ids: [one, two] } => {
                write!(f, "{} has two ids, {} and {}", quoted(data), quoted(one), quoted(two))
            }
            Self::SameId { id, events: [one, two] } => {
                write!(f, "the id {} stands for {} and for {}", quoted(id), quoted(one), quoted(two))
            }
            Self::LowerId { data, id, after, after_id } => {
                let (id, after_id) = (quoted(id), quoted(after_id));
                write!(f, "{} has the id {id}, lower than {after_id} of {}", quoted(data), quoted(after))?;
                f.write_str(", which was there before it")
            }
            Self::SameData { data, topics: [one, two] } => {
                write!(f, "{} was published to {one} and to {two}: each event needs data of its own", quoted(data))
            }
        }
    }
}

/// Everything that a [ledger](crate::Ledger) finds wrong. A clean run has no findings.
///
/// ```
/// # use sse_testkit::Ledger;
/// let findings = Ledger::new().check();
/// assert_eq!(findings.to_string(), "no findings\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    pub(super) all: Vec<Finding>,
    /// What was drawn, with the seeds.
    pub(super) drawn: Vec<String>,
    pub(super) events: usize,
    pub(super) readers: usize,
}

impl Findings {
    /// Returns true if there are no findings.
    ///
    /// ```
    /// assert!(sse_testkit::Ledger::new().check().is_clean());
    /// ```
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.all.is_empty()
    }

    /// The findings.
    ///
    /// ```
    /// assert!(sse_testkit::Ledger::new().check().all().is_empty());
    /// ```
    #[must_use]
    pub fn all(&self) -> &[Finding] {
        &self.all
    }

    /// Expects that there are no findings.
    ///
    /// ```
    /// # let ledger = sse_testkit::Ledger::new();
    /// ledger.check().expect_clean();
    /// ```
    ///
    /// # Panics
    ///
    /// If there are any. The message has the first 20, and what was drawn, with its seed.
    #[track_caller]
    pub fn expect_clean(&self) {
        let Self { events, readers, .. } = self;
        let drawn: String = self.drawn.iter().map(|what| format!("   drawn {what}\n")).collect();
        assert!(
            self.is_clean(),
            "expected a clean ledger of {events} events and {readers} readers\n     got {self}{drawn}"
        );
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.all.len() {
            0 => return f.write_str("no findings\n"),
            1 => f.write_str("1 finding\n")?,
            count => writeln!(f, "{count} findings")?,
        }
        self.all.iter().take(SHOWN).try_for_each(|finding| writeln!(f, "{finding}"))?;
        match self.all.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => writeln!(f, "... and {more} more"),
        }
    }
}
