//! Servers of events under load: interleaved rounds, a fresh process every time, medians.
//!
//! ```text
//!             ┌─ plan: what is run ─▶ server: a process ─▶ load: sse-load on it ─▶ results: medians ─▶ tables
//!  fanout ────┤
//!  store  ────┘
//! ```
//!
//! [`fanout`] compares this hub with other servers, [`store`] the hub's stores with each other. `cargo xtask bench`
//! builds what they need and starts them.

mod common;
mod cores;
mod fanout;
mod files;
mod load;
mod progress;
mod results;
mod server;
mod store;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use common::Common;

#[derive(Debug, Parser)]
#[command(name = "sse-compare", about = "Measure servers of events under load, side by side")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// This hub beside other servers
    Fanout(fanout::Arguments),
    /// This hub's store on disk beside its store in memory
    Store(Common),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().what {
        What::Fanout(arguments) => fanout::run(&arguments),
        What::Store(common) => store::run(&common),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sse-compare: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
