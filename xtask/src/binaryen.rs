//! Binaryen's `wasm-opt`, which makes modules smaller: found, installed or built.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command,
    failure::{Failure, Result},
    registry::Package,
    system::{Apt, Distribution, find_program},
    tools::{self, Tool},
    workspace::Workspace,
};

/// Version 108, which Debian 12 has, breaks a module that has a table of references: it exports the table of functions in
/// its place.
const LEAST: u32 = 116;

/// The program in npm's package.
const NPMS: &str = ".bin/wasm-opt";

/// Finds `wasm-opt`; else installs it by `apt-get` or npm, or builds it from crates.io.
pub(crate) fn set_up(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(found) = found() {
        return Ok(found);
    }
    if let Some(installed) = by_apt().or_else(|| Package::BINARYEN.ensure(workspace, NPMS, does)) {
        return Ok(installed);
    }
    if find_program("c++").is_none() {
        return Err(Failure::new(format!(
            "there is no wasm-opt of version {LEAST} or later: install Binaryen (https://github.com/WebAssembly/binaryen), \
             npm, or a C++ compiler to build it with, and try again"
        )));
    }
    let tool = Tool::wasm_opt();
    tools::ensure(workspace, &tool).map(|directory| tool.path_in(&directory))
}

/// What is there already, on the path or in the cache.
pub(crate) fn found() -> Option<PathBuf> {
    let tool = Tool::wasm_opt();
    let built = tools::cached(&tool).ok().map(|directory| tool.path_in(&directory));
    [find_program("wasm-opt"), Package::BINARYEN.file(NPMS), built].into_iter().flatten().find(|path| does(path))
}

fn by_apt() -> Option<PathBuf> {
    if Distribution::here() == Distribution::Other {
        return None;
    }
    let apt = Apt::here()?;
    let policy = command::ask(Command::new("apt-cache").args(["policy", "binaryen"]))?;
    if candidate(&policy).is_none_or(|version| version < LEAST) {
        return None;
    }
    if let Err(failure) = apt.install(&["binaryen"]) {
        println!("{failure}");
    }
    find_program("wasm-opt").filter(|path| does(path))
}

/// Whether it runs, and is recent enough.
fn does(program: &Path) -> bool {
    let Some(said) = command::ask(Command::new(program).arg("--version")) else { return false };
    let recent = version(&said).is_some_and(|version| version >= LEAST);
    let verdict = if recent { String::new() } else { format!(", which is too old: {LEAST} is the first that does") };
    println!("{}: {said}{verdict}", program.display());
    recent
}

/// The version in `wasm-opt version 108`, or `… 132 (version_132)`.
fn version(said: &str) -> Option<u32> {
    said.strip_prefix("wasm-opt version ")?.split_ascii_whitespace().next()?.parse().ok()
}

/// The version that `apt-cache policy` would install: `  Candidate: 120-4`.
fn candidate(policy: &str) -> Option<u32> {
    let version = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Makes a module smaller, in its place.
pub(crate) fn optimise(wasm_opt: &Path, module: &Path) -> Result<()> {
    let mut optimise = Command::new(wasm_opt);
    optimise.arg("-Oz").args([module, Path::new("-o"), module]);
    println!("{}", command::line(&optimise));
    command::run(&mut optimise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_a_number() {
        assert_eq!(version("wasm-opt version 108"), Some(108));
        assert_eq!(version("wasm-opt version 132 (version_132)"), Some(132));
        assert_eq!(version("wasm-opt 132"), None);
        assert_eq!(version(""), None);
    }

    #[test]
    fn what_apt_would_install() {
        let policy = "binaryen:\n  Installed: (none)\n  Candidate: 120-4+b1\n  Version table:\n     120-4+b1 500\n";
        assert_eq!(candidate(policy), Some(120));
        assert_eq!(candidate("binaryen:\n  Installed: (none)\n  Candidate: (none)\n"), None);
        assert_eq!(candidate(""), None);
    }
}
