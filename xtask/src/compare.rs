//! Servers under load, side by side: builds all of it, then starts the comparison.

use clap::{Args, Subcommand, ValueEnum};

use crate::{command, context::Context, failure::Result};

/// What is compared, in the words of `cargo xtask bench`, which are those of the comparison's own command line too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Comparison {
    /// Servers of events: CPU for each delivery, memory for each subscriber, latency. All of it takes some fifty minutes.
    /// With `SSE_BENCH_BESIDE=FILE` another build of sse-server is one of them, with `SSE_BENCH_ALONE=true` too the only other
    Fanout {
        #[command(flatten)]
        extent: Extent,
        /// Only this part
        #[arg(long, value_name = "PART")]
        part: Option<Part>,
    },
    /// The store on disk: publishing and fan-out beside the store in memory, starts, resumes from far behind. All of it
    /// takes some ten minutes
    Store {
        #[command(flatten)]
        extent: Extent,
    },
}

/// How much is measured.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Interleaved rounds, of which the medians are taken
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) rounds: u32,
    /// One round with 1,000 subscribers and, of the store, 100,000 events
    #[arg(long, conflicts_with = "rounds")]
    pub(crate) quick: bool,
}

/// A part of the comparison with others. The names are those of its own option `--part`.
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
    /// TLS by this hub, by nginx before it, and without: memory, and lockstep on one topic
    Tls,
}

impl Comparison {
    pub(crate) fn words(self) -> Vec<String> {
        let (name, extent, part) = match self {
            Self::Fanout { extent, part } => ("fanout", extent, part),
            Self::Store { extent } => ("store", extent, None),
        };
        let mut words = vec![name.to_owned()];
        if extent.quick {
            words.push("--quick".to_owned());
        } else {
            words.extend(["--rounds".to_owned(), extent.rounds.to_string()]);
        }
        if let Some(value) = part.and_then(|part| part.to_possible_value()) {
            words.extend(["--part".to_owned(), value.get_name().to_owned()]);
        }
        words
    }
}

/// Builds the hub, the load tool, the peers and what compares them, each as its users build it.
pub(crate) fn build(context: &Context) -> Result<()> {
    for package in ["sse-server", "sse-load", "sse-compare"] {
        let mut build = context.workspace.cargo();
        build.args(["build", "--release", "--package", package]);
        println!("{}", command::line(&build));
        command::run(&mut build)?;
    }
    Ok(())
}

/// Runs the comparison, which prints its tables.
pub(crate) fn run(context: &Context, comparison: Comparison) -> Result<()> {
    let program = |name| context.workspace.program("release", name);
    let mut compare = context.workspace.command(program("sse-compare"));
    compare.args(comparison.words()).arg("--server").arg(program("sse-server")).arg("--load").arg(program("sse-load"));
    if matches!(comparison, Comparison::Fanout { .. })
        && let Some(nchan) = context.nchan()
    {
        compare.arg("--nginx").arg(&nchan.nginx).arg("--nchan").arg(&nchan.module);
    }
    println!("{}", command::line(&compare));
    command::run(&mut compare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words() {
        let part = Some(Part::Mixes);
        let fanout = Comparison::Fanout { extent: Extent { rounds: 3, quick: false }, part };
        assert_eq!(fanout.words(), ["fanout", "--rounds", "3", "--part", "mixes"]);
        let store = Comparison::Store { extent: Extent { rounds: 5, quick: true } };
        assert_eq!(store.words(), ["store", "--quick"]);
    }
}
