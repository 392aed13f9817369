//! Which cores the server gets and which the load tool, so that neither takes the other's time.

use std::{
    ffi::OsStr,
    fs,
    process::{self, Command},
};

/// The first core for the load, the others for the server; nothing is said of cores where there is only one, or no
/// `taskset` to say it with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cores {
    split: Option<(String, String)>,
}

impl Cores {
    /// Of those that this process may use.
    pub(crate) fn here() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
        let has_taskset = || Command::new("taskset").arg("--version").output().is_ok_and(|done| done.status.success());
        Self { split: split(list.trim()).filter(|_| has_taskset()) }
    }

    /// A command on the server's cores.
    pub(crate) fn server(&self, program: impl AsRef<OsStr>) -> Command {
        on(self.split.as_ref().map(|(_, server)| server.as_str()), program.as_ref())
    }

    /// A command on the load tool's core.
    pub(crate) fn load(&self, program: impl AsRef<OsStr>) -> Command {
        on(self.split.as_ref().map(|(load, _)| load.as_str()), program.as_ref())
    }

    /// Keeps this process to the load's core, for what it measures itself.
    pub(crate) fn keep_to_load(&self) {
        if let Some((load, _)) = &self.split {
            // where that fails, only the figures are less steady
            let _ = Command::new("taskset").args(["-acp", load, &process::id().to_string()]).output();
        }
    }

    pub(crate) fn describe(&self) -> String {
        match &self.split {
            Some((load, server)) => format!("the server on cores {server}, the load on core {load}"),
            None => "server and load on the same cores".to_owned(),
        }
    }
}

fn on(cores: Option<&str>, program: &OsStr) -> Command {
    let Some(cores) = cores else { return Command::new(program) };
    // it becomes the program, so the process id is the program's
    let mut command = Command::new("taskset");
    command.args(["-c", cores]).arg(program);
    command
}

/// The first core of a list such as `0-3,8`, and the others.
fn split(list: &str) -> Option<(String, String)> {
    let mut cores = Vec::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.parse::<u32>().ok()?, last.parse::<u32>().ok()?);
        cores.extend((first..=last.min(first.saturating_add(1023))).map(|core| core.to_string()));
    }
    let (load, server) = cores.split_first()?;
    (!server.is_empty()).then(|| (load.clone(), server.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_for_the_load() {
        let expected = |load: &str, server: &str| Some((load.to_owned(), server.to_owned()));
        assert_eq!(split("0-1"), expected("0", "1"));
        assert_eq!(split("2-4,8"), expected("2", "3,4,8"));
        assert_eq!(split("3"), None);
        assert_eq!(split(""), None);
    }
}
