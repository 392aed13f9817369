//! What both drivers know of a stream's life.

use std::time::Duration;

use crate::{
    hub::{DrainReason, Millis},
    metrics::Ended,
    random,
};

/// How long a stream lives: a tenth less or more, so that streams that began together do not end together. None: for
/// ever.
pub(super) fn age(max_age: Duration) -> Option<Millis> {
    (!max_age.is_zero()).then(|| millis(max_age * 9 / 10 + random::part_of(max_age / 5)))
}

pub(super) fn part_of(window: Duration) -> Millis {
    millis(random::part_of(window))
}

pub(super) fn millis(time: Duration) -> Millis {
    Millis::try_from(time.as_millis()).unwrap_or(Millis::MAX)
}

pub(super) const fn ended(reason: DrainReason) -> Ended {
    match reason {
        DrainReason::Age => Ended::age,
        DrainReason::Lag => Ended::lag,
        _ => Ended::shutdown, // the drivers give no other
    }
}
