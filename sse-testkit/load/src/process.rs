//! What the server's process uses, as Linux tells it.

use std::{collections::HashMap, fs, io, path::PathBuf, time::Duration};

/// How long the system's clock tick is in `/proc/PID/stat`: Linux counts hundredths of a second there on all machines
/// that Rust's standard library runs on.
const TICK: Duration = Duration::from_millis(10);

/// One or several processes of this machine.
#[derive(Debug, Clone)]
pub(crate) struct Processes(Vec<PathBuf>);

/// The CPU time of some processes so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cpu {
    /// User and system time of all, in ticks, ended threads included.
    ticks: Duration,
    /// Time on a CPU of each thread, to the nanosecond.
    threads: HashMap<u32, u64>,
}

/// The memory of some processes, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// `VmRSS` of `/proc/PID/status`: what is resident, shared pages included.
    pub(crate) resident: u64,
    /// `Private_Dirty` of `/proc/PID/smaps_rollup`: what is its own and written to. `None` where that may not be read.
    pub(crate) private_dirty: Option<u64>,
}

impl Processes {
    pub(crate) fn new(ids: &[u32]) -> Self {
        Self(ids.iter().map(|id| PathBuf::from(format!("/proc/{id}"))).collect())
    }

    /// The tool itself.
    pub(crate) fn own() -> Self {
        Self(vec![PathBuf::from("/proc/self")])
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn cpu(&self) -> io::Result<Cpu> {
        let mut cpu = Cpu::default();
        for process in &self.0 {
            cpu.ticks += ticks(&fs::read_to_string(process.join("stat"))?).ok_or_else(unreadable)?;
            for thread in fs::read_dir(process.join("task"))? {
                let thread = thread?;
                let id = thread.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
                // a thread may have ended since it was listed
                let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) else { continue };
                let time = text.split_whitespace().next().and_then(|time| time.parse::<u64>().ok());
                cpu.threads.extend(id.zip(time));
            }
        }
        Ok(cpu)
    }

    pub(crate) fn memory(&self) -> io::Result<Memory> {
        let mut memory = Memory { resident: 0, private_dirty: Some(0) };
        for process in &self.0 {
            let status = fs::read_to_string(process.join("status"))?;
            memory.resident += kibibytes(&status, "VmRSS:").ok_or_else(unreadable)?;
            let dirty = fs::read_to_string(process.join("smaps_rollup")).ok();
            let dirty = dirty.and_then(|text| kibibytes(&text, "Private_Dirty:"));
            memory.private_dirty = memory.private_dirty.zip(dirty).map(|(sum, more)| sum + more);
        }
        Ok(memory)
    }
}

impl Cpu {
    /// What was used since. To the nanosecond, unless a thread has ended meanwhile and taken its count with it.
    pub(crate) fn since(&self, before: &Self) -> Duration {
        let ended = before.threads.keys().any(|id| !self.threads.contains_key(id));
        if ended || self.threads.is_empty() {
            return self.ticks.saturating_sub(before.ticks);
        }
        let used = |(id, now): (&u32, &u64)| now.saturating_sub(before.threads.get(id).copied().unwrap_or(0));
        Duration::from_nanos(self.threads.iter().map(used).sum())
    }
}

fn unreadable() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not as Linux writes it")
}

/// User and system time in `/proc/PID/stat`. The name of the command stands in parentheses and may hold anything.
fn ticks(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u32>().ok();
    Some(TICK * next()?.checked_add(next()?)?)
}

/// A field of `/proc/PID/status` and its like, in bytes.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time() {
        let stat = "42 (a) b) (c) S 1 42 42 0 -1 4194560 1 2 3 4 150 27 9 9 20 0 1 0 5 6 7";
        assert_eq!(ticks(stat), Some(Duration::from_millis(1770)));
        assert_eq!(ticks("42 (x) S 1"), None);
        assert_eq!(ticks(""), None);
    }

    #[test]
    fn a_field_in_kibibytes() {
        let status = "Name:\tx\nVmRSS:\t    1234 kB\nVmHWM:\t 9 kB\n";
        assert_eq!(kibibytes(status, "VmRSS:"), Some(1234 * 1024));
        assert_eq!(kibibytes(status, "VmSwap:"), None);
        assert_eq!(kibibytes("VmRSS: many kB", "VmRSS:"), None);
    }

    #[test]
    fn what_was_used_since() {
        let cpu =
            |ticks, threads: &[(u32, u64)]| Cpu { ticks: TICK * ticks, threads: threads.iter().copied().collect() };
        let before = cpu(1, &[(1, 100), (2, 50)]);
        assert_eq!(cpu(2, &[(1, 150), (2, 50), (3, 7)]).since(&before), Duration::from_nanos(57));
        assert_eq!(cpu(3, &[(1, 150)]).since(&before), 2 * TICK, "the second thread's count is gone");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process() {
        let own = Processes::own();
        let before = own.cpu().unwrap();
        assert!(own.memory().unwrap().resident > 1 << 16);
        assert!(own.cpu().unwrap().since(&before) < Duration::from_secs(10));
        assert!(Processes::new(&[u32::MAX]).cpu().is_err());
    }
}
