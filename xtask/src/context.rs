//! Where the workspace lies, and what set-up has found: each thing is looked for once in a run.

use std::{
    cell::OnceCell,
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    binaryen, browser,
    failure::{Failure, Result},
    lockfile,
    nchan::{self, Nchan},
    tools::{self, Tool},
    wasm::{self, Toolchain},
};

/// The workspace, and the results of the set-up steps, which later steps ask for without minding
/// whether those ran.
#[derive(Debug)]
pub(crate) struct Context {
    root: PathBuf,
    target: PathBuf,
    wasm_toolchain: OnceCell<Toolchain>,
    wasm_bindgen: OnceCell<PathBuf>,
    wasm_opt: OnceCell<PathBuf>,
    chromedriver: OnceCell<PathBuf>,
    geckodriver: OnceCell<Option<PathBuf>>,
    cargo_fuzz: OnceCell<PathBuf>,
    nchan: OnceCell<Option<Nchan>>,
}

impl Context {
    /// The workspace that this program was started in by `cargo xtask`.
    pub(crate) fn new() -> Result<Self> {
        let root = env::var_os("CARGO_MANIFEST_DIR")
            .and_then(|dir| Path::new(&dir).parent().map(Path::to_owned))
            .ok_or_else(|| Failure::new("start this program as `cargo xtask`, inside the workspace"))?;
        // <target>/<profile>/xtask: true whatever the user's configuration says about the target
        // directory.
        let target = env::current_exe()
            .ok()
            .and_then(|exe| exe.parent()?.parent().map(Path::to_owned))
            .unwrap_or_else(|| root.join("target"));
        Ok(Self {
            root,
            target,
            wasm_toolchain: OnceCell::new(),
            wasm_bindgen: OnceCell::new(),
            wasm_opt: OnceCell::new(),
            chromedriver: OnceCell::new(),
            geckodriver: OnceCell::new(),
            cargo_fuzz: OnceCell::new(),
            nchan: OnceCell::new(),
        })
    }

    /// The workspace's directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The directory that cargo builds this workspace in.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// A command that runs in the workspace's root.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// The cargo that started this program.
    pub(crate) fn cargo(&self) -> Command {
        self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// The compiler to build for the browser with; set up at the first call.
    pub(crate) fn wasm_toolchain(&self) -> Result<&Toolchain> {
        once(&self.wasm_toolchain, || wasm::set_up(self))
    }

    /// The directory of `wasm-bindgen` and its test runner, of the version that `Cargo.lock` names; set up
    /// at the first call.
    pub(crate) fn wasm_bindgen(&self) -> Result<&Path> {
        let directory = once(&self.wasm_bindgen, || {
            let path = self.root.join("Cargo.lock");
            let lock =
                fs::read_to_string(&path).map_err(|e| Failure::new(format!("cannot read {}: {e}", path.display())))?;
            let version = lockfile::version(&lock, "wasm-bindgen").ok_or_else(|| {
                Failure::new("Cargo.lock has no wasm-bindgen: run `cargo update --workspace` and try again")
            })?;
            tools::ensure(self, &Tool::wasm_bindgen(version))
        })?;
        Ok(directory)
    }

    /// The program `wasm-opt`; set up at the first call.
    pub(crate) fn wasm_opt(&self) -> Result<&Path> {
        let program = once(&self.wasm_opt, || binaryen::set_up(self))?;
        Ok(program)
    }

    /// The driver of an installed Chrome or Chromium; set up at the first call.
    pub(crate) fn chromedriver(&self) -> Result<&Path> {
        let driver = once(&self.chromedriver, browser::set_up)?;
        Ok(driver)
    }

    /// Firefox's driver, where Firefox is installed and its driver can be had; set up at the first call.
    pub(crate) fn geckodriver(&self) -> Result<Option<&Path>> {
        once(&self.geckodriver, || browser::set_up_firefox(self)).map(Option::as_deref)
    }

    /// The program `cargo-fuzz`; set up at the first call.
    pub(crate) fn cargo_fuzz(&self) -> Result<&Path> {
        let tool = Tool::cargo_fuzz();
        let program = once(&self.cargo_fuzz, || Ok(tool.path_in(&tools::ensure(self, &tool)?)))?;
        Ok(program)
    }

    /// nginx with nchan, where that can be had; set up at the first call.
    pub(crate) fn nchan(&self) -> Option<&Nchan> {
        self.nchan.get_or_init(|| nchan::set_up(self)).as_ref()
    }
}

fn once<T>(cell: &OnceCell<T>, find: impl FnOnce() -> Result<T>) -> Result<&T> {
    match cell.get() {
        Some(found) => Ok(found),
        None => find().map(|found| cell.get_or_init(|| found)),
    }
}
