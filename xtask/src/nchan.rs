//! nginx with nchan, to compare with: found, or Debian's packages unpacked into the cache.
//!
//! They are not installed: Debian would start nginx as a service, on port 80 of every address.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command, debian,
    failure::{Failure, Result},
    system::find_program,
    tools,
    workspace::Workspace,
};

/// Where nginx lies if it is not on the path of an ordinary user.
const PLACES: &[&str] = &["/usr/sbin/nginx", "/usr/local/sbin/nginx"];

/// Where distributions put its modules.
const MODULES: &[&str] = &["/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/share/nginx/modules"];

const MODULE: &str = "ngx_nchan_module.so";

/// Debian's packages. The module is built for just this nginx, so both are taken together.
const PACKAGES: [&str; 2] = ["nginx", "libnginx-mod-nchan"];

/// A pair that fits.
#[derive(Debug)]
pub(crate) struct Nchan {
    pub(crate) nginx: PathBuf,
    pub(crate) module: PathBuf,
}

/// Looks for both, else unpacks Debian's. `None`, with a line that says why, where that can't be done: the comparison
/// goes without.
pub(crate) fn set_up(workspace: &Workspace) -> Option<Nchan> {
    let found = installed().map_or_else(|| unpacked(workspace), Ok);
    match found {
        Ok(nchan) => {
            println!("{} with {}", nchan.nginx.display(), nchan.module.display());
            Some(nchan)
        }
        Err(failure) => {
            println!("nchan is left out: {failure}; to have it, install nginx with the module nchan");
            None
        }
    }
}

fn installed() -> Option<Nchan> {
    let on_path = find_program("nginx").into_iter();
    let nginx = on_path.chain(PLACES.iter().map(PathBuf::from)).find(|path| answers(path))?;
    let module = MODULES.iter().map(|place| Path::new(place).join(MODULE)).find(|path| path.is_file())?;
    Some(Nchan { nginx, module })
}

/// Debian's packages, in the cache.
fn unpacked(workspace: &Workspace) -> Result<Nchan> {
    let directory = tools::cache()?.join("nchan");
    let in_cache = || {
        let (nginx, module) = (directory.join("usr/sbin/nginx"), directory.join("usr/lib/nginx/modules").join(MODULE));
        (answers(&nginx) && module.is_file()).then_some(Nchan { nginx, module })
    };
    if let Some(nchan) = in_cache() {
        return Ok(nchan);
    }
    debian::unpack(workspace, &PACKAGES, &directory)?;
    in_cache().ok_or_else(|| Failure::new(format!("Debian's nginx in {} does not start", directory.display())))
}

fn answers(nginx: &Path) -> bool {
    command::ask(Command::new(nginx).arg("-v")).is_some()
}
