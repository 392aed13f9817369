//! The message of a failed expectation.

use std::{fmt, panic::Location};

use crate::timeline::Timeline;

/// The place in the test that states the expectation.
pub(crate) type Caller = &'static Location<'static>;

/// The text of a panic. It has to be complete, since nobody can ask for more.
pub(crate) struct Report<'a> {
    pub(crate) expected: &'a dyn fmt::Display,
    pub(crate) got: &'a dyn fmt::Display,
    /// What exactly differs, where that is not obvious.
    pub(crate) because: Option<String>,
    pub(crate) caller: Caller,
    pub(crate) timeline: &'a Timeline,
    /// Whether the failure is about the item that was read last.
    pub(crate) here: bool,
}

impl Report<'_> {
    #[track_caller]
    pub(crate) fn fail(&self) -> ! {
        panic!("{self}")
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "expected {}", self.expected)?;
        writeln!(f, "     got {}", self.got)?;
        if let Some(because) = &self.because {
            writeln!(f, " because {because}")?;
        }
        writeln!(f, "      at {}\n", self.caller)?;
        self.timeline.shown(self.here).fmt(f)
    }
}
