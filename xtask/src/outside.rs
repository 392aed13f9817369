//! The packages that the workspace excludes: each has a reason, in its manifest and the workspace's.

use std::{path::Path, process::Command};

use crate::{command, context::Context, failure::Result};

/// A package outside the workspace.
struct Package {
    manifest: &'static str,
    tested: bool,
    /// What clippy is told besides.
    linted_with: &'static [&'static str],
}

const PACKAGES: &[Package] = &[
    // It uses the libraries as a crate elsewhere does.
    Package { manifest: "examples/outside/Cargo.toml", tested: true, linted_with: &[] },
    // It depends on another crate called sse-core.
    Package { manifest: "sse-core/compare/Cargo.toml", tested: false, linted_with: &[] },
    // They are built with a sanitizer. Their code is looked at without the fuzzer's runtime, which is C++.
    Package { manifest: "sse-core/fuzz/Cargo.toml", tested: false, linted_with: &["--no-default-features"] },
    Package { manifest: "sse-server/fuzz/Cargo.toml", tested: false, linted_with: &["--no-default-features"] },
];

pub(crate) fn format(context: &Context) -> Result<()> {
    PACKAGES.iter().try_for_each(|package| {
        let mut format = context.workspace.cargo();
        run(format.args(["fmt", "--check", "--manifest-path", package.manifest]))
    })
}

/// Clippy. A lock file that is not up to date fails here, too.
pub(crate) fn lint(context: &Context) -> Result<()> {
    PACKAGES.iter().try_for_each(|package| {
        let mut clippy = cargo(context, "clippy", package);
        run(clippy.arg("--all-targets").args(package.linted_with).args(["--", "-D", "warnings"]))
    })
}

pub(crate) fn test(context: &Context) -> Result<()> {
    PACKAGES.iter().filter(|package| package.tested).try_for_each(|package| run(&mut cargo(context, "test", package)))
}

/// `cargo deny check`, but for the advisories: what an example or a comparison is built with reaches nobody.
pub(crate) fn check_dependencies(context: &Context, cargo_deny: &Path) -> Result<()> {
    PACKAGES.iter().try_for_each(|package| {
        let mut deny = context.workspace.command(cargo_deny);
        deny.args(["--locked", "--config", "deny.toml", "--manifest-path", package.manifest]);
        // One's own tree is kept free of duplicates.
        run(deny.args(["check", "--allow", "duplicate", "bans", "licenses", "sources"]))
    })
}

/// In the workspace's target directory: what both need with the same features is built once.
fn cargo(context: &Context, subcommand: &str, package: &Package) -> Command {
    let mut cargo = context.workspace.cargo();
    cargo.args([subcommand, "--locked", "--manifest-path", package.manifest]);
    cargo.env("CARGO_TARGET_DIR", context.workspace.target());
    cargo
}

fn run(command: &mut Command) -> Result<()> {
    println!("{}", command::line(command));
    command::run(command)
}
