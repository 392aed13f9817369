//! Randomness.

/// A random number, for jitter.
pub(crate) fn number() -> u32 {
    // Without entropy clients return all at once, which is worse but not wrong.
    getrandom::u32().unwrap_or(0)
}

/// A random number that there is only once.
pub(crate) fn number_once() -> u128 {
    u128::from(name()) << 64 | u128::from(name())
}

/// A random number that nobody guesses, as long as the system has any randomness.
pub(crate) fn name() -> u64 {
    getrandom::u64().unwrap_or_else(|_| u64::from(number()))
}
