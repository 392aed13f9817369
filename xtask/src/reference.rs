//! The documents that are written from the code.

use std::fs;

use crate::{
    command,
    context::Context,
    failure::{Failure, Result},
};

const CONFIGURATION: &str = "docs/configuration.md";

/// Writes `docs/configuration.md` from the keys that sse-server has.
pub(crate) fn write(context: &Context) -> Result<()> {
    let mut build = context.cargo();
    command::run(build.args(["build", "-p", "sse-server", "--bin", "sse-server"]))?;
    let mut print = context.cargo();
    print.args(["run", "--quiet", "-p", "sse-server", "--bin", "sse-server", "--", "--print-reference"]);
    let output = print.output().map_err(|error| command::unstartable(&print, &error))?;
    if !output.status.success() {
        return Err(Failure::new(format!("`{}` failed", command::line(&print))));
    }
    let path = context.root().join(CONFIGURATION);
    fs::write(&path, output.stdout).map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
}
