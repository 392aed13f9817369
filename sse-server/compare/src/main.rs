//! Servers of events compared: the same load on each, interleaved rounds, a fresh process every time, medians.
//!
//! ```text
//!  plan: what is run ─▶ server: a process ─▶ load: sse-load on it ─▶ results: medians ─▶ tables
//! ```
//!
//! `cargo xtask bench fanout` builds what this needs and starts it.

mod cores;
mod load;
mod nchan;
mod plan;
mod progress;
mod results;
mod server;
mod tables;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};

use crate::{
    cores::Cores,
    load::Load,
    plan::{Case, Plan},
    progress::Progress,
    results::Results,
    server::Programs,
};

#[derive(Debug, Parser)]
#[command(name = "sse-fanout", about = "Compare servers of events under the same load")]
struct Arguments {
    /// The program sse-server
    #[arg(long, value_name = "FILE")]
    server: PathBuf,
    /// The program sse-load
    #[arg(long, value_name = "FILE")]
    load: PathBuf,
    /// The program nginx, to compare with nchan
    #[arg(long, value_name = "FILE", requires = "nchan")]
    nginx: Option<PathBuf>,
    /// nginx's module nchan, as a file
    #[arg(long, value_name = "FILE", requires = "nginx")]
    nchan: Option<PathBuf>,
    /// Rounds, of which the medians are taken, 1 to 99
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// One round with 1,000 subscribers
    #[arg(long, conflicts_with = "rounds")]
    quick: bool,
    /// Only this part; may be repeated
    #[arg(long, value_name = "PART", value_enum)]
    part: Vec<Part>,
}

/// What can be measured alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Bursts and lockstep on one topic, with memory and the time to connect
    Fanout,
    /// Many sets, patterns, topics that nobody reads, slow readers, and idling, of this hub alone
    Mixes,
    /// Events a second from 64 publishers
    Publishing,
    /// The time from publish to arrival at 1,000 subscribers
    Latency,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sse-fanout: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let cores = Cores::here();
    let nginx = arguments.nginx.clone().zip(arguments.nchan.clone());
    let programs = Programs::new(arguments.server.clone(), nginx)?;
    let load = Load::new(arguments.load.clone())?;
    let descriptors = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1024);
    let plan = Plan::new(arguments.quick, &arguments.part, programs.has_nchan(), descriptors);
    let rounds = if arguments.quick { 1 } else { arguments.rounds };

    let mut results = Results::default();
    let mut progress = Progress::new(plan.cases().len() as u32 * rounds);
    for round in 1..=rounds {
        for case in plan.cases() {
            progress.step(&format!("round {round} of {rounds}: {case}"));
            match measure(case, &programs, &load, &cores, &progress) {
                Ok(figures) => results.add(case, figures),
                Err(error) => {
                    progress.note(&format!("{case}: {error}"));
                    results.fail(case, &error);
                }
            }
        }
    }
    progress.end();
    print!("{}", tables::all(&plan, &results, rounds, &cores));
    Ok(())
}

fn measure(
    case: &Case,
    programs: &Programs,
    load: &Load,
    cores: &Cores,
    progress: &Progress,
) -> Result<load::Figures, String> {
    let server = programs.start(case.server, case.subscribers, cores)?;
    load.run(case, &server, cores, progress)
}
