//! `/proc/stat`: what the processors spent their time on.
//!
//! Source: [proc_stat(5)](https://man7.org/linux/man-pages/man5/proc_stat.5.html).

use std::collections::BTreeMap;

/// Fields of a `cpu` line that count: user, nice, system, idle, iowait, irq, softirq, steal. The two after them, of
/// guests, are in user and nice already.
const FIELDS: usize = 8;
const IDLE: usize = 3;
const IOWAIT: usize = 4;

/// Time spent since the start of the machine, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times([u64; FIELDS]);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Processors {
    pub(crate) all: Times,
    /// By the core's number; one that is offline is not there.
    pub(crate) cores: BTreeMap<u32, Times>,
}

impl Times {
    /// The share of the time since an earlier reading that was neither idle nor waiting for a disk, from 0 to 1; none
    /// if no tick has passed. A field that went back, as `iowait` may, counts as unchanged.
    pub(crate) fn busy_since(&self, before: &Self) -> Option<f64> {
        let mut spent = [0; FIELDS];
        for (spent, (now, before)) in spent.iter_mut().zip(self.0.iter().zip(before.0)) {
            *spent = now.saturating_sub(before);
        }
        let total: u64 = spent.iter().sum();
        let idle = spent[IDLE] + spent[IOWAIT];
        (total > 0).then(|| (total - idle) as f64 / total as f64)
    }
}

pub(super) fn parse(text: &str) -> Result<Processors, &'static str> {
    let mut all = None;
    let mut cores = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace();
        let Some(name) = fields.next().and_then(|name| name.strip_prefix("cpu")) else { continue };
        let Some(times) = times(fields) else { continue };
        if name.is_empty() {
            all = Some(times);
        } else if let Ok(core) = name.parse() {
            cores.insert(core, times);
        }
    }
    let all = all.ok_or("cpu")?;
    Ok(Processors { all, cores })
}

/// Old kernels have fewer fields, but never fewer than the first four.
fn times<'a>(fields: impl Iterator<Item = &'a str>) -> Option<Times> {
    let mut times = [0; FIELDS];
    let mut count = 0;
    for (time, field) in times.iter_mut().zip(fields) {
        *time = field.parse().ok()?;
        count += 1;
    }
    (count > IDLE).then_some(Times(times))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "\
cpu  166814 4415 39258 468826 3342 0 938 742 7 7
cpu0 80779 2084 16781 241694 506 0 81 283 0 0
cpu2 86035 2331 22477 227132 2836 0 857 459 0 0
intr 2352413 0 0
ctxt 5706954
softirq 1 2 3 4 5
";

    fn times(fields: [u64; FIELDS]) -> Times {
        Times(fields)
    }

    #[test]
    fn all_and_each_core_are_read() {
        let processors = parse(STAT).unwrap();
        assert_eq!(processors.all, times([166_814, 4415, 39258, 468_826, 3342, 0, 938, 742]));
        assert_eq!(processors.cores.keys().collect::<Vec<_>>(), [&0, &2], "core 1 is offline");
        assert_eq!(processors.cores[&2].0[7], 459);
    }

    #[test]
    fn a_kernel_of_2_4_is_read_too() {
        assert_eq!(parse("cpu  1 2 3 4\n").unwrap().all, times([1, 2, 3, 4, 0, 0, 0, 0]));
    }

    #[test]
    fn what_is_no_stat_is_refused() {
        for text in ["", "cpu 1 2 3\n", "cpu0 1 2 3 4\n", "cpu a b c d\n", "cpu -1 2 3 4\n"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn waiting_is_not_busy_and_stolen_time_is() {
        let before = times([0; FIELDS]);
        assert_eq!(times([1, 1, 1, 5, 5, 1, 1, 5]).busy_since(&before), Some(0.5));
        assert_eq!(times([0, 0, 0, 9, 1, 0, 0, 0]).busy_since(&before), Some(0.0));
    }

    #[test]
    fn no_time_has_no_share_and_none_goes_below_zero() {
        let before = times([5, 0, 0, 100, 10, 0, 0, 0]);
        assert_eq!(before.busy_since(&before), None);
        assert_eq!(times([6, 0, 0, 101, 8, 0, 0, 0]).busy_since(&before), Some(0.5));
        assert_eq!(times([0; FIELDS]).busy_since(&before), None, "the counters began anew");
    }
}
