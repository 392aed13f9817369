//! The service from outside, in one program: its parts are built and linked once.

mod access;
mod ask;
mod certificates;
mod command;
mod connections;
mod contract;
mod durable;
mod http2;
mod jwt;
#[cfg(unix)]
mod listening;
#[cfg(unix)] // a hub is stopped by a signal
mod log;
mod pouring;
mod privacy;
#[cfg(target_os = "linux")] // it takes /dev/full and prlimit
mod process_life;
mod publishing;
mod refusals;
mod secrets;
mod shares;
mod sockets;
mod streams;
mod support;
mod tickets;
mod tls;
mod ways;

use sse_test_support::hub::Hub;

/// The program, to be started as often as a test needs it.
fn program() -> Hub {
    Hub::at(env!("CARGO_BIN_EXE_sse-server"))
}
