//! What is depended on: `cargo deny check`, with the advisories left out where their database
//! cannot be had.

use std::{path::PathBuf, process::Stdio};

use crate::{
    command,
    context::Context,
    failure::{Failure, Result},
    outside,
    tools::{self, Tool},
};

/// The note when the advisories were not checked.
const SKIPPED: &str = "advisories skipped: their database cannot be reached";

/// Finds or builds cargo-deny.
pub(crate) fn set_up(context: &Context) -> Result<PathBuf> {
    let tool = Tool::cargo_deny();
    let directory = tools::ensure(&context.workspace, &tool)?;
    Ok(tool.path_in(&directory))
}

/// Members that are built with other people's frameworks and clients. What only they are built with reaches nobody: it
/// has to come from where all comes from, under licences that are allowed, but may have duplicates and holes.
const BESIDE: [&str; 4] = ["dashboard", "follow", "sse-compare", "testkit-on-others"];

/// Checks bans, licences and sources always, and the advisories when their database can be fetched.
pub(crate) fn check(context: &Context) -> Result<Option<String>> {
    let program = set_up(context)?;
    let all = || context.workspace.command(&program);
    let deny = || {
        let mut deny = all();
        deny.args(BESIDE.iter().flat_map(|package| ["--exclude", package]));
        deny
    };
    command::run(deny().args(["check", "bans", "licenses", "sources"]))?;
    command::run(all().args(["check", "--allow", "duplicate", "bans", "licenses", "sources"]))?;
    outside::check_dependencies(context, &program)?;

    // Fetched apart from the check, so that a real advisory can't be taken for a failure to fetch.
    let mut fetch = deny();
    fetch.args(["fetch", "db"]).env("GIT_TERMINAL_PROMPT", "0").stdin(Stdio::null());
    let fetched = fetch.output().map_err(|e| command::unstartable(&fetch, &e))?;
    if fetched.status.success() {
        return command::run(deny().args(["check", "advisories"])).map(|()| None);
    }
    let said = String::from_utf8_lossy(&fetched.stderr);
    if is_unreachable(&said) {
        println!("{SKIPPED} ({})", said.trim().lines().next_back().unwrap_or_default());
        return Ok(Some(SKIPPED.to_owned()));
    }
    Err(Failure::new(format!("`{}` failed: {}", command::line(&fetch), said.trim())))
}

/// Whether `cargo deny fetch db` failed for want of the database, as against, say, of a correct
/// configuration.
fn is_unreachable(said: &str) -> bool {
    said.contains("failed to fetch advisory database")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failure_to_fetch_skips_the_advisories() {
        let offline = "[ERROR] failed to fetch database: failed to fetch advisory database \
            https://github.com/RustSec/advisory-db with cli: failed to clone: [\"clone\"]\n\
            fatal: unable to access 'https://github.com/RustSec/advisory-db/': Could not resolve host: github.com";
        assert!(is_unreachable(offline));
        assert!(!is_unreachable("[ERROR] failed to validate configuration file deny.toml"));
        assert!(!is_unreachable("error[vulnerability]: a database of holes"));
    }
}
