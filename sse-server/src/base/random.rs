//! Randomness.

/// A random number, for jitter.
pub(crate) fn number() -> u32 {
    // Without entropy clients return all at once, which is worse but not wrong.
    getrandom::u32().unwrap_or(0)
}
