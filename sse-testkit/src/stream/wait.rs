//! How long an expectation waits, and what it got.

use std::{fmt, time::Duration};

use tokio::time::Instant;

use crate::{
    End, Seen,
    time::{TICK, deadline, later},
};

/// How many frames an expectation takes: a stream that never rests would hold up a paused clock for ever.
const FRAMES: u64 = 1 << 20;

/// An expectation's patience.
pub(super) struct Wait {
    pub(super) allowed: Duration,
    pub(super) deadline: Instant,
    /// How many frames it has taken.
    pub(super) frames: u64,
}

impl Wait {
    pub(super) fn new(allowed: Duration) -> Self {
        Self { allowed, deadline: deadline(allowed), frames: 0 }
    }

    /// Up to that time from now, the moment itself not included.
    pub(super) fn up_to(time: Duration) -> Self {
        Self { allowed: time, deadline: later(time.saturating_sub(TICK)), frames: 0 }
    }

    /// That long from now.
    pub(super) fn extend(&mut self, allowed: Duration) {
        *self = Self { frames: self.frames, ..Self::new(allowed) };
    }

    /// Why to stop though more may be there. What is there at once is looked at in any case.
    pub(super) fn over(&self) -> Option<Got> {
        if self.frames >= FRAMES {
            return Some(Got::Flood);
        }
        (self.frames > 0 && Instant::now() > self.deadline).then(|| self.late())
    }

    pub(super) const fn late(&self) -> Got {
        Got::Late(self.allowed)
    }
}

/// What came of waiting.
pub(super) enum Got {
    Seen(Seen),
    End(End),
    Late(Duration),
    Flood,
    /// The answer is no event stream.
    Refusal(String),
}

impl fmt::Display for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seen(seen) => seen.fmt(f),
            Self::End(end) => end.fmt(f),
            Self::Late(allowed) => write!(f, "nothing of the kind within {allowed:?}"),
            Self::Flood => write!(f, "nothing of the kind in {FRAMES} frames"),
            Self::Refusal(head) => write!(f, "an answer that is no event stream: {head}"),
        }
    }
}
