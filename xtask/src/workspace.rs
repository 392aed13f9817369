//! Where the workspace lies, and commands that run in it.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use crate::failure::{Failure, Result};

/// The workspace that this program was started in.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// The one in which `cargo xtask` was called.
    pub(crate) fn here() -> Result<Self> {
        let root = env::var_os("CARGO_MANIFEST_DIR")
            .and_then(|dir| Path::new(&dir).parent().map(Path::to_owned))
            .ok_or_else(|| Failure::new("start this program as `cargo xtask`, inside the workspace"))?;
        // <target>/<profile>/xtask: true whatever the user's configuration says about the target directory.
        let target = env::current_exe()
            .ok()
            .and_then(|exe| exe.parent()?.parent().map(Path::to_owned))
            .unwrap_or_else(|| root.join("target"));
        Ok(Self { root, target })
    }

    /// The workspace's directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The directory that cargo builds this workspace in.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// A program that cargo has built with this profile's directory.
    pub(crate) fn program(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }

    /// A command that runs in the workspace's root.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        // A third of the processor time of building the tests is for building them again, and for lines in backtraces. Who
        // wants either has it from cargo itself.
        command.env("CARGO_INCREMENTAL", "0").env("CARGO_PROFILE_DEV_DEBUG", "0");
        // Those of this package. ring's build script looks at them, and all that depends on it would be built once more
        // whenever another package runs cargo.
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
                command.env_remove(name);
            }
        }
        command
    }

    /// The cargo that started this program.
    pub(crate) fn cargo(&self) -> Command {
        self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }
}
