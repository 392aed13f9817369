//! What an expectation got.

use std::fmt;

use crate::{
    seen::{End, Seen},
    wait::Over,
};

pub(super) enum Got {
    Seen(Seen),
    End(End),
    Over(Over),
    /// The answer is not an event stream.
    Refusal(String),
}

impl fmt::Display for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seen(seen) => seen.fmt(f),
            Self::End(end) => end.fmt(f),
            Self::Over(over) => over.fmt(f),
            Self::Refusal(head) => write!(f, "an answer that is no event stream: {head}"),
        }
    }
}
