//! Packages of npm's registry, each at one version, kept in the cache. Who has no npm does without.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{command, system::find_program, tools, workspace::Workspace};

#[derive(Debug)]
pub(crate) struct Package {
    name: &'static str,
    version: &'static str,
}

impl Package {
    /// Binaryen's `wasm-opt` as WebAssembly, so nothing has to be compiled.
    pub(crate) const BINARYEN: Self = Self { name: "binaryen", version: "132.0.0" };
    /// The compiler that tries the npm package's declarations.
    pub(crate) const TYPESCRIPT: Self = Self { name: "typescript", version: "5.9.3" };
    /// What the fetch transport is compared with.
    pub(crate) const PARSER: Self = Self { name: "eventsource-parser", version: "4.1.3" };

    /// A file of it, such as `typescript/lib/tsc.js`, or a program, such as `.bin/tsc`; whether it is there or not.
    pub(crate) fn file(&self, path: &str) -> Option<PathBuf> {
        self.directory().map(|directory| directory.join("node_modules").join(path))
    }

    /// The same, once the package is installed and it does; none without npm, or if that fails, which it says.
    pub(crate) fn ensure(&self, workspace: &Workspace, path: &str, does: impl Fn(&Path) -> bool) -> Option<PathBuf> {
        let file = self.file(path)?;
        if !(file.is_file() && does(&file)) {
            self.install(workspace, &self.directory()?)?;
        }
        Some(file).filter(|file| file.is_file() && does(file))
    }

    fn directory(&self) -> Option<PathBuf> {
        tools::cache().ok().map(|cache| cache.join(format!("{}-{}", self.name, self.version)))
    }

    fn install(&self, workspace: &Workspace, directory: &Path) -> Option<()> {
        let _ = fs::remove_dir_all(directory); // it may be there, and damaged
        let mut install = workspace.command(find_program("npm")?);
        install.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]);
        install.arg(directory).arg(format!("{}@{}", self.name, self.version));
        println!("{}", command::line(&install));
        command::run(&mut install).map_err(|failure| println!("{failure}")).ok()
    }
}
