//! The parser's own buffers.

use alloc::vec::Vec;

/// A buffer that has grown beyond this for one event is shrunk after it. It is large enough that events of 64 KiB, a
/// common bound, do not allocate each time.
pub(super) const KEPT_CAPACITY: usize = 256 << 10;

/// Empties `buffer`, and shrinks it if it has grown large.
#[inline]
pub(super) fn give_back(buffer: &mut Vec<u8>) {
    buffer.clear();
    if buffer.capacity() > KEPT_CAPACITY {
        buffer.shrink_to(KEPT_CAPACITY);
    }
}
