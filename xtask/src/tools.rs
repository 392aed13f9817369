//! Tools that cargo or rustup can install: looked for first, of one version, and kept in a cache of
//! their own.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command,
    failure::{Failure, Result},
    system,
    workspace::Workspace,
};

/// A program from crates.io at one version.
#[derive(Debug)]
pub(crate) struct Tool {
    /// The cache directory is `<name>-<version>`.
    name: &'static str,
    package: &'static str,
    /// The program that is run, and asked for its version.
    program: &'static str,
    version: String,
}

impl Tool {
    /// wasm-bindgen's test runner: its version must be the library's to the last digit.
    pub(crate) fn wasm_bindgen(version: &str) -> Self {
        let (package, program) = ("wasm-bindgen-cli", "wasm-bindgen-test-runner");
        Self { name: "wasm-bindgen", package, program, version: version.to_owned() }
    }

    /// The version that `deny.toml` is written for.
    pub(crate) fn cargo_deny() -> Self {
        Self { name: "cargo-deny", package: "cargo-deny", program: "cargo-deny", version: "0.20.2".to_owned() }
    }

    /// Builds and runs fuzz targets.
    pub(crate) fn cargo_fuzz() -> Self {
        Self { name: "cargo-fuzz", package: "cargo-fuzz", program: "cargo-fuzz", version: "0.13.2".to_owned() }
    }

    /// Drives Firefox of any version that is not years apart, so one of another version on the path is as good.
    pub(crate) fn geckodriver() -> Self {
        Self { name: "geckodriver", package: "geckodriver", program: "geckodriver", version: "0.37.1".to_owned() }
    }

    /// Binaryen's `wasm-opt`, built from source. It tells Binaryen's version, which is the package's second number.
    pub(crate) fn wasm_opt() -> Self {
        Self { name: "wasm-opt", package: "wasm-opt", program: "wasm-opt", version: "0.116.1".to_owned() }
    }

    /// The program's path in this directory.
    pub(crate) fn path_in(&self, directory: &Path) -> PathBuf {
        directory.join(format!("{}{}", self.program, env::consts::EXE_SUFFIX))
    }

    fn directory(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// Whether the program in this directory is of the version.
    fn is_in(&self, directory: &Path) -> bool {
        let said = command::ask(Command::new(self.path_in(directory)).arg("--version"));
        said.is_some_and(|said| says_version(&said, &self.version))
    }
}

/// Whether `--version` said this version: `cargo-deny 0.20.2`, `wasm-bindgen-test-runner 0.2.130
/// (0123abc)`, `wasm-opt version 116 (version_116)` for 0.116.1.
fn says_version(said: &str, version: &str) -> bool {
    let mut words = said.split_ascii_whitespace().skip(1);
    match words.next() {
        Some("version") => words.next().is_some_and(|said| Some(said) == version.split('.').nth(1)),
        said => said == Some(version),
    }
}

/// The directory of the tool: on the path, in the cache, or in the cache after building it.
pub(crate) fn ensure(workspace: &Workspace, tool: &Tool) -> Result<PathBuf> {
    let found = system::find_program(tool.program).and_then(|path| path.parent().map(Path::to_owned));
    let binaries = cached(tool)?;
    for directory in found.iter().chain([&binaries]) {
        if tool.is_in(directory) {
            println!("{} {}: {}", tool.program, tool.version, tool.path_in(directory).display());
            return Ok(directory.clone());
        }
    }
    let cached = cache()?.join(tool.directory());
    println!("building {} {} into {}: some minutes, once", tool.package, tool.version, cached.display());
    // A registry mirror may lag behind the package's own lock file: then any versions that fit will
    // do.
    install(workspace, tool, &cached, true).or_else(|failure| {
        println!("{failure}; trying again without the package's own lock file");
        install(workspace, tool, &cached, false)
    })?;
    if tool.is_in(&binaries) {
        return Ok(binaries);
    }
    Err(Failure::new(format!("{} is not {} {}: remove {}", tool.program, tool.package, tool.version, cached.display())))
}

/// The directory of a tool's programs in the cache, whether they are there or not.
pub(crate) fn cached(tool: &Tool) -> Result<PathBuf> {
    Ok(cache()?.join(tool.directory()).join("bin"))
}

fn install(workspace: &Workspace, tool: &Tool, root: &Path, locked: bool) -> Result<()> {
    let mut install = workspace.cargo();
    install.args(["install", tool.package, "--version", &tool.version, "--root"]).arg(root);
    if locked {
        install.arg("--locked");
    }
    command::run(&mut install)
}

/// `${XDG_CACHE_HOME:-~/.cache}/sse-tools`
pub(crate) fn cache() -> Result<PathBuf> {
    let named = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    named
        .or_else(|| env::home_dir().map(|home| home.join(".cache")))
        .map(|caches| caches.join("sse-tools"))
        .ok_or_else(|| Failure::new("there is no home directory: set XDG_CACHE_HOME to where tools may be kept"))
}

/// Adds a rustup component unless its cargo subcommand works.
pub(crate) fn ensure_component(workspace: &Workspace, component: &str, subcommand: &str) -> Result<()> {
    let works = || command::ask(workspace.cargo().args([subcommand, "--version"])).is_some();
    if works() {
        return Ok(());
    }
    println!("rustup component add {component}");
    let added = command::run(workspace.command("rustup").args(["component", "add", component]));
    if added.is_ok() && works() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{component} is missing and rustup cannot add it: install {component} for the Rust in use and try again"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_must_match_to_the_last_digit() {
        assert!(says_version("cargo-deny 0.20.2", "0.20.2"));
        assert!(says_version("geckodriver 0.37.1\n\nThe source code of this program is available from", "0.37.1"));
        assert!(says_version("wasm-bindgen-test-runner 0.2.130 (0123abc)", "0.2.130"));
        assert!(!says_version("wasm-bindgen-test-runner 0.2.13", "0.2.130"));
        assert!(!says_version("wasm-bindgen-test-runner 0.2.130", "0.2.13"));
        assert!(!says_version("", "0.2.13"));
        assert!(says_version("wasm-opt version 116", "0.116.1"));
        assert!(says_version("wasm-opt version 116 (version_116)", "0.116.1"));
        assert!(!says_version("wasm-opt version 108", "0.116.1") && !says_version("wasm-opt version", "0"));
    }
}
