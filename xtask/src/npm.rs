//! The npm package of the browser client, and how much a page downloads.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    binaryen,
    context::Context,
    failure::{Failure, Result},
    size::{self, Size},
    wasm::{self, Program},
};

/// What is written by hand.
const SOURCE: &str = "sse-wasm-client/js/package";
const FILES: &[&str] = &["index.js", "index.d.ts", "options.js", "README.md"];
const LICENCES: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT"];

/// The module's name, and its script's.
const MODULE: &str = "sse_wasm_client";

/// The typed client over `EventSource` with `serde_json`, compressed, is to be no larger.
const MOST: u64 = 60_000;

/// Builds the package into `target/npm/sse-wasm-client`, and a typed client alone, and says how large they are.
pub(crate) fn build_and_weigh(context: &Context) -> Result<String> {
    let wasm_opt = context.wasm_opt()?;
    let sizes = context.target().join("npm/sizes");
    empty(&sizes)?;
    let typed = Sizes::of(wasm_opt, &wasm::build(context, Program::Typed, &sizes, "typed")?)?;
    let glue = Size::of(&sizes.join("typed.js"))?;
    let directory = context.target().join("npm/sse-wasm-client");
    lay_out(context, &directory)?;
    let package = Sizes::of(wasm_opt, &wasm::build(context, Program::Package, &directory, MODULE)?)?;
    let scripts = ["index.js", "options.js", "sse_wasm_client.js"];
    let scripts = scripts.iter().map(|name| Size::of(&directory.join(name))).collect::<Result<Vec<_>>>()?;
    let scripts = scripts.into_iter().fold(Size::default(), Size::and);

    let rows = [
        ("a typed client in Rust, by EventSource", Some(typed.built), typed.optimised),
        ("  its script", None, glue),
        ("the npm package's module", Some(package.built), package.optimised),
        ("  its scripts", None, scripts),
    ];
    print!("\n{}", size::table(&rows));
    println!("{}", directory.display());

    let weight = typed.optimised.compressed;
    if weight > MOST {
        return Err(Failure::new(format!(
            "the typed client takes {weight} bytes after wasm-opt and gzip, and is to take {MOST} at most"
        )));
    }
    Ok(format!(
        "gzipped: a typed client {}, the npm package {}",
        size::kilobytes(weight),
        size::kilobytes(package.optimised.and(scripts).compressed),
    ))
}

/// Builds the package for tests, in a directory of its own. They do without `wasm-opt` where it is not there yet.
pub(crate) fn build_for_tests(context: &Context) -> Result<PathBuf> {
    let directory = context.target().join("npm/tested");
    lay_out(context, &directory)?;
    let module = wasm::build(context, Program::Package, &directory, MODULE)?;
    if let Some(wasm_opt) = binaryen::found() {
        binaryen::optimise(&wasm_opt, &module)?;
    }
    Ok(directory)
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
    let source = context.root().join(SOURCE);
    for (from, names) in [(source.as_path(), FILES), (context.root(), LICENCES)] {
        for name in names {
            let from = from.join(name);
            fs::copy(&from, directory.join(name)).map_err(|e| failure("copy", &from, &e))?;
        }
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
        assert!(FILES.iter().all(|name| *name == "README.md" || manifest.contains(name)), "npm leaves others out");
    }
}
