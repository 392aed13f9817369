//! Tables, which are text to read and Markdown alike, and what stands around them.

use std::fmt::Write;

/// What there is no figure for.
const NONE: &str = "-";

/// How it was measured.
pub(crate) fn heading(rounds: u32, cores: &str) -> String {
    let rounds = if rounds == 1 { "one round".to_owned() } else { format!("medians of {rounds} interleaved rounds") };
    format!("\n{rounds}; {cores}\n")
}

/// What is missing, and what went wrong.
pub(crate) fn last_words(left_out: &[String], remarks: &[String]) -> String {
    let mut text = String::new();
    for (heading, lines) in [("Left out", left_out), ("Remarks", remarks)] {
        if !lines.is_empty() {
            let _ = write!(text, "\n{heading}:\n\n- {}\n", lines.join("\n- "));
        }
    }
    text
}

/// A number with commas.
pub(crate) fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(crate) fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| format!("{value:.digits$}"))
}

pub(crate) fn thousands(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| grouped(value.round().max(0.0) as u32))
}

pub(crate) fn ratio(own: Option<f64>, other: Option<f64>) -> String {
    number(quotient(own, other), 2)
}

pub(crate) fn quotient(own: Option<f64>, other: Option<f64>) -> Option<f64> {
    own.zip(other).filter(|(_, other)| *other > 0.0).map(|(own, other)| own / other)
}

/// A table in Markdown with columns that line up: the first to the left, the others to the right.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(header: &[&str]) -> Self {
        Self { rows: vec![header.iter().map(|cell| (*cell).to_owned()).collect()] }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.rows[0].len());
        self.rows.push(cells);
    }

    pub(crate) fn render(&self) -> String {
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).max(3);
        let widths: Vec<usize> = (0..self.rows[0].len()).map(width).collect();
        let mut text = String::new();
        for (at, row) in self.rows.iter().enumerate() {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let _ = if column == 0 { write!(text, "| {cell:<width$} ") } else { write!(text, "| {cell:>width$} ") };
            }
            text.push_str("|\n");
            if at == 0 {
                for (column, width) in widths.iter().enumerate() {
                    let line = "-".repeat(*width);
                    let _ = if column == 0 { write!(text, "| {line} ") } else { write!(text, "| {}: ", &line[1..]) };
                }
                text.push_str("|\n");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_up() {
        let mut table = Table::new(&["server", "µs"]);
        table.row(vec!["a".into(), "1.25".into()]);
        assert_eq!(table.render(), "| server |   µs |\n| ------ | ---: |\n| a      | 1.25 |\n");
    }

    #[test]
    fn ratios_of_what_there_is() {
        assert_eq!(ratio(Some(1.0), Some(4.0)), "0.25");
        assert_eq!([ratio(None, Some(1.0)), ratio(Some(1.0), None), ratio(Some(1.0), Some(0.0))], ["-", "-", "-"]);
        assert_eq!(thousands(Some(5_400_000.4)), "5,400,000");
    }
}
