//! The counters as the kernel shows them: reading the files is done here, what is in them below.

mod meminfo;
mod net_dev;
mod stat;

use std::{collections::BTreeMap, fs, io, path::PathBuf};

pub(crate) use meminfo::Memory;
pub(crate) use net_dev::{Traffic, rate};
pub(crate) use stat::{Processors, Times};

const STAT: &str = "stat";
const MEMINFO: &str = "meminfo";
const NET_DEV: &str = "net/dev";

/// The directory of the kernel's counters, `/proc` as a rule.
#[derive(Debug, Clone)]
pub(crate) struct Proc(PathBuf);

/// All counters at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) processors: Processors,
    pub(crate) memory: Memory,
    /// By the interface's name; those that never carried anything are left out.
    pub(crate) net: BTreeMap<String, Traffic>,
}

/// A file of counters can't be read, or is not what it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcError {
    #[error("{} can't be read ({source})", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} has no line that begins with `{line}`", path.display())]
    Content { path: PathBuf, line: &'static str },
}

/// A line that a file must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missing {
    file: &'static str,
    line: &'static str,
}

impl Proc {
    pub(crate) fn new(directory: impl Into<PathBuf>) -> Self {
        Self(directory.into())
    }

    /// Reads all counters. The files are the kernel's memory, so this waits for no disk.
    pub(crate) fn read(&self) -> Result<Reading, ProcError> {
        let content = |Missing { file, line }| ProcError::Content { path: self.0.join(file), line };
        Reading::parse(&self.text(STAT)?, &self.text(MEMINFO)?, &self.text(NET_DEV)?).map_err(content)
    }

    /// The machine's own name.
    pub(crate) fn host_name(&self) -> Option<String> {
        let name = self.text("sys/kernel/hostname").ok()?.trim().to_owned();
        (!name.is_empty()).then_some(name)
    }

    /// Names of interfaces are any bytes.
    fn text(&self, file: &str) -> Result<String, ProcError> {
        let path = self.0.join(file);
        match fs::read(&path) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(source) => Err(ProcError::Read { path, source }),
        }
    }
}

impl Reading {
    /// From the texts of `stat`, `meminfo` and `net/dev`.
    pub(crate) fn parse(stat: &str, meminfo: &str, net_dev: &str) -> Result<Self, Missing> {
        let missing = |file| move |line| Missing { file, line };
        Ok(Self {
            processors: stat::parse(stat).map_err(missing(STAT))?,
            memory: meminfo::parse(meminfo).map_err(missing(MEMINFO))?,
            net: net_dev::parse(net_dev),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_foreign_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let proc = Proc::new(directory.path());
        let error = proc.read().unwrap_err().to_string();
        assert!(error.contains("/stat can't be read (No such file"), "{error}");
        fs::create_dir(directory.path().join("net")).unwrap();
        for file in [STAT, MEMINFO, NET_DEV] {
            fs::write(directory.path().join(file), "intr 1 2 3\n").unwrap();
        }
        let error = proc.read().unwrap_err().to_string();
        assert!(error.ends_with("/stat has no line that begins with `cpu`"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_can_be_read() {
        let reading = Proc::new("/proc").read().unwrap();
        assert!(!reading.processors.cores.is_empty());
        assert!(reading.memory.total > reading.memory.available);
        assert!(Proc::new("/proc").host_name().is_some());
    }
}
