//! Debian's packages, unpacked without being installed: so that no service is started, and nothing of the system changes.

use std::{fs, path::Path};

use crate::{
    command,
    failure::{Failure, Result},
    system::{Apt, find_program},
    workspace::Workspace,
};

/// Unpacks packages into `directory`.
pub(crate) fn unpack(workspace: &Workspace, packages: &[&str], directory: &Path) -> Result<()> {
    for program in ["apt-get", "dpkg-deb"] {
        if find_program(program).is_none() {
            return Err(Failure::new(format!("there is no {program} to fetch it with")));
        }
    }
    let failed = |what: &str, path: &Path, error| Failure::new(format!("cannot {what} {}: {error}", path.display()));
    fs::create_dir_all(directory).map_err(|e| failed("make", directory, e))?;
    let download = || {
        let mut download = workspace.command("apt-get");
        download.args(["download", "--quiet=2"]).args(packages).current_dir(directory);
        println!("{}", command::line(&download));
        command::run(&mut download)
    };
    // an old list, or none, names versions that the server does not have
    download().or_else(|failure| match Apt::here() {
        Some(apt) => apt.update().and_then(|()| download()),
        None => Err(failure),
    })?;
    for entry in fs::read_dir(directory).map_err(|e| failed("read", directory, e))? {
        let file = entry.map_err(|e| failed("read", directory, e))?.path();
        if file.extension().is_some_and(|extension| extension == "deb") {
            command::run(workspace.command("dpkg-deb").arg("--extract").arg(&file).arg(directory))?;
            fs::remove_file(&file).map_err(|e| failed("remove", &file, e))?;
        }
    }
    Ok(())
}
