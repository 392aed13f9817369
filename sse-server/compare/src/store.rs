//! The hub's store on disk: what it costs to publish and to fan out, how long a start takes, and a resume from far behind.

mod client;
mod disk;
mod hubs;
mod log;
mod measured;
mod plan;
mod tables;

use std::{thread, time::Duration};

use crate::{
    common::Common,
    cores::Cores,
    files,
    load::{Figures, Load},
    progress::Progress,
    results::Results,
    server::Server,
};
use client::Waited;
use disk::Disk;
use hubs::Hubs;
use log::Log;
use measured::{Measured, Start};
use plan::{Case, Opened, Plan, Stopped, Store};

/// Events that are published before a hub is killed, in one request.
const LAST: u32 = 1_000;

/// When everything is certainly synced, and the hub at rest.
const SYNCED: Duration = Duration::from_millis(500);

/// Between two streams, for the hub to be rid of the one before.
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) fn run(common: &Common) -> Result<(), String> {
    files::is_there(&common.server)?;
    let load = Load::new(common.load.clone())?;
    let cores = Cores::here();
    cores.keep_to_load();
    let hubs = Hubs { program: common.server.clone(), cores, disk: Disk::new()? };
    let place = hubs.disk.describe();
    let descriptors = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1024);
    let plan = Plan::new(common.quick, descriptors);
    let rounds = common.rounds();

    let mut measured = Measured { loads: Results::new(), starts: Results::new(), openings: Results::new() };
    let mut progress = Progress::new(1 + rounds * (plan.cases.len() as u32 + 1));
    if let Some(doubt) = hubs.disk.doubt() {
        progress.remark(doubt);
    }
    progress.step("filling a log");
    let log = Log::fill(&hubs, &plan, &progress);
    if let Err(error) = &log {
        progress.remark(format!("filling a log: {error}"));
    }
    for round in 1..=rounds {
        for case in &plan.cases {
            progress.step(&format!("round {round} of {rounds}: {case}"));
            measured.loads.take(*case, under_load(*case, &plan, &hubs, &load), &mut progress);
        }
        if let Ok(log) = &log {
            progress.step(&format!("round {round} of {rounds}: starts and resumes"));
            if let Err(error) = restart(log, &plan, &hubs, &mut measured, &mut progress) {
                progress.remark(error);
            }
        }
    }
    let remarks = progress.end();
    print!("{}", tables::all(&plan, &measured, &remarks, rounds, &format!("{}; {place}", hubs.cores.describe())));
    Ok(())
}

fn under_load(case: Case, plan: &Plan, hubs: &Hubs, load: &Load) -> Result<Figures, String> {
    let data = hubs.disk.empty("data")?;
    let hub = hubs.start(case.store, &data)?;
    load.run(plan.subscribers(case.work), case.work.options(plan.quick), &hub, &hubs.cores)
}

/// A start of a copy that was closed well, with streams from all depths; then one after a kill right after publishing.
fn restart(
    log: &Log,
    plan: &Plan,
    hubs: &Hubs,
    measured: &mut Measured,
    progress: &mut Progress,
) -> Result<(), String> {
    let data = hubs.disk.copy(&log.data, "copy")?;
    let mut start = |stopped| {
        let hub = hubs.start(Store::Interval, &data).map_err(|error| format!("{stopped}: {error}"))?;
        let resident = hub.resident();
        let deepest = Opened { selector: Opened::SELECTORS[0], depth: Some(plan.deepest()) };
        let first = open(&hub, deepest, log).map_err(|error| format!("{stopped}, {error}"))?;
        measured.starts.add(stopped, Start { took: hub.started_in, resident, first });
        Ok::<_, String>(hub)
    };
    let hub = start(Stopped::Terminated)?;
    let opened = (0..plan.openings).flat_map(|_| plan.streams()).try_for_each(|stream| {
        measured.openings.add(stream, open(&hub, stream, log)?);
        Ok::<_, String>(())
    });
    if let Err(error) = opened {
        progress.remark(error);
    }
    client::publish(hub.address, log::lines(LAST, 0).as_bytes())?;
    thread::sleep(SYNCED); // else they may be lost, and every stream begins with a gap, as it should
    hub.kill();
    start(Stopped::Killed).map(Server::kill)
}

fn open(hub: &Server, stream: Opened, log: &Log) -> Result<Waited, String> {
    let id = stream.depth.and_then(|depth| log.id(depth));
    let waited = client::open(hub.address, stream.selector, id).map_err(|error| format!("{stream}: {error}"));
    thread::sleep(PAUSE);
    waited
}
