//! What the user sees: step headings, the closing table, colours.

use std::{
    env,
    io::{self, IsTerminal},
    time::Duration,
};

use sse_test_support::table::{
    self,
    Side::{Left, Right},
};

use crate::failure::Failure;

/// Whether to colour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    coloured: bool,
}

impl Style {
    /// Colours only on a terminal, and never with `NO_COLOR` (<https://no-color.org>).
    pub(crate) fn of_stdout() -> Self {
        Self { coloured: io::stdout().is_terminal() && !no_color() }
    }

    /// The same for standard error.
    pub(crate) fn of_stderr() -> Self {
        Self { coloured: io::stderr().is_terminal() && !no_color() }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn no_color() -> bool {
    env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// A line of the closing table.
#[derive(Debug)]
pub(crate) struct Row {
    /// The step's name.
    pub(crate) name: String,
    /// How long it took.
    pub(crate) took: Duration,
    /// The processor time of its programs, where the system tells it.
    pub(crate) cpu: Option<Duration>,
    /// What the user should know besides: that it failed, or what was left out.
    pub(crate) note: Option<String>,
}

/// `[3/11] tests: cargo test --workspace`
pub(crate) fn heading(number: usize, of: usize, name: &str, what: &str, style: Style) -> String {
    format!("{} {}: {what}", style.paint("1;36", &format!("[{number}/{of}]")), style.paint("1", name))
}

/// `error: …`
pub(crate) fn error_line(failure: &Failure, style: Style) -> String {
    format!("{} {failure}", style.paint("1;31", "error:"))
}

/// The last line of a success.
pub(crate) fn success_line(steps: usize, took: Duration, style: Style) -> String {
    let seconds = took.as_secs();
    let what = if steps == 1 { "1 step".to_owned() } else { format!("all {steps} steps") };
    let line = format!("{what} passed in {} min {} s", seconds / 60, seconds % 60);
    style.paint("1;32", &line)
}

/// The steps with the time that each took and its processor time, and their sums.
pub(crate) fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let cpu = |cpu: Option<Duration>| cpu.map_or_else(String::new, time);
    let head = ["", "took", "processor", ""].map(str::to_owned);
    let line = |row: &Row| [row.name.clone(), time(row.took), cpu(row.cpu), row.note.clone().unwrap_or_default()];
    let sum = rows.iter().map(|row| row.cpu).sum::<Option<Duration>>();
    let sum = ["all".to_owned(), time(rows.iter().map(|row| row.took).sum()), cpu(sum), String::new()];
    let lines: Vec<_> = std::iter::once(head).chain(rows.iter().map(line)).chain([sum]).collect();
    table::columns([Left, Right, Right, Left], &lines)
}

fn time(took: Duration) -> String {
    match took.as_secs() {
        seconds @ 0..60 => format!("{seconds}.{} s", took.subsec_millis() / 100),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { coloured: false };

    fn row(name: &str, millis: u64, note: Option<&str>) -> Row {
        let took = Duration::from_millis(millis);
        Row { name: name.to_owned(), took, cpu: Some(2 * took), note: note.map(str::to_owned) }
    }

    #[test]
    fn the_table_lines_up() {
        let rows = [row("format", 940, None), row("tests", 125_999, None), row("dependencies", 59_999, Some("half"))];
        let expected = "                      took   processor\n  \
                          format             0.9 s       1.8 s\n  \
                          tests         2 min 05 s  4 min 11 s\n  \
                          dependencies      59.9 s  1 min 59 s  half\n  \
                          all           3 min 06 s  6 min 13 s\n";
        assert_eq!(table(&rows), expected);
    }

    #[test]
    fn an_empty_table_is_empty() {
        assert_eq!(table(&[]), "");
    }

    #[test]
    fn headings_and_closing_line() {
        assert_eq!(heading(3, 11, "tests", "cargo test --workspace", PLAIN), "[3/11] tests: cargo test --workspace");
        assert_eq!(success_line(11, Duration::from_secs(754), PLAIN), "all 11 steps passed in 12 min 34 s");
        assert_eq!(success_line(1, Duration::from_millis(999), PLAIN), "1 step passed in 0 min 0 s");
    }

    #[test]
    fn colour_wraps_the_text_it_marks() {
        let line = error_line(&Failure::new("no"), Style { coloured: true });
        assert_eq!(line, "\x1b[1;31merror:\x1b[0m no");
    }
}
