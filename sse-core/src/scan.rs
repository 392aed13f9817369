//! Where lines end.

use memchr::memchr2;

const BLOCK: usize = 64;

/// The places of CR and LF in the input, in order. Each byte is looked at once.
///
/// Short lines are found by a bitmask of 64 bytes at a time, a few instructions for each line end where a call to
/// `memchr2` would cost ten nanoseconds; a block without any hands over to `memchr2`, which is faster over a long line.
pub(crate) struct LineEnds<'a> {
    input: &'a [u8],
    /// The line ends not yet given, among the bytes just before `scanned`: bit 0 is `scanned - BLOCK`.
    mask: u64,
    /// All before this is scanned. May exceed the input's length while its last block is given out.
    scanned: usize,
}

impl<'a> LineEnds<'a> {
    pub(crate) const fn new(input: &'a [u8]) -> Self {
        Self { input, mask: 0, scanned: 0 }
    }
}

impl Iterator for LineEnds<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.mask == 0 {
            let rest = self.input.get(self.scanned..)?;
            let Some(block) = rest.first_chunk::<BLOCK>() else { return self.next_long(rest) };
            self.mask = line_ends(block);
            self.scanned += BLOCK;
            if self.mask == 0 {
                return self.next_long(&self.input[self.scanned..]);
            }
        }
        let bit = self.mask.trailing_zeros() as usize;
        self.mask &= self.mask - 1;
        Some(self.scanned - BLOCK + bit)
    }
}

impl LineEnds<'_> {
    /// The next line end in `rest`, which begins at `scanned`, when no mask is at hand.
    #[inline]
    fn next_long(&mut self, rest: &[u8]) -> Option<usize> {
        let found = memchr2(b'\n', b'\r', rest);
        let at = self.scanned + found.unwrap_or(rest.len());
        self.scanned = at + 1;
        found.map(|_| at)
    }
}

/// One bit for each CR or LF, the first byte's lowest.
#[cfg(target_arch = "x86_64")]
#[inline]
#[allow(unsafe_code)]
fn line_ends(block: &[u8; BLOCK]) -> u64 {
    use core::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
    };

    let mut mask = 0;
    for (at, bytes) in block.chunks_exact(16).enumerate() {
        // SAFETY: SSE2 is part of x86-64 itself, and the unaligned load reads the 16 bytes that the chunk has.
        let ends = unsafe {
            let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
            _mm_movemask_epi8(_mm_or_si128(
                _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\n' as i8)),
                _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\r' as i8)),
            ))
        };
        mask |= u64::from(ends as u32) << (at * 16);
    }
    mask
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn line_ends(block: &[u8; BLOCK]) -> u64 {
    portable_line_ends(block)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn portable_line_ends(block: &[u8; BLOCK]) -> u64 {
    let mut mask = 0;
    for (at, byte) in block.iter().enumerate() {
        mask |= u64::from(matches!(byte, b'\n' | b'\r')) << at;
    }
    mask
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
        fn the_mask_is_the_portable_one(block in uniform::<_, BLOCK>(byte())) {
            prop_assert_eq!(line_ends(&block), portable_line_ends(&block));
        }

        #[test]
        fn every_line_end_once_in_order(input in vec(byte(), 0..400)) {
            let naive: Vec<_> = (0..input.len()).filter(|at| matches!(input[*at], b'\r' | b'\n')).collect();
            prop_assert_eq!(LineEnds::new(&input).collect::<Vec<_>>(), naive);
        }
    }
}
