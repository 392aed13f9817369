//! The npm package of the browser client, the page of examples/dashboard, and how much they make a browser download.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    binaryen,
    context::Context,
    failure::{Failure, Result},
    size::{self, Size},
    system,
    wasm_build::{self, Profile, Program},
};

/// What is written by hand.
const SOURCE: &str = "sse-wasm-client/js/package";
const LICENCES: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT"];

/// The module's name, and its script's, and the directory for them.
const MODULE: &str = "sse_wasm_client";
const MODULES: &str = "wasm";

/// The dashboard's module and script, and the directory for them.
const DASHBOARD: &str = "dashboard";

/// The typed client over `EventSource` with `serde_json`, compressed, is to be no larger.
const MOST: u64 = 60_000;

/// Builds the package into `target/npm/sse-wasm-client`, a typed client alone, and the dashboard's page into
/// `target/dashboard`, and says how large they are.
pub(crate) fn build_and_weigh(context: &Context) -> Result<String> {
    if system::find_program("gzip").is_none() {
        return Err(Failure::new("there is no gzip, by which sizes are told: install it, and try again".to_owned()));
    }
    let wasm_opt = context.wasm_opt()?;
    let sizes = context.workspace.target().join("npm/sizes");
    empty(&sizes)?;
    let typed = Sizes::of(wasm_opt, &wasm_build::build(context, Program::Typed, Profile::Wasm, &sizes, "typed")?)?;
    let glue = Size::of(&sizes.join("typed.js"))?;
    let directory = context.workspace.target().join("npm/sse-wasm-client");
    lay_out(context, &directory)?;
    let package = Sizes::of(
        wasm_opt,
        &wasm_build::build(context, Program::Package, Profile::Wasm, &directory.join(MODULES), MODULE)?,
    )?;
    let scripts = ["wasm/index.js", "wasm/sse_wasm_client.js", "options.js", "stream.js", "queue.js"];
    let scripts = scripts.iter().map(|name| Size::of(&directory.join(name))).collect::<Result<Vec<_>>>()?;
    let scripts = scripts.into_iter().fold(Size::default(), Size::and);
    let dashboard = context.workspace.target().join(DASHBOARD);
    empty(&dashboard)?;
    let page =
        Sizes::of(wasm_opt, &wasm_build::build(context, Program::Dashboard, Profile::Wasm, &dashboard, DASHBOARD)?)?;
    let page_glue = Size::of(&dashboard.join("dashboard.js"))?;

    let rows = [
        ("a typed client in Rust, by EventSource", Some(typed.built), typed.optimised),
        ("  its script", None, glue),
        ("the npm package's module", Some(package.built), package.optimised),
        ("  its scripts", None, scripts),
        ("examples/dashboard, with Leptos", Some(page.built), page.optimised),
        ("  its script", None, page_glue),
    ];
    print!("\n{}", size::table(&rows));
    println!("{}\n{}", directory.display(), dashboard.display());

    let weight = typed.optimised.compressed;
    if weight > MOST {
        return Err(Failure::new(format!(
            "the typed client takes {weight} bytes after wasm-opt and gzip, and is to take {MOST} at most"
        )));
    }
    Ok(format!(
        "gzipped: a typed client {}, the npm package {}, the dashboard {}",
        size::kilobytes(weight),
        size::kilobytes(package.optimised.and(scripts).compressed),
        size::kilobytes(page.optimised.and(page_glue).compressed),
    ))
}

/// What browsers are driven against: directories of their own.
#[derive(Debug)]
pub(crate) struct Tested {
    pub(crate) package: PathBuf,
    pub(crate) dashboard: PathBuf,
}

/// Builds the package and the dashboard's page for tests: quickly, and large.
pub(crate) fn build_for_tests(context: &Context) -> Result<Tested> {
    let package = context.workspace.target().join("npm/tested");
    lay_out(context, &package)?;
    let dashboard = context.workspace.target().join(DASHBOARD).join("tested");
    empty(&dashboard)?;
    wasm_build::build(context, Program::Package, Profile::Dev, &package.join(MODULES), MODULE)?;
    wasm_build::build(context, Program::Dashboard, Profile::Dev, &dashboard, DASHBOARD)?;
    Ok(Tested { package, dashboard })
}

/// A module before and after `wasm-opt`.
struct Sizes {
    built: Size,
    optimised: Size,
}

impl Sizes {
    fn of(wasm_opt: &Path, module: &Path) -> Result<Self> {
        let built = Size::of(module)?;
        binaryen::optimise(wasm_opt, module)?;
        Ok(Self { built, optimised: Size::of(module)? })
    }
}

/// Everything of the package but the module.
fn lay_out(context: &Context, directory: &Path) -> Result<()> {
    empty(directory)?;
    let source = context.workspace.root().join(SOURCE);
    copy(&source, directory)?;
    for name in LICENCES {
        let from = context.workspace.root().join(name);
        fs::copy(&from, directory.join(name)).map_err(|e| failure("copy", &from, &e))?;
    }
    let manifest = source.join("package.json");
    let text = fs::read_to_string(&manifest).map_err(|e| failure("read", &manifest, &e))?;
    let manifest = directory.join("package.json");
    fs::write(&manifest, filled(&text)).map_err(|e| failure("write", &manifest, &e))
}

/// The manifest with what Cargo knows: this program has the workspace's version and licence.
fn filled(manifest: &str) -> String {
    manifest.replace("{version}", env!("CARGO_PKG_VERSION")).replace("{license}", env!("CARGO_PKG_LICENSE"))
}

/// Copies what is in a directory, and in those in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).map_err(|e| failure("read", from, &e))? {
        let path = entry.map_err(|e| failure("read", from, &e))?.path();
        let to = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            empty(&to)?;
            copy(&path, &to)?;
        } else {
            fs::copy(&path, &to).map_err(|e| failure("copy", &path, &e))?;
        }
    }
    Ok(())
}

/// An empty directory.
fn empty(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).map_err(|e| failure("empty", directory, &e))?;
    }
    fs::create_dir_all(directory).map_err(|e| failure("make", directory, &e))
}

fn failure(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_has_cargos_version_and_licence() {
        let manifest = filled(include_str!("../../sse-wasm-client/js/package/package.json"));
        assert!(manifest.contains(&format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"))), "{manifest}");
        assert!(manifest.contains("\"license\": \"(MIT OR Apache-2.0)\""), "{manifest}");
    }
}
