//! sse-core under Miri, which sees what the few lines of `unsafe` must not do.

use crate::{
    command,
    context::Context,
    failure::{Failure, Result},
};

/// What reaches the `unsafe` code in minutes; the properties would take hours.
const TESTS: &[&[&str]] = &[&["--lib"], &["--test=it", "--", "limits::", "session::", "vectors::"]];

/// The code that stands in for it where there is no SSE2, and bytes lie the other way round.
const PORTABLE: &[&[&str]] = &[
    &["--target=s390x-unknown-linux-gnu", "--lib"],
    &["--target=s390x-unknown-linux-gnu", "--test=it", "--", "limits::"],
];

/// Adds Miri to a nightly Rust, and runs the tests with it.
pub(crate) fn tests(context: &Context) -> Result<()> {
    let installed = command::ask(context.workspace.command("rustup").args(["toolchain", "list"])).unwrap_or_default();
    let nightly = nightly(&installed).ok_or_else(|| {
        Failure::new("Miri is part of nightly Rust: `rustup toolchain install nightly` and try again")
    })?;
    command::run(context.workspace.command("rustup").args([
        "component",
        "add",
        "--toolchain",
        nightly,
        "miri",
        "rust-src",
    ]))?;

    for arguments in TESTS.iter().chain(PORTABLE) {
        let mut test = context.workspace.command("rustup");
        test.args(["run", nightly, "cargo", "miri", "test", "--package=sse-core", "--all-features"]).args(*arguments);
        test.env_remove("CARGO").env("CARGO_TARGET_DIR", context.workspace.target().join("miri"));
        // Proptest keeps what fails in a file, which Miri's isolation forbids; each case takes seconds.
        test.env("MIRIFLAGS", "-Zmiri-disable-isolation").env("PROPTEST_CASES", "5");
        command::run(&mut test)?;
    }
    Ok(())
}

/// The first nightly among the lines of `rustup toolchain list`.
fn nightly(installed: &str) -> Option<&str> {
    installed.split_ascii_whitespace().find(|word| word.starts_with("nightly"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nightly_is_found_among_the_toolchains() {
        let installed = "stable-x86_64-unknown-linux-gnu (active, default)\nnightly-2026-05-19-x86_64-apple-darwin\n";
        assert_eq!(nightly(installed), Some("nightly-2026-05-19-x86_64-apple-darwin"));
        assert_eq!(nightly("stable-x86_64-unknown-linux-gnu (default)\n"), None);
    }
}
