//! Bytes as text.

use core::str;

use alloc::{borrow::Cow, string::String};

#[cfg(test)]
std::thread_local! {
    /// The number of bytes that this test thread has checked.
    pub(crate) static CHECKED: core::cell::Cell<usize> = const { core::cell::Cell::new(0) };
}

/// The longest prefix of `bytes` that is UTF-8.
#[inline]
pub(crate) fn prefix(bytes: &[u8]) -> &str {
    if let Some(text) = ascii(bytes) {
        return text;
    }
    match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    }
}

/// `bytes` as text. Invalid UTF-8 becomes U+FFFD, one for each maximal subpart, as the standard's decoder requires.
#[inline]
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    match ascii(bytes) {
        Some(text) => Cow::Borrowed(text),
        // the whole check first: it is faster than the lossy one
        None => str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed),
    }
}

/// `bytes` as text if they are all ASCII, as most text is. This takes half the time of a check for UTF-8.
#[inline]
#[allow(unsafe_code)]
fn ascii(bytes: &[u8]) -> Option<&str> {
    #[cfg(test)]
    CHECKED.with(|checked| checked.set(checked.get() + bytes.len()));
    // SAFETY: ASCII is UTF-8.
    bytes.is_ascii().then(|| unsafe { str::from_utf8_unchecked(bytes) })
}
