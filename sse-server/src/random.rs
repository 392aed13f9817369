//! Jitter.

use std::time::Duration;

/// A random part of a time: from none of it to all.
pub(crate) fn part_of(time: Duration) -> Duration {
    // Without entropy all come at once: worse, but not wrong.
    let bits = getrandom::u32().unwrap_or(0);
    time.mul_f64(f64::from(bits) / f64::from(u32::MAX))
}
