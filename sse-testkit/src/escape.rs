//! Bytes as readable text.

use std::{any::Any, fmt};

/// The number of bytes that are shown of one text.
const SHOWN: usize = 1 << 10;

/// Bytes in quotes and escaped; after 1 KiB the rest is only counted.
pub(crate) struct Quoted<'a>(&'a [u8]);

pub(crate) fn quoted(bytes: &(impl AsRef<[u8]> + ?Sized)) -> Quoted<'_> {
    Quoted(bytes.as_ref())
}

/// Bytes in quotes for the cell of a table: if there are more than fit, only the beginning.
pub(crate) fn clipped(bytes: &(impl AsRef<[u8]> + ?Sized)) -> Clipped<'_> {
    Clipped(bytes.as_ref())
}

/// The number of bytes that a cell shows.
const CELL: usize = 48;

/// The number of characters of foreign text that a cell shows.
const LINE: usize = 120;

/// See [`clipped`].
pub(crate) struct Clipped<'a>(&'a [u8]);

impl fmt::Display for Clipped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() <= CELL {
            return quoted(self.0).fmt(f);
        }
        write!(f, "{}.. ({} bytes)", quoted(&self.0[..CELL]), self.0.len())
    }
}

/// Foreign text, such as that of an error or a panic, for the cell of a table.
pub(crate) fn on_one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LINE) {
        Some((end, _)) => format!("{}..", &line[..end]),
        None => line,
    }
}

/// The message of a panic, for the cell of a table.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.map_or_else(|| "without a text".into(), on_one_line)
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
    fn a_cell_has_one_short_line() {
        assert_eq!(clipped("a\n").to_string(), r#""a\n""#);
        assert_eq!(clipped(&[b'x'; 70]).to_string(), format!("\"{}\".. (70 bytes)", "x".repeat(48)));
        assert_eq!(on_one_line("a\n  b"), "a b");
        assert_eq!(on_one_line(&"ü".repeat(121)), format!("{}..", "ü".repeat(120)));
    }

    #[test]
    fn too_much_is_cut_off_and_counted() {
        let text = quoted(&[b'x'; SHOWN + 3]).to_string();
        assert!(text.ends_with("x\" and 3 bytes more"), "{text}");
    }
}
