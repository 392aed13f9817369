//! A progress bar on a terminal.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The unit of progress.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Events,
    Rows,
    Bytes,
    /// Nothing: it only shows activity.
    Unknown,
}

/// A bar on standard error if that is a terminal, otherwise nothing.
#[derive(Debug)]
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// A bar up to `total`, if that is known from the start. `wanted` says that nothing else is written to the terminal
    /// meanwhile.
    pub(super) fn new(unit: Unit, total: Option<u64>, wanted: bool) -> Self {
        let seen = wanted && io::stderr().is_terminal();
        let target = if seen { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(total, target);
        let (known, unknown) = match unit {
            Unit::Events => ("{bar:40} {human_pos} of {human_len} events, {eta} left", "{spinner} {human_pos} events"),
            Unit::Rows => ("{bar:40} {human_pos} of {human_len} rows, {eta} left", "{spinner} {human_pos} rows"),
            Unit::Bytes => ("{bar:40} {bytes} of {total_bytes}, {eta} left", "{spinner} {bytes}"),
            Unit::Unknown => ("{spinner} {elapsed}", "{spinner} {elapsed}"),
        };
        let later = matches!(unit, Unit::Events | Unit::Rows); // the first report has the total
        let template = if total.is_some() || later { known } else { unknown };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        if seen && matches!(unit, Unit::Unknown) {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Self(bar)
    }

    /// Reports that `done` of `total` are done; a total of 0 is unknown.
    pub(super) fn at(&self, done: u64, total: u64) {
        if total > 0 {
            self.0.set_length(total);
        }
        self.0.set_position(done);
    }

    /// Removes the bar from the screen.
    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }
}
