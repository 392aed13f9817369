//! The hub as a program.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use crate::process::Process;

/// The program `sse-server`, to be started as often as a test needs it.
#[derive(Debug, Clone)]
pub struct Hub {
    program: PathBuf,
}

impl Hub {
    /// The program at this path.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into() }
    }

    /// The one that `SSE_TEST_HUB_PROGRAM` names. Without that variable, the debug build, which cargo makes if it is not
    /// of the code as it is now.
    ///
    /// # Panics
    /// If it can't be built.
    pub fn built() -> Self {
        static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
        let named = env::var_os("SSE_TEST_HUB_PROGRAM").map(PathBuf::from);
        Self::at(named.unwrap_or_else(|| PROGRAM.get_or_init(build).clone()))
    }

    /// The program with these settings, apart from the user's own, which must not decide a test. It stores in memory
    /// unless the settings say otherwise, so that it leaves nothing behind.
    pub fn command(&self, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SSE__")) {
            command.env_remove(name);
        }
        command.env("SSE__STORE__KIND", "memory").envs(settings.iter().copied());
        command
    }

    /// Runs the program to its end.
    ///
    /// # Panics
    /// If it can't be started.
    pub fn run(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
        let mut command = self.command(settings);
        command.args(arguments).output().unwrap_or_else(|error| panic!("{}: {error}", self.program.display()))
    }

    /// Starts a hub on a port that is free.
    ///
    /// # Panics
    /// If it does not come to listen.
    pub fn start(&self, settings: &[(&str, &str)]) -> Process {
        self.start_at("127.0.0.1:0", settings)
    }

    /// Starts a hub that listens on this address.
    ///
    /// # Panics
    /// If it does not come to listen.
    pub fn start_at(&self, listen: &str, settings: &[(&str, &str)]) -> Process {
        let mut command = self.command(settings);
        command.args(["--listen", listen]).env("SSE__TELEMETRY__LOG", "warn");
        Process::start(&mut command).unwrap_or_else(|why| panic!("{why}"))
    }
}

/// Has cargo build it as it is built for the workspace's integration tests: `cargo build` would give it other features, and build
/// all that it depends on again.
fn build() -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut build = Command::new(cargo);
    build.args(["test", "--quiet", "--workspace", "--no-run", "--test", "it"]).current_dir(&root);
    // Those of the test's package: ring's build script looks at them, and would have all that depends on it built again.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            build.env_remove(name);
        }
    }
    // A test's program lies in <target>/<profile>/deps.
    let profile = env::current_exe().ok().and_then(|own| Some(own.parent()?.parent()?.to_owned()));
    let profile = profile.unwrap_or_else(|| root.join("target/debug"));
    if profile.file_name() == Some(OsStr::new("release")) {
        build.arg("--release");
    }
    assert!(build.status().is_ok_and(|status| status.success()), "cargo can't build sse-server");
    profile.join(format!("sse-server{}", env::consts::EXE_SUFFIX))
}
