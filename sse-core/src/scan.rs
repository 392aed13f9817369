//! Where lines end.

use memchr::memchr2;

const BLOCK: usize = 64;

/// If at least this much input is left and a block has no line end, a call to `memchr2` pays.
const LONG: usize = 4 * BLOCK;

#[cfg(test)]
std::thread_local! {
    /// The number of bytes that this test thread has scanned for line ends.
    pub(crate) static SCANNED: core::cell::Cell<usize> = const { core::cell::Cell::new(0) };
}

/// Counts what is scanned, in this crate's unit tests alone.
#[inline(always)]
#[cfg_attr(not(test), expect(unused_variables))]
fn count(bytes: usize) {
    #[cfg(test)]
    SCANNED.with(|scanned| scanned.set(scanned.get() + bytes));
}

/// The positions of CR and LF in the input, in order. Each byte is examined once, except that up to 63 of them are
/// loaded again with the last block.
///
/// Short lines are found by a bitmask over 64 bytes at a time: a few instructions for each line end, where a call to
/// `memchr2` would cost ten nanoseconds. A block without a line end hands over to `memchr2`, which is faster over a
/// long line.
pub(crate) struct LineEnds<'a> {
    input: &'a [u8],
    /// The line ends among the 64 bytes from `block` on that have not been returned yet.
    mask: u64,
    block: usize,
    /// Everything before this position is scanned; `usize::MAX` once the whole input is.
    scanned: usize,
}

impl<'a> LineEnds<'a> {
    #[inline]
    pub(crate) const fn new(input: &'a [u8]) -> Self {
        Self { input, mask: 0, block: 0, scanned: 0 }
    }
}

impl Iterator for LineEnds<'_> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.mask == 0 {
            let rest = self.input.get(self.scanned..)?;
            self.block = self.scanned;
            let Some(block) = rest.first_chunk::<BLOCK>() else {
                self.scanned = usize::MAX;
                count(rest.len());
                self.mask = match self.input.last_chunk::<BLOCK>() {
                    // the last 64 bytes, shifted so that only the unscanned ones remain
                    Some(block) if !rest.is_empty() => line_ends(block) >> (BLOCK - rest.len()),
                    _ => short_line_ends(rest),
                };
                continue;
            };
            self.scanned += BLOCK;
            count(BLOCK);
            self.mask = line_ends(block);
            if self.mask == 0 && rest.len() >= LONG {
                let end = long_line_end(self.input, self.scanned);
                self.scanned = end.map_or(usize::MAX, |end| end + 1);
                return end;
            }
        }
        let bit = self.mask.trailing_zeros() as usize;
        self.mask &= self.mask - 1;
        Some(self.block + bit)
    }
}

impl LineEnds<'_> {
    /// Skips the next line end if it is already in the mask. The caller has seen it itself; if it is not in the mask,
    /// the iterator returns it later, and the caller recognizes it by its position.
    #[inline]
    pub(crate) const fn pass(&mut self) {
        self.mask &= self.mask.wrapping_sub(1);
    }
}

/// The next line end where there was none in a whole block. It takes no reference to the iterator, which would keep
/// its mask out of a register.
#[inline(never)]
fn long_line_end(input: &[u8], from: usize) -> Option<usize> {
    let end = memchr2(b'\n', b'\r', &input[from..]);
    count(end.map_or(input.len() - from, |end| end + 1));
    Some(from + end?)
}

/// One bit for each CR or LF, the first byte's lowest.
#[inline]
fn line_ends(block: &[u8; BLOCK]) -> u64 {
    let (quarters, _) = block.as_chunks::<16>();
    quarters.iter().rev().fold(0, |mask, quarter| mask << 16 | u64::from(sixteen(quarter)))
}

/// The same for fewer than 64 bytes. The rest that does not fill 16 bytes is examined as part of the last 16: setting a
/// bit twice does no harm.
#[inline]
fn short_line_ends(bytes: &[u8]) -> u64 {
    let mut mask = 0;
    let (chunks, rest) = bytes.as_chunks::<16>();
    for (i, chunk) in chunks.iter().enumerate() {
        mask |= u64::from(sixteen(chunk)) << (16 * i);
    }
    if rest.is_empty() {
        return mask;
    }
    if let Some(last) = bytes.last_chunk::<16>() {
        return mask | u64::from(sixteen(last)) << (bytes.len() - 16);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        let both = u128::from(u64::from_le_bytes(*last)) << 64 | u128::from(u64::from_le_bytes(*first));
        let both = sixteen(&both.to_le_bytes());
        return u64::from(both & 0xFF) | u64::from(both >> 8) << (bytes.len() - 8);
    }
    bytes.iter().rev().fold(0, |mask, byte| mask << 1 | u64::from(matches!(byte, b'\n' | b'\r')))
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[allow(unsafe_code)]
fn sixteen(bytes: &[u8; 16]) -> u16 {
    use core::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8};

    // SAFETY: SSE2 is part of x86-64 itself, and the unaligned load reads the 16 bytes that there are.
    let ends = unsafe {
        let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
        _mm_movemask_epi8(_mm_or_si128(
            _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\n' as i8)),
            _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\r' as i8)),
        ))
    };
    ends as u16
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn sixteen(bytes: &[u8; 16]) -> u16 {
    let (halves, _) = bytes.as_chunks::<8>();
    u16::from(eight(halves[0])) | u16::from(eight(halves[1])) << 8
}

/// One bit for each CR or LF among eight bytes, without SIMD.
#[cfg(any(test, not(target_arch = "x86_64")))]
#[inline]
const fn eight(bytes: [u8; 8]) -> u8 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const LOW: u64 = ONES * 0x7F;
    /// The high bit of each byte that is zero, and no other bit.
    const fn zeros(word: u64) -> u64 {
        !(((word & LOW) + LOW) | word | LOW)
    }
    let word = u64::from_le_bytes(bytes);
    let ends = zeros(word ^ (ONES * b'\n' as u64)) | zeros(word ^ (ONES * b'\r' as u64));
    // gathers the eight high bits in the highest byte
    ((ends >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::{array::uniform, collection::vec, prelude::*, sample::select};

    use super::*;

    fn byte() -> impl Strategy<Value = u8> {
        prop_oneof![6 => any::<u8>(), 1 => select(&b"\r\n\x0b\x8a\x8d"[..])]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn eight_bytes_without_simd(bytes in uniform::<_, 8>(byte())) {
            let naive = (0..8).filter(|i| matches!(bytes[*i], b'\r' | b'\n')).fold(0, |mask, i| mask | 1 << i);
            prop_assert_eq!(eight(bytes), naive);
        }

        #[test]
        fn every_line_end_once_in_order(input in vec(byte(), 0..400)) {
            let naive: Vec<_> = (0..input.len()).filter(|at| matches!(input[*at], b'\r' | b'\n')).collect();
            prop_assert_eq!(LineEnds::new(&input).collect::<Vec<_>>(), naive);
        }
    }
}
