//! A package: what its manifest says that it depends on, and its crates.

use std::{
    fs,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use crate::{edges::Edges, source::Crate};

/// A package: its manifest, and its library and programs, the library first.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the workspace, as all paths here.
    pub(crate) manifest: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) crates: Vec<(Crate, Edges)>,
}

/// A package that another depends on, other than for its tests.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) package: String,
    pub(crate) line: usize,
    pub(crate) optional: bool,
}

impl Package {
    /// Reads a package. `shared` are the dependencies of the workspace.
    pub(crate) fn read(root: &Path, folder: &Path, shared: Option<&Value>) -> Result<Self, String> {
        let manifest = folder.join("Cargo.toml");
        let (table, text) = table(root, &manifest)?;
        let name = table.get("package").and_then(|package| package.get("name")).and_then(Value::as_str);
        let name = name.ok_or_else(|| format!("{}: no package.name", manifest.display()))?.to_owned();
        let read = |path: &Path| fs::read_to_string(root.join(path));
        let mut crates = Vec::new();
        for path in roots(root, folder, &table) {
            let of = Crate::read(&path, &read)?;
            let edges = Edges::of(&of);
            crates.push((of, edges));
        }
        Ok(Self { name, dependencies: dependencies(&table, &text, shared), manifest, crates })
    }
}

/// The root files of a package's library and programs, the library's first.
fn roots(root: &Path, folder: &Path, manifest: &Table) -> Vec<PathBuf> {
    let given = |target: &Value| target.get("path").and_then(Value::as_str).map(|path| folder.join(path));
    let library = manifest.get("lib").and_then(given).unwrap_or_else(|| folder.join("src/lib.rs"));
    let programs = manifest.get("bin").and_then(Value::as_array).into_iter().flatten().filter_map(given);
    let mut roots: Vec<_> = [library, folder.join("src/main.rs")].into_iter().chain(programs).collect();
    roots.extend(listed(root, &folder.join("src/bin"), |path| path.extension().is_some_and(|e| e == "rs")));
    roots.extend(listed(root, &folder.join("src/bin"), Path::is_dir).into_iter().map(|path| path.join("main.rs")));
    roots.retain(|path| root.join(path).exists());
    roots.dedup();
    roots
}

/// What is in a folder, in order.
pub(crate) fn listed(root: &Path, folder: &Path, which: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
    let mut listed: Vec<_> =
        entries.filter(|entry| which(&entry.path())).map(|entry| folder.join(entry.file_name())).collect();
    listed.sort();
    listed
}

/// A manifest, and its text.
pub(crate) fn table(root: &Path, path: &Path) -> Result<(Table, String), String> {
    let text = fs::read_to_string(root.join(path)).map_err(|e| format!("{}: {e}", path.display()))?;
    let table = text.parse().map_err(|e| format!("{}: {e}", path.display()))?;
    Ok((table, text))
}

/// What a package depends on, other than for its tests.
fn dependencies(manifest: &Table, text: &str, shared: Option<&Value>) -> Vec<Dependency> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(|targets| targets.values());
    let tables = targets.filter_map(|target| target.get("dependencies")).chain(manifest.get("dependencies"));
    let all = tables.filter_map(Value::as_table).flatten();
    let dependency = |(key, value): (&String, &Value)| {
        let renamed = |value: &Value| value.get("package").and_then(Value::as_str).map(str::to_owned);
        let of_workspace = || shared.and_then(|shared| shared.get(key)).and_then(renamed);
        let at = |line: &str| line.strip_prefix(key.as_str()).is_some_and(|rest| rest.starts_with([' ', '.', '=']));
        Dependency {
            package: renamed(value).or_else(of_workspace).unwrap_or_else(|| key.clone()),
            line: text.lines().position(at).map_or(1, |line| line + 1),
            optional: value.get("optional").and_then(Value::as_bool).unwrap_or(false),
        }
    };
    all.map(dependency).collect()
}
