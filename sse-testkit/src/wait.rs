//! How long an expectation waits.

use std::{fmt, time::Duration};

use tokio::time::Instant;

use crate::time::{TICK, deadline, later};

/// How many frames an expectation takes: a stream that never rests would hold up a paused clock for ever.
const FRAMES: u64 = 1 << 20;

/// An expectation's patience.
pub(crate) struct Wait {
    pub(crate) allowed: Duration,
    pub(crate) deadline: Instant,
    /// How many frames it has taken.
    pub(crate) frames: u64,
}

impl Wait {
    pub(crate) fn new(allowed: Duration) -> Self {
        Self { allowed, deadline: deadline(allowed), frames: 0 }
    }

    /// Up to that time from now, the moment itself not included.
    pub(crate) fn up_to(time: Duration) -> Self {
        Self { allowed: time, deadline: later(time.saturating_sub(TICK)), frames: 0 }
    }

    /// That long from now.
    pub(crate) fn extend(&mut self, allowed: Duration) {
        *self = Self { frames: self.frames, ..Self::new(allowed) };
    }

    /// Why to stop though more may be there. What is there at once is looked at in any case.
    pub(crate) fn over(&self) -> Option<Over> {
        if self.frames >= FRAMES {
            return Some(Over::Flood);
        }
        (self.frames > 0 && Instant::now() > self.deadline).then(|| self.late())
    }

    pub(crate) const fn late(&self) -> Over {
        Over::Late(self.allowed)
    }
}

/// Why an expectation waits no longer.
pub(crate) enum Over {
    Late(Duration),
    Flood,
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late(allowed) => write!(f, "nothing of the kind within {allowed:?}"),
            Self::Flood => write!(f, "nothing of the kind in {FRAMES} frames"),
        }
    }
}
