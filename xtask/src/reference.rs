//! The documents that are written from the code.

use std::fs;

use crate::{
    command,
    failure::{Failure, Result},
    workspace::Workspace,
};

const CONFIGURATION: &str = "docs/configuration.md";

/// Writes `docs/configuration.md` from the keys that sse-server has.
pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    let mut build = workspace.cargo();
    command::run(build.args(["build", "-p", "sse-server", "--bin", "sse-server"]))?;
    let mut print = workspace.cargo();
    print.args(["run", "--quiet", "-p", "sse-server", "--bin", "sse-server", "--", "--print-reference"]);
    let output = print.output().map_err(|error| command::unstartable(&print, &error))?;
    if !output.status.success() {
        return Err(Failure::new(format!("`{}` failed", command::line(&print))));
    }
    let path = workspace.root().join(CONFIGURATION);
    fs::write(&path, output.stdout).map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
}
