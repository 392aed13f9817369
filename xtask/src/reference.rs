//! The documents that are written from the code.

use std::fs;

use crate::{
    command,
    context::Context,
    failure::{Failure, Result},
    native,
};

const CONFIGURATION: &str = "docs/configuration.md";

/// Writes `docs/configuration.md` from the keys that sse-server has.
pub(crate) fn write(context: &Context) -> Result<()> {
    let mut print = context.workspace.command(native::programs(context)?.hub);
    print.arg("--print-reference");
    let output = print.output().map_err(|error| command::unstartable(&print, &error))?;
    if !output.status.success() {
        return Err(Failure::new(format!("`{}` failed", command::line(&print))));
    }
    let path = context.workspace.root().join(CONFIGURATION);
    fs::write(&path, output.stdout).map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
}
