//! What a client, the network, the disk or the clock can do to the hub, done to the program, and what is right then.
//!
//! Each attack is a line of a table in `attacks`: its name, what it sends, and what is right. For all of them it is right
//! that the hub lives, that nobody beside the attacker loses an event or a publish, that memory stays within a bound,
//! that nothing panics, and that the hub ends in good order when it is told to ([`stage`]). Some begin a hub of their
//! own, since what is attacked is its start or its end ([`stage::alone`]).
//!
//! In the suite the sizes are small: so that what grows without a bound is seen by a count, a state or a number of
//! bytes. `SSE_ATTACKS=large`, which `cargo xtask soak attacks` sets, makes them as large as a single machine can, and
//! prints for each what memory it took and what those beside it waited.

#![cfg(target_os = "linux")]

mod http1;
mod http2;

mod tunnel;

mod attacker;
mod bystanders;
mod target;

mod stage;

mod attacks;

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// A megabyte.
const MB: u64 = 1 << 20;

/// Nothing takes so long, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(20);

/// Waits until a condition holds.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "in {PATIENCE:?} it did not come to pass that {what}");
        sleep(LOOK).await;
    }
}
