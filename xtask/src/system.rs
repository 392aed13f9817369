//! The machine: programs on the path, the distribution, its packages.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command,
    failure::{Failure, Result},
};

/// The program of this name on the path.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&env::var_os("PATH")?).map(|directory| directory.join(&file)).find(|path| path.is_file())
}

/// The path with this directory before all others.
///
/// # Errors
/// The directory's name has a character that separates the path's directories.
pub(crate) fn path_with(directory: &Path) -> Result<std::ffi::OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths(std::iter::once(directory.to_owned()).chain(env::split_paths(&path)))
        .map_err(|e| Failure::new(format!("cannot put {} on PATH: {e}", directory.display())))
}

/// What matters here of a Linux distribution: which packages it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Distribution {
    /// Debian, or a derivative other than Ubuntu's.
    Debian,
    /// Ubuntu, or a derivative: its Chromium package only fetches a snap.
    Ubuntu,
    /// Any other system.
    Other,
}

impl Distribution {
    /// This machine's.
    pub(crate) fn here() -> Self {
        fs::read_to_string("/etc/os-release").map_or(Self::Other, |text| Self::parse(&text))
    }

    /// From the text of `/etc/os-release`
    /// (<https://www.freedesktop.org/software/systemd/man/os-release.html>).
    fn parse(os_release: &str) -> Self {
        let names = os_release
            .lines()
            .filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")))
            .flat_map(|value| value.trim_matches(['"', '\'']).split_ascii_whitespace());
        names.fold(Self::Other, |found, name| match (found, name) {
            (_, "ubuntu") => Self::Ubuntu,
            (Self::Other, "debian") => Self::Debian,
            _ => found,
        })
    }
}

/// The right to install packages by `apt-get`.
#[derive(Debug)]
pub(crate) struct Apt {
    sudo: bool,
}

impl Apt {
    /// None where there is no `apt-get`, or this user is neither root nor may use `sudo` without a
    /// password.
    pub(crate) fn here() -> Option<Self> {
        find_program("apt-get")?;
        let root = command::ask(Command::new("id").arg("-u")).as_deref() == Some("0");
        let sudo = !root && command::ask(Command::new("sudo").args(["-n", "true"])).is_some();
        (root || sudo).then_some(Self { sudo })
    }

    /// Installs packages, and removes none for their sake.
    pub(crate) fn install(&self, packages: &[&str]) -> Result<()> {
        // An old list names versions that the server no longer has. If it can't be renewed the
        // install may still work.
        let update = self.update();
        let install = self.run(&["install", "--yes", "--quiet=2", "--no-install-recommends", "--no-remove"], packages);
        install.and(Ok(())).map_err(|failure| match update {
            Ok(()) => failure,
            Err(earlier) => Failure::new(format!("{earlier}, and {failure}")),
        })
    }

    /// Renews the lists of packages.
    pub(crate) fn update(&self) -> Result<()> {
        self.run(&["update", "--quiet=2"], &[])
    }

    fn run(&self, arguments: &[&str], packages: &[&str]) -> Result<()> {
        let mut apt = Command::new(if self.sudo { "sudo" } else { "env" });
        if self.sudo {
            apt.args(["-n", "env"]);
        }
        // The timeout waits for another apt-get on this machine.
        apt.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "--option=DPkg::Lock::Timeout=300"]);
        apt.args(arguments).args(packages);
        println!("{}", command::line(&apt));
        command::run(&mut apt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_debian_from_ubuntu_and_the_rest() {
        let debian = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n";
        let ubuntu = "NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\n";
        let mint = "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n";
        let raspbian = "ID=raspbian\nID_LIKE=debian\n";
        let fedora = "ID=fedora\nVERSION_ID=43\n";
        assert_eq!(Distribution::parse(debian), Distribution::Debian);
        assert_eq!(Distribution::parse(ubuntu), Distribution::Ubuntu);
        assert_eq!(Distribution::parse(mint), Distribution::Ubuntu);
        assert_eq!(Distribution::parse(raspbian), Distribution::Debian);
        assert_eq!(Distribution::parse(fedora), Distribution::Other);
        assert_eq!(Distribution::parse(""), Distribution::Other);
    }

    #[test]
    fn a_program_that_is_not_there_is_not_found() {
        assert_eq!(find_program("no-such-program-here"), None);
    }
}
