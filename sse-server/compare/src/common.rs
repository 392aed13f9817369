//! What every comparison is told.

use std::path::PathBuf;

use clap::Args;

/// What every comparison needs.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The program sse-server
    #[arg(long, value_name = "FILE")]
    pub(crate) server: PathBuf,
    /// The program sse-load
    #[arg(long, value_name = "FILE")]
    pub(crate) load: PathBuf,
    /// Interleaved rounds, of which the medians are taken, 1 to 99
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) rounds: u32,
    /// One short round
    #[arg(long, conflicts_with = "rounds")]
    pub(crate) quick: bool,
}

impl Common {
    pub(crate) const fn rounds(&self) -> u32 {
        if self.quick { 1 } else { self.rounds }
    }
}
