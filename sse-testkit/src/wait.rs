//! The wait of an expectation.

use std::{fmt, time::Duration};

use tokio::time::Instant;

use crate::time::{TICK, deadline, later};

/// The number of frames after which an expectation fails: a stream that never rests would keep a paused clock from
/// advancing.
const FRAMES: u64 = 1 << 20;

/// How long an expectation waits, and for how many frames.
pub(crate) struct Wait {
    pub(crate) allowed: Duration,
    pub(crate) deadline: Instant,
    /// The number of frames that it has taken.
    pub(crate) frames: u64,
}

impl Wait {
    pub(crate) fn new(allowed: Duration) -> Self {
        Self { allowed, deadline: deadline(allowed), frames: 0 }
    }

    /// A wait until `time` from now, not including that instant.
    pub(crate) fn up_to(time: Duration) -> Self {
        Self { allowed: time, deadline: later(time.saturating_sub(TICK)), frames: 0 }
    }

    /// Starts the wait again, for `allowed` from now.
    pub(crate) fn extend(&mut self, allowed: Duration) {
        *self = Self { frames: self.frames, ..Self::new(allowed) };
    }

    /// Why the wait is over, if it is. A first frame that is available at once is read in any case.
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
