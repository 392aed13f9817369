//! What a connection reports besides events and states.

use crate::{Limit, Refusal, Signal};

/// What a connection reports besides events and states. A tab that joins later is not told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Aside {
    Refused(Refusal),
    TooLong(Limit),
}

impl From<Aside> for Signal {
    fn from(aside: Aside) -> Self {
        match aside {
            Aside::Refused(refusal) => Self::Refused(refusal),
            Aside::TooLong(limit) => Self::TooLong(limit),
        }
    }
}
