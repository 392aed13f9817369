//! Chunked transfer coding.
//!
//! ```text
//!           LF, not 0              all of it         LF
//!   Size ──────────────▶ Data ──────────────▶ End ───────▶ Size
//!     └─ LF, 0 ─▶ Trailer ── LF of an empty line ──▶ Done
//! ```
//!
//! Source: [RFC 9112, 7.1](https://www.rfc-editor.org/rfc/rfc9112#section-7.1).

use super::Malformed;

/// The longest line of a size or a trailer field.
const LINE: u16 = 4096;

/// Where in the chunks the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunks(State);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the line of a size. After the digits come spaces or an extension, which say nothing.
    Size {
        size: u64,
        digits: u16,
        extension: u16,
    },
    Data {
        left: u64,
    },
    /// The line end after the data; `cr`: half of it is there.
    End {
        cr: bool,
    },
    /// In a line after the last chunk. `line` is its length, without the CR.
    Trailer {
        line: u16,
    },
    Done,
}

const SIZE: State = State::Size { size: 0, digits: 0, extension: 0 };

impl Default for Chunks {
    fn default() -> Self {
        Self(SIZE)
    }
}

impl Chunks {
    /// Reads a piece, and hands out what is content. Returns how much of the piece belonged to the body.
    pub(crate) fn read(&mut self, input: &[u8], mut each: impl FnMut(&[u8])) -> Result<usize, Malformed> {
        let mut at = 0;
        while at < input.len() && !self.is_done() {
            if let State::Data { left } = self.0 {
                let piece = (input.len() - at).min(usize::try_from(left).unwrap_or(usize::MAX));
                each(&input[at..at + piece]);
                at += piece;
                let left = left - piece as u64;
                self.0 = if left == 0 { State::End { cr: false } } else { State::Data { left } };
            } else {
                self.0 = self.0.byte(input[at])?;
                at += 1;
            }
        }
        Ok(at)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.0 == State::Done
    }
}

impl State {
    /// The state after a byte that is not content.
    #[inline]
    fn byte(self, byte: u8) -> Result<Self, Malformed> {
        match (self, byte) {
            (Self::Size { digits: 0, .. }, b'\n') => Err(Malformed::Chunk),
            (Self::Size { size: 0, .. }, b'\n') => Ok(Self::Trailer { line: 0 }),
            (Self::Size { size, .. }, b'\n') => Ok(Self::Data { left: size }),
            (Self::Size { size, digits, extension: 0 }, _) if byte.is_ascii_hexdigit() => {
                let digit = (byte as char).to_digit(16).map_or(0, u64::from);
                // sixteen digits are all that fit
                if digits == 16 {
                    Err(Malformed::Chunk)
                } else {
                    Ok(Self::Size { size: size << 4 | digit, digits: digits + 1, extension: 0 })
                }
            }
            (Self::Size { digits: 0, .. }, _) => Err(Malformed::Chunk),
            (Self::Size { extension: 0, .. }, _) if !matches!(byte, b'\r' | b';' | b' ' | b'\t') => {
                Err(Malformed::Chunk)
            }
            (Self::Size { size, digits, extension }, _) if extension < LINE => {
                Ok(Self::Size { size, digits, extension: extension + 1 })
            }
            (Self::End { cr: false }, b'\r') => Ok(Self::End { cr: true }),
            (Self::End { .. }, b'\n') => Ok(SIZE),
            (Self::Trailer { line: 0 }, b'\n') => Ok(Self::Done),
            (Self::Trailer { .. }, b'\n') => Ok(Self::Trailer { line: 0 }),
            (Self::Trailer { line }, b'\r') => Ok(Self::Trailer { line }),
            (Self::Trailer { line }, _) if line < LINE => Ok(Self::Trailer { line: line + 1 }),
            (Self::Done, _) => Ok(Self::Done),
            _ => Err(Malformed::Chunk),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(wire: &[u8], size: usize) -> Result<(Vec<u8>, bool, usize), Malformed> {
        let (mut chunks, mut content, mut used) = (Chunks::default(), Vec::new(), 0);
        for piece in wire.chunks(size) {
            used += chunks.read(piece, |part| content.extend_from_slice(part))?;
        }
        Ok((content, chunks.is_done(), wire.len() - used))
    }

    #[test]
    fn cut_anywhere() {
        let wire = b"5\r\nhello\r\n00A;x=\"1 2\"\r\n0123456789\r\n1 \r\n\n\r\n0\r\nx: y\r\n\r\nmore";
        for size in 1..=wire.len() {
            assert_eq!(read(wire, size), Ok((b"hello0123456789\n".to_vec(), true, 4)), "by {size}");
        }
        assert_eq!(read(b"3\r\nab", 2), Ok((b"ab".to_vec(), false, 0)));
        assert_eq!(read(b"2\nab\n0\n\n", 3), Ok((b"ab".to_vec(), true, 0)), "bare LF, as many servers take it");
    }

    #[test]
    fn what_is_not_chunked() {
        for wire in [&b"\r\n"[..], b"x\r\n", b"5x\r\n", b"-1\r\n", b"1\r\nab", b"11111111111111111\r\n"] {
            assert_eq!(read(wire, 100), Err(Malformed::Chunk), "{wire:?}");
        }
        let endless = [&b"1;"[..], &[b'x'; 5000]].concat();
        assert_eq!(read(&endless, 100), Err(Malformed::Chunk));
        let endless = [&b"0\r\n"[..], &[b'x'; 5000]].concat();
        assert_eq!(read(&endless, 100), Err(Malformed::Chunk));
    }
}
