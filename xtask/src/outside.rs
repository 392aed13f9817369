//! The packages that the workspace excludes.

use std::path::{Path, PathBuf};

use crate::{command, context::Context, failure::Result, system};

/// They use the workspace from outside, as a user's would, or compare it with others.
const TESTED: &[&str] = &[
    DASHBOARD,
    "examples/follow",
    "examples/outside",
    "examples/testkit-on-others",
    "examples/warp-mount",
    "sse-server/compare",
];

const DASHBOARD: &str = "examples/dashboard";

/// Not run with the tests; clippy sees to it that they go on compiling.
const COMPILED: &[&str] = &["sse-core/compare", FUZZ];
const FUZZ: &str = "sse-core/fuzz";

/// One target directory for all of them, since they build the same dependencies.
pub(crate) fn target(context: &Context) -> PathBuf {
    context.target().join("outside")
}

pub(crate) fn format(context: &Context) -> Result<()> {
    TESTED.iter().chain(COMPILED).try_for_each(|package| {
        command::run(context.cargo().args(["fmt", "--check", "--manifest-path", &manifest(package)]))
    })
}

/// Clippy. A lock file that is not up to date fails here, too. The dashboard is left out: some 180 packages of its
/// framework's would be checked for nothing else, which takes minutes.
pub(crate) fn lint(context: &Context) -> Result<()> {
    all().filter(|package| *package != DASHBOARD).try_for_each(|package| {
        cargo(context, package, &["clippy", "--all-targets", "--all-features"], &["--", "-D", "warnings"])
    })
}

pub(crate) fn test(context: &Context) -> Result<()> {
    TESTED.iter().try_for_each(|package| cargo(context, package, &["test"], &[]))
}

/// `cargo deny check`, but for the advisories: what an example or a comparison is built with reaches nobody.
pub(crate) fn check_dependencies(context: &Context, cargo_deny: &Path) -> Result<()> {
    for package in all() {
        let mut deny = context.command(cargo_deny);
        deny.args(["--locked", "--config", "deny.toml", "--manifest-path", &manifest(package)]);
        // One's own tree is kept free of duplicates, not that of a framework.
        deny.args(["check", "--allow", "duplicate", "bans", "licenses", "sources"]);
        println!("{}", command::line(&deny));
        command::run(&mut deny)?;
    }
    Ok(())
}

/// All that can be built here.
fn all() -> impl Iterator<Item = &'static str> {
    let fuzzes = system::find_program("c++").is_some();
    if !fuzzes {
        println!("{FUZZ} is left out: the fuzzer's runtime needs a C++ compiler");
    }
    TESTED.iter().chain(COMPILED).copied().filter(move |package| fuzzes || *package != FUZZ)
}

fn cargo(context: &Context, package: &str, subcommand: &[&str], rest: &[&str]) -> Result<()> {
    let mut cargo = context.cargo();
    cargo.args(subcommand).args(["--locked", "--manifest-path", &manifest(package)]).args(rest);
    println!("{}", command::line(&cargo));
    command::run(cargo.env("CARGO_TARGET_DIR", target(context)))
}

fn manifest(package: &str) -> String {
    format!("{package}/Cargo.toml")
}
