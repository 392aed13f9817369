//! Memory that is free, given back to the system.

/// Gives back what glibc's allocator holds free between what is in use, which it keeps by itself. It takes milliseconds
/// where there is much.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "no crate of this tree has the call in a safe form")]
pub(crate) fn give_back() {
    // SAFETY: it may be called at any time, from any thread.
    unsafe { libc::malloc_trim(0) };
}

/// Other allocators give back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) const fn give_back() {}
