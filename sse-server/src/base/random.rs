//! Randomness.

/// A random number, for jitter.
pub(crate) fn number() -> u32 {
    // Without entropy all come at once: worse, but not wrong.
    getrandom::u32().unwrap_or(0)
}
