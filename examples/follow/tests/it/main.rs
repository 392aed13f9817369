//! The follower against scripted servers, against a real hub, and as a program.

mod answers;
mod hub;
mod program;

use std::time::Duration;

/// How long a test that hangs takes to fail.
const DEADLINE: Duration = Duration::from_secs(30);
