//! The program, killed with SIGKILL at random moments under load, and started again on what it left on the disk.
//!
//! A chain is some lives of a hub on one directory. A life: what the disk holds is read, everyone who held an ID
//! resumes, some publish again what they had published before, then there is load until the kill. What was seen goes
//! into a record, and the oracle says what of it must not be.
//!
//! `SSE_CRASH_ROUNDS` is the number of kills for each durability, `SSE_CRASH_SEED` repeats what was drawn.

mod record;

mod oracle;

mod chain;
mod client;
mod disk;
mod draw;
mod load;
mod pours;

use std::{fmt::Display, io::Write, str::FromStr};

use chain::{Chain, Plan};
use draw::Draw;
use record::Durability;

/// Kills in the suite; the soak sets `SSE_CRASH_ROUNDS`.
const ROUNDS: u64 = 5;

/// Kills on one directory.
const CHAIN: u64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_always_nothing_acknowledged_or_shown_is_lost() {
    rounds(Durability::Always, &[Plan::Burst, Plan::Burst, Plan::Quiet, Plan::Burst, Plan::Long]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_interval_the_loss_is_within_the_window_and_announced() {
    rounds(Durability::Interval, &[Plan::Burst, Plan::Long, Plan::Quiet, Plan::Long, Plan::Burst]).await;
}

async fn rounds(durability: Durability, plans: &[Plan]) {
    let rounds = setting("SSE_CRASH_ROUNDS").unwrap_or(ROUNDS);
    let seed = setting("SSE_CRASH_SEED").unwrap_or_else(|| getrandom::u64().unwrap());
    eprintln!("{durability}: SSE_CRASH_SEED={seed} SSE_CRASH_ROUNDS={rounds}");
    let mut draw = Draw::new(seed);
    let mut chain = Chain::begin(durability, draw.fork()).await;
    for round in 0..rounds {
        if round > 0 && round % CHAIN == 0 {
            chain = Chain::begin(durability, draw.fork()).await;
        }
        let told = chain.round(plans[round as usize % plans.len()]).await;
        if rounds > ROUNDS {
            progress(&format!("{durability}: round {} of {rounds}: {told}", round + 1));
        }
    }
}

/// A number from the environment.
fn setting<T: FromStr<Err: Display>>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

/// Past the test harness, which keeps what a test prints until its end.
fn progress(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
