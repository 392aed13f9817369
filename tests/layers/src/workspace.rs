//! The workspace's packages, and what of them breaks a rule.

use std::{path::Path, thread};

use toml::Value;

use crate::{
    across::{self, Boundary},
    package::{Package, listed, table},
    violation::Violation,
    within::{self, Order},
};

/// The packages of a workspace, read.
#[derive(Debug)]
pub struct Workspace {
    packages: Vec<Package>,
}

impl Workspace {
    /// Reads the workspace whose manifest is in `root`.
    ///
    /// # Errors
    ///
    /// A manifest or a source file that can't be read, or isn't what it should be.
    pub fn read(root: &Path) -> Result<Self, String> {
        let (manifest, _) = table(root, Path::new("Cargo.toml"))?;
        let shared = manifest.get("workspace").and_then(|workspace| workspace.get("dependencies"));
        let members = manifest.get("workspace").and_then(|workspace| workspace.get("members"));
        let members = members.and_then(Value::as_array).ok_or("Cargo.toml: no workspace.members")?;
        let mut folders = Vec::new();
        for member in members.iter().filter_map(Value::as_str) {
            if let Some(folder) = member.strip_suffix("/*") {
                folders.extend(listed(root, Path::new(folder), |path| path.join("Cargo.toml").exists()));
            } else {
                folders.push(member.into());
            }
        }
        thread::scope(|scope| {
            let readers: Vec<_> =
                folders.iter().map(|folder| scope.spawn(|| Package::read(root, folder, shared))).collect();
            let packages = readers.into_iter().map(|reader| reader.join().map_err(|_| "a reader panicked")?);
            Ok(Self { packages: packages.collect::<Result<_, String>>()? })
        })
    }

    /// Imports that point up in the order of their crate, or close a circle.
    pub fn imports(&self, orders: &[Order<'_>]) -> Vec<Violation> {
        let mut found = Vec::new();
        for package in &self.packages {
            for (number, (of, edges)) in package.crates.iter().enumerate() {
                let order = orders.iter().find(|order| number == 0 && order.package == package.name);
                found.extend(within::violations(of, edges, order));
            }
        }
        found
    }

    /// Dependencies and paths that cross a boundary between packages.
    pub fn crossings(&self, boundaries: &[Boundary<'_>]) -> Vec<Violation> {
        let here: Vec<_> = self.packages.iter().map(|package| package.name.as_str()).collect();
        let mut found = Vec::new();
        for boundary in boundaries {
            for package in self.packages.iter().filter(|package| package.name == boundary.package) {
                found.extend(across::violations(package, boundary, &here));
            }
        }
        found
    }

    /// Source files of more than `most` lines. Tests are not counted among them.
    pub fn long_files(&self, most: usize) -> Vec<Violation> {
        let crates = self.packages.iter().flat_map(|package| &package.crates);
        let files = crates.flat_map(|(of, _)| &of.files).filter(|file| file.lines > most);
        files
            .map(|file| Violation {
                file: file.path.clone(),
                line: file.lines,
                what: "its length".to_owned(),
                why: format!("it has more than {most} lines"),
                mend: "find the two things that it does, and give each a file".to_owned(),
            })
            .collect()
    }
}
