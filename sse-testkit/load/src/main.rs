//! Load for a server of events, from the command line.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use clap::Parser;
use sse_load::{Options, Progress, Report};

/// Options that are not allowed, or not together.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let options = Options::parse();
    let mut display = Display::new();
    let run = sse_load::run(&options, |progress| display.show(progress));
    display.clear();
    let report = match run {
        Ok(report) => report,
        Err(error) => {
            eprintln!("sse-load: {error}");
            return ExitCode::from(if error.is_usage() { USAGE } else { 1 });
        }
    };
    if let Err(error) = write(&report, &options) {
        eprintln!("sse-load: can't write the report: {error}");
        return ExitCode::FAILURE;
    }
    if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn write(report: &Report, options: &Options) -> io::Result<()> {
    let coloured = options.output.is_none() && colours(&io::stdout());
    let text = match () {
        () if options.json => format!("{:#}\n", report.to_json()),
        () if coloured => report.to_coloured_text(),
        () => report.to_string(),
    };
    match &options.output {
        Some(path) => std::fs::write(path, text),
        None => io::stdout().write_all(text.as_bytes()),
    }
}

fn colours(to: &impl IsTerminal) -> bool {
    to.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A line on standard error that is written over, if that is a terminal.
struct Display {
    on: bool,
    shown: bool,
}

impl Display {
    fn new() -> Self {
        Self { on: io::stderr().is_terminal(), shown: false }
    }

    fn show(&mut self, progress: &Progress) {
        if !self.on {
            return;
        }
        self.shown = true;
        let Progress { phase, open, subscribers, events, deliveries, .. } = progress;
        let mut line = format!("{phase}: {open} of {subscribers} open");
        if *events > 0 {
            line.push_str(&format!(", {events} published, {deliveries} delivered"));
        }
        // nobody may be looking
        let _ = write!(io::stderr(), "\r\x1b[K{line}");
    }

    fn clear(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
