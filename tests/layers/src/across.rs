//! The rules between packages: what one may depend on, and what its sources may not name.

use crate::{package::Package, violation::Violation};

/// What a package may not have. Dependencies of its tests are free.
#[derive(Debug, Clone, Copy, Default)]
pub struct Boundary<'a> {
    /// The package.
    pub package: &'a str,
    /// The packages of the workspace that it may depend on.
    pub depends_on: &'a [&'a str],
    /// Packages that it may not depend on.
    pub without: &'a [&'a str],
    /// Packages that it may depend on with a feature only.
    pub only_optional: &'a [&'a str],
    /// Paths that its sources may not name, nor what lies beneath them.
    pub unnamed: &'a [&'a str],
}

/// Where a package crosses its boundary. `here` are the packages of the workspace.
pub(crate) fn violations(package: &Package, boundary: &Boundary<'_>, here: &[&str]) -> Vec<Violation> {
    let mut found = Vec::new();
    for dependency in &package.dependencies {
        let name = dependency.package.as_str();
        let why = if here.contains(&name) && !boundary.depends_on.contains(&name) {
            format!("{} may not depend on it", package.name)
        } else if boundary.without.contains(&name) {
            format!("{} goes without it", package.name)
        } else if boundary.only_optional.contains(&name) && !dependency.optional {
            format!("{} has it with a feature only", package.name)
        } else {
            continue;
        };
        let mend = "move what needs it to a package above".to_owned();
        let (file, line) = (package.manifest.clone(), dependency.line);
        found.push(Violation { file, line, what: name.to_owned(), why, mend });
    }
    for (of, edges) in &package.crates {
        for outside in &edges.outside {
            let named = outside.path.join("::");
            let Some(unnamed) = boundary
                .unnamed
                .iter()
                .find(|unnamed| beneath(&named, unnamed) || outside.glob && beneath(unnamed, &named))
            else {
                continue;
            };
            found.push(Violation {
                file: of.files[outside.file].path.clone(),
                line: outside.line,
                what: if outside.glob { format!("{named}::*") } else { named },
                why: format!("{} goes without {unnamed}", package.name),
                mend: "let the caller hand in what it gives".to_owned(),
            });
        }
    }
    found
}

/// Returns true if `path` is `above`, or lies beneath it.
fn beneath(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
