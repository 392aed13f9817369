//! `/proc/meminfo`: what the memory is used for.
//!
//! Source: [proc_meminfo(5)](https://man7.org/linux/man-pages/man5/proc_meminfo.5.html).

use std::collections::HashMap;

/// In bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) total: u64,
    /// What programs could get without swapping: the kernel's own estimate.
    pub(crate) available: u64,
    pub(crate) swap_total: u64,
    pub(crate) swap_free: u64,
}

pub(super) fn parse(text: &str) -> Result<Memory, &'static str> {
    let values: HashMap<_, _> = text.lines().filter_map(line).collect();
    let value = |name: &str| values.get(name).copied();
    let total = value("MemTotal").ok_or("MemTotal")?;
    // Before Linux 3.14 there was no estimate; this is what was added up by hand.
    let by_hand = || value("MemFree")?.checked_add(value("Buffers")?)?.checked_add(value("Cached")?);
    let available = value("MemAvailable").or_else(by_hand).ok_or("MemAvailable")?;
    Ok(Memory {
        total,
        available: available.min(total),
        swap_total: value("SwapTotal").unwrap_or(0),
        swap_free: value("SwapFree").unwrap_or(0),
    })
}

/// `MemTotal:       24684092 kB`, where a kB is 1,024 bytes.
fn line(line: &str) -> Option<(&str, u64)> {
    let (name, value) = line.split_once(':')?;
    let kilobytes: u64 = value.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some((name, kilobytes.checked_mul(1024)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KB: u64 = 1024;

    #[test]
    fn a_file_of_today() {
        let text = "MemTotal:       24684092 kB\nMemFree:        22815252 kB\nMemAvailable:   24235908 kB\n\
                    Buffers:            3308 kB\nSwapTotal:       2097148 kB\nSwapFree:        2000000 kB\n\
                    HugePages_Total:       0\nHugepagesize:       2048 kB\n";
        let expect = Memory {
            total: 24_684_092 * KB,
            available: 24_235_908 * KB,
            swap_total: 2_097_148 * KB,
            swap_free: 2_000_000 * KB,
        };
        assert_eq!(parse(text), Ok(expect));
    }

    #[test]
    fn an_old_file_without_an_estimate_and_without_swap() {
        let text = "MemTotal: 100 kB\nMemFree: 10 kB\nBuffers: 5 kB\nCached: 20 kB\n";
        let expect = Memory { total: 100 * KB, available: 35 * KB, swap_total: 0, swap_free: 0 };
        assert_eq!(parse(text), Ok(expect));
    }

    #[test]
    fn what_is_no_meminfo_is_refused() {
        for text in ["", "MemTotal: 1\n", "MemTotal: x kB\n", "MemTotal: 5 kB\nMemFree: 1 kB\n"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
