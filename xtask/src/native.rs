//! The workspace's own tests and checks, in one set of features: what one step has built, the next one has.
//!
//! Cargo builds a package once for each set of features that it is asked for, and which set that is follows from the
//! packages that are selected. So every command here selects the whole workspace, and filters targets by their names.
//! `tests/crash` and `tests/browser` depend on the libraries with all their features, which makes those the workspace's.

use std::{path::PathBuf, process::Command};

use crate::{command, context::Context, failure::Result, tools};

/// Programs that tests start, as the tests are built: without optimisations, and checking what release builds do not.
#[derive(Debug)]
pub(crate) struct Programs {
    /// `sse-server`
    pub(crate) hub: PathBuf,
    /// `sse-script`
    pub(crate) scripts: PathBuf,
}

/// Builds them, unless the tests have. With its integration tests cargo builds a package's programs, in the features of
/// tests, which `cargo build` would not have.
pub(crate) fn programs(context: &Context) -> Result<Programs> {
    cargo(context, &["test", "--workspace", "--no-run", "--test", "it"])?;
    let program = |name| context.workspace.program("debug", name);
    Ok(Programs { hub: program("sse-server"), scripts: program("sse-script") })
}

/// Clippy.
pub(crate) fn lint(context: &Context) -> Result<()> {
    tools::ensure_component(&context.workspace, "clippy", "clippy")?;
    cargo(context, &["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"])
}

/// Unit, integration and documentation tests, with the programs that some of them start.
pub(crate) fn test(context: &Context) -> Result<()> {
    cargo(context, &["test", "--workspace"])
}

/// Each feature of the libraries and of the hub alone, and none of them.
pub(crate) fn features(context: &Context) -> Result<()> {
    cargo(context, &["test", "--package", "sse-core", "--no-default-features", "--lib"])?;
    for feature in ["serde", "hub", "stream", "codec"] {
        cargo(context, &["check", "--package", "sse-core", "--no-default-features", "--features", feature])?;
    }
    cargo(context, &["check", "--package", "sse-testkit", "--all-targets"])?;
    for feature in ["proptest", "script-host"] {
        cargo(context, &["check", "--package", "sse-testkit", "--features", feature])?;
    }
    let hub = ["check", "--package", "sse-server", "--lib", "--no-default-features"];
    cargo(context, &hub)?;
    for feature in ["fetch", "jwt", "redb", "tls", "warp"] {
        cargo(context, &[&hub[..], &["--features", feature]].concat())?;
    }
    Ok(())
}

/// rustdoc, with warnings as errors.
pub(crate) fn document(context: &Context) -> Result<()> {
    let mut doc = context.workspace.cargo();
    doc.args(["doc", "--workspace", "--no-deps", "--all-features"]).env("RUSTDOCFLAGS", "-D warnings");
    command::run(&mut doc)
}

/// The crash tests, many rounds of them, and as many bits flipped in a log.
pub(crate) fn soak(context: &Context, rounds: u32) -> Result<()> {
    let mut flips = context.workspace.cargo();
    flips.args(["test", "--package", "sse-server", "--lib", "no_flipped_bit", "--", "--nocapture"]);
    command::run(flips.env("SSE_FLIPS", rounds.to_string()))?;
    programs(context)?;
    let mut test = context.workspace.cargo();
    test.args(["test", "--workspace", "--test", "crash", "--", "--nocapture", "with_"]);
    command::run(test.env("SSE_CRASH_ROUNDS", rounds.to_string()))
}

/// The attacks of the suite at full size, one after the other, on a release build; then all of them over TLS, at the suite's
/// size, for each connection is then three.
pub(crate) fn soak_attacks(context: &Context) -> Result<()> {
    let mut test = on_release(context, "attacks", &[])?;
    command::run(test.args(["--nocapture", "--test-threads=1", "--skip=over_tls"]).env("SSE_ATTACKS", "large"))?;
    let mut test = on_release(context, "attacks", &[])?;
    command::run(test.args(["--include-ignored", "--test-threads=1", "over_tls"]))
}

/// The suite's test of poured streams with a thousand of them, on a release build.
pub(crate) fn soak_pours(context: &Context) -> Result<()> {
    let mut test = on_release(context, "crash", &[])?;
    command::run(test.args(["--nocapture", "poured"]).env("SSE_CRASH_POURS", "1000"))
}

/// A test of the workspace, in these `features`, whose hubs are a release build; the test's own arguments are still to come.
pub(crate) fn on_release(context: &Context, test: &str, features: &[&str]) -> Result<Command> {
    cargo(context, &["build", "--release", "--package", "sse-server", "--bin", "sse-server"])?;
    let mut cargo = context.workspace.cargo();
    cargo.args(["test", "--workspace", "--test", test]).args(features).arg("--");
    cargo.env("SSE_TEST_HUB_PROGRAM", context.workspace.program("release", "sse-server"));
    Ok(cargo)
}

fn cargo(context: &Context, arguments: &[&str]) -> Result<()> {
    let mut cargo = context.workspace.cargo();
    cargo.args(arguments);
    println!("{}", command::line(&cargo));
    command::run(&mut cargo)
}
