//! Tables of plain text.

/// On which side of its column a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// At the left, as words do.
    Left,
    /// At the right, as numbers do.
    Right,
}

/// Rows in columns, each as wide as its widest cell and with two spaces before it; no line ends in a space.
///
/// ```
/// use sse_test_support::table::{Side::{Left, Right}, columns};
///
/// let rows = [["name".to_owned(), "bytes".to_owned()], ["a module".to_owned(), "48,012".to_owned()]];
/// assert_eq!(columns([Left, Right], &rows), "  name       bytes\n  a module  48,012\n");
/// ```
#[must_use]
pub fn columns<const N: usize>(sides: [Side; N], rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let cell = |((text, side), width): ((&String, Side), usize)| match side {
        Side::Left => format!("  {text:<width$}"),
        Side::Right => format!("  {text:>width$}"),
    };
    let line = |row: &[String; N]| {
        let line: String = row.iter().zip(sides).zip(widths).map(cell).collect();
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}
