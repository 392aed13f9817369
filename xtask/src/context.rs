//! The workspace, and what set-up has found for it: each thing is looked for once in a run.

use std::{
    cell::OnceCell,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    binaryen, browsers,
    failure::{Failure, Result},
    lockfile,
    nchan::{self, Nchan},
    tools::{self, Tool},
    wasm_toolchain::{self, Toolchain},
    workspace::Workspace,
};

/// The workspace, and the results of the set-up steps, which later steps ask for without minding
/// whether those ran.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) workspace: Workspace,
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
        Ok(Self {
            workspace: Workspace::here()?,
            wasm_toolchain: OnceCell::new(),
            wasm_bindgen: OnceCell::new(),
            wasm_opt: OnceCell::new(),
            chromedriver: OnceCell::new(),
            geckodriver: OnceCell::new(),
            cargo_fuzz: OnceCell::new(),
            nchan: OnceCell::new(),
        })
    }

    /// The compiler to build for the browser with; set up at the first call.
    pub(crate) fn wasm_toolchain(&self) -> Result<&Toolchain> {
        once(&self.wasm_toolchain, || wasm_toolchain::set_up(&self.workspace))
    }

    /// The directory of `wasm-bindgen` and its test runner, of the version that `Cargo.lock` names; set up
    /// at the first call.
    pub(crate) fn wasm_bindgen(&self) -> Result<&Path> {
        let directory = once(&self.wasm_bindgen, || {
            let path = self.workspace.root().join("Cargo.lock");
            let lock =
                fs::read_to_string(&path).map_err(|e| Failure::new(format!("cannot read {}: {e}", path.display())))?;
            let version = lockfile::version(&lock, "wasm-bindgen").ok_or_else(|| {
                Failure::new("Cargo.lock has no wasm-bindgen: run `cargo update --workspace` and try again")
            })?;
            tools::ensure(&self.workspace, &Tool::wasm_bindgen(version))
        })?;
        Ok(directory)
    }

    /// The program `wasm-opt`; set up at the first call.
    pub(crate) fn wasm_opt(&self) -> Result<&Path> {
        let program = once(&self.wasm_opt, || binaryen::set_up(&self.workspace))?;
        Ok(program)
    }

    /// The driver of an installed Chrome or Chromium; set up at the first call.
    pub(crate) fn chromedriver(&self) -> Result<&Path> {
        let driver = once(&self.chromedriver, browsers::set_up)?;
        Ok(driver)
    }

    /// Firefox's driver, where Firefox is installed and its driver can be had; set up at the first call.
    pub(crate) fn geckodriver(&self) -> Result<Option<&Path>> {
        once(&self.geckodriver, || browsers::set_up_firefox(&self.workspace)).map(Option::as_deref)
    }

    /// The program `cargo-fuzz`; set up at the first call.
    pub(crate) fn cargo_fuzz(&self) -> Result<&Path> {
        let tool = Tool::cargo_fuzz();
        let program = once(&self.cargo_fuzz, || Ok(tool.path_in(&tools::ensure(&self.workspace, &tool)?)))?;
        Ok(program)
    }

    /// nginx with nchan, where that can be had; set up at the first call.
    pub(crate) fn nchan(&self) -> Option<&Nchan> {
        self.nchan.get_or_init(|| nchan::set_up(&self.workspace)).as_ref()
    }
}

fn once<T>(cell: &OnceCell<T>, find: impl FnOnce() -> Result<T>) -> Result<&T> {
    match cell.get() {
        Some(found) => Ok(found),
        None => find().map(|found| cell.get_or_init(|| found)),
    }
}
