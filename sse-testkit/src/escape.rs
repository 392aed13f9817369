//! Bytes as a person reads them.

use std::fmt;

/// How many bytes of one text are shown.
const SHOWN: usize = 1 << 10;

/// Bytes in quotes, escaped, cut off where they are too many to read.
pub(crate) struct Quoted<'a>(&'a [u8]);

pub(crate) fn quoted(bytes: &(impl AsRef<[u8]> + ?Sized)) -> Quoted<'_> {
    Quoted(bytes.as_ref())
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(SHOWN)];
        f.write_str("\"")?;
        for chunk in shown.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\'' => f.write_str("'")?,
                    other => write!(f, "{}", other.escape_debug())?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_str("\"")?;
        match self.0.len() - shown.len() {
            0 => Ok(()),
            more => write!(f, " and {more} bytes more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_readable_and_bytes_are_exact() {
        assert_eq!(quoted("it's \"ü\"\r\n\0").to_string(), r#""it's \"ü\"\r\n\0""#);
        assert_eq!(quoted(b"data: \xc3").to_string(), r#""data: \xc3""#); // a cut character
    }

    #[test]
    fn too_much_is_cut_off_and_counted() {
        let text = quoted(&[b'x'; SHOWN + 3]).to_string();
        assert!(text.ends_with("x\" and 3 bytes more"), "{text}");
    }
}
