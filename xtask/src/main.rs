//! The workspace's chores. `cargo xtask test` sets up what a machine with only Rust lacks, then
//! runs every check and test; `cargo xtask --help` lists the rest.
//!
//! Modules in the order a run passes through them; each imports only what stands below it:
//!
//! ```text
//! run                      steps in turn, timed                 steps                    what is done, in which order
//! native, clients, reference, outside, supply, fuzz, miri, compare    how, natively
//! wasm_tests, browser_tests, bench_fetch, npm                   how, in browsers
//! wasm_build, wasm_runner                                       building and testing for the browser
//! context                  what set-up has found, once a run
//! wasm_toolchain, browsers, binaryen, nchan, registry, tools    set-up: found, installed or built
//! workspace                where we are                         system, command, cpu     the machine
//! report, size, lockfile, wasm_choice, failure                  what decides, parses and prints, without the machine
//! ```

mod run;

mod steps;

mod clients;
mod compare;
mod fuzz;
mod miri;
mod native;
mod outside;
mod proxies;
mod reference;
mod supply;

mod bench_fetch;
mod browser_tests;
mod npm;
mod wasm_tests;

mod wasm_build;
mod wasm_runner;

mod context;

mod binaryen;
mod browsers;
mod debian;
mod nchan;
mod registry;
mod tools;
mod wasm_toolchain;

mod workspace;

mod command;
mod cpu;
mod system;

mod failure;
mod lockfile;
mod report;
mod size;
mod wasm_choice;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{compare::Comparison, context::Context, report::Style, steps::Step};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
#[command(about = "The workspace's chores", after_help = NOTE)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

const NOTE: &str = "\
What is missing is set up on the way:
  - tools from crates.io are built into a cache, ${XDG_CACHE_HOME:-~/.cache}/sse-tools;
  - rustup adds rustfmt, clippy and the target wasm32-unknown-unknown;
  - on Debian, as root or with passwordless sudo, apt-get installs Chromium with its driver, and,
    where rustup cannot fetch the target, rustc-web, cargo-web and rust-web-src. It removes nothing;
  - where Firefox is installed and its driver is not, geckodriver is built into the cache: some
    minutes, once. Where it cannot be built, or there is no Firefox, its tests are left out;
  - a TypeScript compiler comes from npm, into the cache; without npm and a `tsc` its test is left
    out. `bench fetch` needs npm, for the parser that it compares with;
  - the clients that others wrote come from npm and PyPI, into the target directory; without Node,
    npm, Python and curl their step is left out;
  - binaryen's wasm-opt comes from Debian where that is recent, else from npm, else from crates.io;
  - the documented proxies, nginx, HAProxy, Caddy and Apache, are unpacked from Debian's packages
    into the cache where they are not installed. One that can't be had is left out;
  - to compare with nchan, Debian's nginx is unpacked into the cache. It is not installed.

CHROMEDRIVER and GECKODRIVER name drivers of your own. NO_COLOR turns colours off.";

