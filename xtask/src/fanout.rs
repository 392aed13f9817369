//! The hub compared with other servers of events: builds all of it, then starts the comparison.

use std::{env, path::PathBuf};

use clap::ValueEnum;

use crate::{command, context::Context, failure::Result};

const PACKAGE: &str = "sse-server/compare/Cargo.toml";

/// A part of the comparison. The names are those of its own option `--part`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Bursts and lockstep on one topic, with memory and the time to connect
    Fanout,
    /// Many sets, patterns, topics that nobody reads, slow readers, and idling, of this hub alone
    Mixes,
    /// Events a second from 64 publishers
    Publishing,
    /// The time from publish to arrival at 1,000 subscribers
    Latency,
}

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) rounds: u32,
    /// One round with few subscribers.
    pub(crate) quick: bool,
    /// `None`: all parts.
    pub(crate) part: Option<Part>,
}

impl Extent {
    /// As options of the comparison, and of `cargo xtask bench fanout`.
    pub(crate) fn options(self) -> Vec<String> {
        let mut options =
            if self.quick { vec!["--quick".to_owned()] } else { vec!["--rounds".to_owned(), self.rounds.to_string()] };
        if let Some(value) = self.part.and_then(|part| part.to_possible_value()) {
            options.extend(["--part".to_owned(), value.get_name().to_owned()]);
        }
        options
    }
}

/// Builds the hub, the load tool, the peers and what compares them.
pub(crate) fn build(context: &Context) -> Result<()> {
    let hub: &[&str] = &["--package", "sse-server"];
    let load: &[&str] = &["--package", "sse-testkit", "--features", "load"];
    for arguments in [hub, load] {
        let mut build = context.cargo();
        build.args(["build", "--release"]).args(arguments);
        println!("{}", command::line(&build));
        command::run(&mut build)?;
    }
    let mut build = context.cargo();
    build.args(["build", "--release", "--manifest-path", PACKAGE]).env("CARGO_TARGET_DIR", outside(context));
    println!("{}", command::line(&build));
    command::run(&mut build)
}

/// Runs the comparison, which prints its tables.
pub(crate) fn run(context: &Context, extent: Extent) -> Result<()> {
    let program = |directory: PathBuf, name: &str| directory.join(format!("release/{name}{}", env::consts::EXE_SUFFIX));
    let own = |name| program(context.target().to_owned(), name);
    let mut compare = context.command(program(outside(context), "sse-fanout"));
    compare.arg("--server").arg(own("sse-server")).arg("--load").arg(own("sse-load")).args(extent.options());
    if let Some(nchan) = context.nchan() {
        compare.arg("--nginx").arg(&nchan.nginx).arg("--nchan").arg(&nchan.module);
    }
    println!("{}", command::line(&compare));
    command::run(&mut compare)
}

/// Where crates outside the workspace are built.
fn outside(context: &Context) -> PathBuf {
    context.target().join("outside")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extent_as_options() {
        let extent = Extent { rounds: 3, quick: false, part: Some(Part::Mixes) };
        assert_eq!(extent.options(), ["--rounds", "3", "--part", "mixes"]);
        assert_eq!(Extent { rounds: 5, quick: true, part: None }.options(), ["--quick"]);
    }
}
