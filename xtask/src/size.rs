//! How large files are, and how large when they are compressed as a web server does it.

use std::{fs, path::Path, process::Command};

use sse_test_support::table::{
    self,
    Side::{Left, Right},
};

use crate::{
    command,
    failure::{Failure, Result},
};

/// In bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) raw: u64,
    /// By `gzip -9`.
    pub(crate) compressed: u64,
}

impl Size {
    /// A file's.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let raw = fs::metadata(path).map_err(|e| Failure::new(format!("cannot read {}: {e}", path.display())))?.len();
        let mut gzip = Command::new("gzip");
        gzip.args(["-9", "-n", "-c"]).arg(path);
        let output = gzip.output().map_err(|e| command::unstartable(&gzip, &e))?;
        if !output.status.success() {
            return Err(Failure::new(format!("`{}` failed", command::line(&gzip))));
        }
        Ok(Self { raw, compressed: output.stdout.len() as u64 })
    }

    /// Two files', compressed one by one.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { raw: self.raw + other.raw, compressed: self.compressed + other.compressed }
    }
}

/// Modules and scripts, with their sizes as built, as they are now, and compressed.
pub(crate) fn table(rows: &[(&str, Option<Size>, Size)]) -> String {
    let head = ["bytes", "built", "wasm-opt -Oz", "gzip -9"].map(str::to_owned);
    let lines = rows.iter().map(|(name, built, now)| {
        let built = built.map_or_else(String::new, |size| thousands(size.raw));
        [(*name).to_owned(), built, thousands(now.raw), thousands(now.compressed)]
    });
    let lines: Vec<_> = std::iter::once(head).chain(lines).collect();
    table::columns([Left, Right, Right, Right], &lines)
}

/// `48.0 KB`, of 1,000 bytes each, rounded up.
pub(crate) fn kilobytes(bytes: u64) -> String {
    let tenths = bytes.div_ceil(100);
    format!("{}.{} KB", tenths / 10, tenths % 10)
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_easily() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 1, 48_000, 59_999].map(kilobytes), ["0.0 KB", "0.1 KB", "48.0 KB", "60.0 KB"]);
    }

    #[test]
    fn the_table_lines_up() {
        let size = |raw, compressed| Size { raw, compressed };
        let rows = [("a module", Some(size(150_000, 9)), size(99_000, 48_000)), ("  its script", None, size(900, 80))];
        let expected = "  bytes           built  wasm-opt -Oz  gzip -9\n  \
                          a module      150,000        99,000   48,000\n  \
                          \u{20} its script                    900       80\n";
        assert_eq!(table(&rows), expected);
    }

    #[test]
    fn a_file_is_weighed_and_one_that_is_missing_is_named() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let size = Size::of(&manifest).unwrap();
        assert!(size.compressed > 0 && size.compressed < size.raw, "{size:?}");
        assert_eq!(size.and(size).raw, 2 * size.raw);
        assert!(Size::of(Path::new("/no/such/file")).unwrap_err().to_string().starts_with("cannot read /no/such/file"));
    }
}