#[derive(Debug, Subcommand)]
enum Chore {
    /// Set up what is missing, then run every check and test
    Test {
        /// Leave out whatever needs a browser or the wasm toolchain
        #[arg(long, conflicts_with = "only")]
        native: bool,
        /// Run one step alone, with the set-up that it needs
        #[arg(long, value_name = "STEP")]
        only: Option<Step>,
    },
    /// Build the browser client's npm package and the dashboard's page, and print their sizes and that of a client in Rust
    Wasm,
    /// Only set up what `test` needs
    Setup,
    /// Measure, against others in the same run
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
    /// Fuzz sse-core, and what of the hub faces the network: eight targets, one after the other
    Fuzz {
        /// How long each target is fuzzed
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
        seconds: u32,
    },
    /// Write docs/configuration.md from the hub's keys
    Docs,
    /// Run sse-core's tests in Miri, the judge of unsafe code: some minutes
    Miri,
    /// Kill a hub under load again and again, and look at what its log lost: the suite's crash tests, longer
    #[command(args_conflicts_with_subcommands = true)]
    Soak {
        #[command(subcommand)]
        what: Option<Soak>,
        /// How often, with each durability; 200 take some nine minutes
        #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
enum Soak {
    /// Attack a release build at full size, and print what that costs it and those beside the attacker: some half an hour
    Attacks,
    /// Pour a thousand streams into a release build at once, and kill it in the middle: a minute
    Pours,
    /// Hostile payloads on the hub's page for ten minutes, on a release build: its memory, and tasks over 50 ms
    Page,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
enum Bench {
    /// Parsers: time per event, and the ratio to the best of the others
    Parse,
    /// The browser client over fetch: events per millisecond, beside a reader in JavaScript
    Fetch,
    #[command(flatten)]
    Compare(Comparison),
}

impl Chore {
    fn steps(&self) -> Vec<Step> {
        match self {
            Self::Test { only: Some(step), .. } => vec![*step],
            Self::Test { native: true, .. } => steps::NATIVE.to_vec(),
            Self::Test { native: false, .. } => [steps::NATIVE, steps::BROWSER].concat(),
            Self::Wasm => steps::WASM.to_vec(),
            Self::Setup => steps::SETUP.to_vec(),
            Self::Bench { what: Bench::Parse } => steps::BENCH_PARSE.to_vec(),
            Self::Bench { what: Bench::Fetch } => steps::BENCH_FETCH.to_vec(),
            Self::Docs => vec![Step::Reference],
            Self::Miri => steps::MIRI.to_vec(),
            Self::Bench { what: Bench::Compare(comparison) } => steps::bench(*comparison),
            Self::Fuzz { seconds } => steps::fuzz(*seconds),
            Self::Soak { what: Some(Soak::Attacks), .. } => vec![Step::SoakAttacks],
            Self::Soak { what: Some(Soak::Pours), .. } => vec![Step::SoakPours],
            Self::Soak { what: Some(Soak::Page), .. } => vec![Step::SoakPage],
            Self::Soak { what: None, rounds } => vec![Step::Soak { rounds: *rounds }],
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let style = Style::of_stdout();
    let done = Context::new().and_then(|context| run::all(&context, &arguments.chore.steps(), style));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", report::error_line(&failure, Style::of_stderr()));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::{
        compare::{Extent, Part},
        fuzz::Target,
    };

    fn steps(line: &str) -> Vec<Step> {
        Arguments::parse_from(line.split(' ')).chore.steps()
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn test_runs_sixteen_steps_and_nine_without_a_browser() {
        assert_eq!(steps("xtask test").len(), 16);
        assert_eq!(steps("xtask test --native"), steps::NATIVE);
        assert_eq!(steps::NATIVE.len(), 9);
    }

    #[test]
    fn fuzz_gives_each_target_the_same_time() {
        let targets = |seconds| Target::ALL.map(|target| Step::Fuzz { target, seconds });
        assert_eq!(steps("xtask fuzz")[1..], targets(10));
        assert_eq!(steps("xtask fuzz --seconds 60")[1..], targets(60));
        assert!(Arguments::try_parse_from(["xtask", "fuzz", "--seconds", "0"]).is_err(), "it would not end");
    }

    #[test]
    fn bench_builds_what_it_measures() {
        assert_eq!(steps("xtask bench parse"), steps::BENCH_PARSE);
        assert_eq!(steps("xtask bench fetch"), steps::BENCH_FETCH);
        let fanout = |extent, part| {
            [Step::Nchan, Step::BenchPrograms, Step::Bench { what: Comparison::Fanout { extent, part } }]
        };
        assert_eq!(steps("xtask bench fanout"), fanout(Extent { rounds: 5, quick: false }, None));
        let short = Extent { rounds: 5, quick: true };
        assert_eq!(steps("xtask bench fanout --quick --part latency"), fanout(short, Some(Part::Latency)));
        assert!(Arguments::try_parse_from(["xtask", "bench", "fanout", "--rounds", "0"]).is_err(), "no median");
        let store = Comparison::Store { extent: Extent { rounds: 3, quick: false } };
        assert_eq!(steps("xtask bench store --rounds 3"), [Step::BenchPrograms, Step::Bench { what: store }]);
    }

    #[test]
    fn soak_kills_hubs_attacks_them_pours_into_them_or_keeps_their_page_busy() {
        assert_eq!(steps("xtask soak"), [Step::Soak { rounds: 200 }]);
        assert_eq!(steps("xtask soak --rounds 3"), [Step::Soak { rounds: 3 }]);
        assert_eq!(steps("xtask soak attacks"), [Step::SoakAttacks]);
        assert_eq!(steps("xtask soak pours"), [Step::SoakPours]);
        assert_eq!(steps("xtask soak page"), [Step::SoakPage]);
        assert!(Arguments::try_parse_from(["xtask", "soak", "--rounds", "3", "attacks"]).is_err(), "rounds of what");
    }

    #[test]
    fn only_runs_one_step() {
        assert_eq!(steps("xtask test --only wasm-tests"), [Step::WasmTests]);
    }
}
