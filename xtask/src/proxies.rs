//! The documented proxies before the hub: for who has them, and on Debian for everyone.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{command, debian, failure::Result, system::find_program, tools, workspace::Workspace};

/// A proxy that the tests can run.
struct Proxy {
    program: &'static str,
    /// The variable by which the tests are told where it is.
    variable: &'static str,
    version: &'static str,
    /// Debian's packages: what holds the program, and libraries that few machines have. Which of two names a library's
    /// package has is a matter of Debian's version.
    packages: &'static [&'static [&'static str]],
}

const PROXIES: [Proxy; 4] = [
    Proxy { program: "nginx", variable: "SSE_TEST_NGINX", version: "-v", packages: &[&["nginx"]] },
    Proxy {
        program: "haproxy",
        variable: "SSE_TEST_HAPROXY",
        version: "-v",
        packages: &[
            &["haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1"],
            &["haproxy", "liblua5.4-0"],
        ],
    },
    Proxy { program: "caddy", variable: "SSE_TEST_CADDY", version: "version", packages: &[&["caddy"]] },
    Proxy {
        program: "apache2",
        variable: "SSE_TEST_APACHE",
        version: "-v",
        packages: &[&["apache2-bin", "libapr1", "libaprutil1"], &["apache2-bin", "libapr1t64", "libaprutil1t64"]],
    },
];

/// Where programs lie below a root, on the path of an ordinary user or not.
const PLACES: [&str; 4] = ["usr/sbin", "usr/bin", "usr/local/sbin", "usr/local/bin"];

/// Runs the tests with those that are installed or can be had, and says which are left out.
pub(crate) fn tests(workspace: &Workspace) -> Result<Option<String>> {
    let directory = tools::cache()?.join("proxies");
    let mut test = workspace.cargo();
    test.args(["test", "--workspace", "--features", "sse-test-proxies/real-proxies", "--test", "proxies"]);
    let mut missing = Vec::new();
    for proxy in &PROXIES {
        match proxy.set_up(workspace, &directory) {
            Some(program) => {
                println!("{}", program.display());
                test.env(proxy.variable, program);
            }
            None => {
                println!("{} is left out: it is not installed, and can't be had", proxy.program);
                missing.push(proxy.program);
            }
        }
    }
    test.env("SSE_TEST_PROXY_LIBRARIES", libraries(&directory).unwrap_or_default());
    command::run(&mut test)?;
    Ok((!missing.is_empty()).then(|| format!("left out: {}", missing.join(", "))))
}

impl Proxy {
    /// The program of this machine, or Debian's in the cache.
    fn set_up(&self, workspace: &Workspace, directory: &Path) -> Option<PathBuf> {
        let installed = find_program(self.program).or_else(|| self.below(Path::new("/"), directory));
        if let Some(program) = installed.filter(|program| self.answers(program, directory)) {
            return Some(program);
        }
        if let Some(program) = self.below(directory, directory) {
            return Some(program);
        }
        let unpacked = self.packages.iter().find(|packages| debian::unpack(workspace, packages, directory).is_ok());
        unpacked.and_then(|_| self.below(directory, directory))
    }

    /// The program below this root, if it starts.
    fn below(&self, root: &Path, directory: &Path) -> Option<PathBuf> {
        let mut paths = PLACES.iter().map(|place| root.join(place).join(self.program));
        paths.find(|path| path.is_file() && self.answers(path, directory))
    }

    fn answers(&self, program: &Path, directory: &Path) -> bool {
        let mut ask = Command::new(program);
        ask.arg(self.version).env("LD_LIBRARY_PATH", libraries(directory).unwrap_or_default());
        command::ask(&mut ask).is_some()
    }
}

/// Where the libraries of the unpacked packages are: a directory that has the machine's kind in its name.
fn libraries(directory: &Path) -> Option<PathBuf> {
    let all = fs::read_dir(directory.join("usr/lib")).ok()?;
    all.flatten().map(|entry| entry.path()).find(|path| path.to_string_lossy().ends_with("-linux-gnu"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_proxy_is_told_of_by_a_variable_of_its_own() {
        for (place, proxy) in PROXIES.iter().enumerate() {
            assert!(PROXIES[..place].iter().all(|other| other.variable != proxy.variable), "{}", proxy.variable);
            assert!(proxy.packages.iter().all(|packages| packages[0].starts_with(proxy.program)), "{}", proxy.program);
        }
    }

    #[test]
    fn libraries_that_are_not_there_are_none() {
        assert_eq!(libraries(Path::new("/nowhere")), None);
    }
}
