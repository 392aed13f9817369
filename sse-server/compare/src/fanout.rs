//! This hub compared with other servers of events: the same load on each.

mod nginx;
mod peers;
mod plan;
mod tables;

use std::path::PathBuf;

use clap::Args;

use crate::{
    common::Common,
    cores::Cores,
    load::{Figures, Load},
    progress::Progress,
    results::Results,
};
use peers::{Kind, Programs};
use plan::{Case, Part, Plan};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// The program nginx, to compare with nchan, and with TLS by it
    #[arg(long, value_name = "FILE", requires = "nchan")]
    nginx: Option<PathBuf>,
    /// nginx's module nchan, as a file
    #[arg(long, value_name = "FILE", requires = "nginx")]
    nchan: Option<PathBuf>,
    /// Another build of sse-server, to compare this one with
    #[arg(long, value_name = "FILE", env = "SSE_BENCH_BESIDE")]
    beside: Option<PathBuf>,
    /// Only this hub and the build beside it, not the servers of others
    #[arg(long, env = "SSE_BENCH_ALONE", requires = "beside")]
    alone: bool,
    /// Only this part; may be repeated
    #[arg(long, value_name = "PART", value_enum)]
    part: Vec<Part>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let Arguments { common, nginx, nchan, beside, alone, part } = arguments;
    let cores = Cores::here();
    let programs = Programs::new(common.server.clone(), beside.clone(), nginx.clone().zip(nchan.clone()))?;
    let load = Load::new(common.load.clone())?;
    let descriptors = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1024);
    let mut plan = Plan::new(common.quick, part, &programs.others(), descriptors);
    if *alone {
        plan.keep(&[Kind::HubShards, Kind::HubTls, Kind::Beside]);
    }
    let rounds = common.rounds();

    let mut results = Results::new();
    let mut progress = Progress::new(plan.cases().len() as u32 * rounds);
    for round in 1..=rounds {
        for case in plan.cases() {
            progress.step(&format!("round {round} of {rounds}: {case}"));
            results.take(*case, measure(case, &programs, &load, &cores), &mut progress);
        }
    }
    let remarks = progress.end();
    print!("{}", tables::all(&plan, &results, &remarks, rounds, &cores));
    Ok(())
}

fn measure(case: &Case, programs: &Programs, load: &Load, cores: &Cores) -> Result<Figures, String> {
    let server = programs.start(case.server, case.subscribers, cores)?;
    load.run(case.subscribers, case.options(), &server, cores)
}
