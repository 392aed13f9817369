//! `/proc/net/dev`: what each interface has carried.
//!
//! Source: [proc_pid_net(5)](https://man7.org/linux/man-pages/man5/proc_pid_net.5.html).

use std::{collections::BTreeMap, time::Duration};

/// Bytes that an interface with a counter of 32 bits carries in a second, at most: they are gone since links passed a
/// gigabit.
const OLD_LINK: f64 = 125e6;

/// Bytes since the interface came up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

pub(super) fn parse(text: &str) -> BTreeMap<String, Traffic> {
    text.lines().filter_map(line).filter(|(_, traffic)| *traffic != Traffic { received: 0, sent: 0 }).collect()
}

/// `  eth0: 1007703605 33430 …`. Old kernels left out the space, and an alias has a colon in its name.
fn line(line: &str) -> Option<(String, Traffic)> {
    let (name, counters) = line.rsplit_once(':')?;
    let mut counters = counters.split_ascii_whitespace().map(|counter| counter.parse().ok());
    let received = counters.next()??;
    let sent = counters.nth(7)??;
    Some((name.trim_start().to_owned(), Traffic { received, sent }))
}

/// Bytes a second between two values of a counter; none if it began anew, or no time has passed.
pub(crate) fn rate(before: u64, now: u64, elapsed: Duration) -> Option<f64> {
    let seconds = elapsed.as_secs_f64();
    if seconds <= 0.0 {
        return None;
    }
    if let Some(carried) = now.checked_sub(before) {
        return Some(carried as f64 / seconds);
    }
    // It went back: a counter of 32 bits that passed its end, or an interface that was taken down.
    let before = u32::try_from(before).ok()?;
    let rate = (now + (1 << 32) - u64::from(before)) as f64 / seconds;
    (rate <= OLD_LINK).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEV: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 109878368   18682    0    0    0     0          0         0 109878368   18682    0    0    0     0       0          0
  ifb0:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
  eth0:1007703605   33430    0    0    0     0          0         0  1991184   22444    0    0    0     0       0          0
eth0:1: 18446744073709551000 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0
";
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn those_that_carried_something_are_read() {
        let traffic = |received, sent| Traffic { received, sent };
        let expect = [
            ("eth0", traffic(1_007_703_605, 1_991_184)),
            ("eth0:1", traffic(18_446_744_073_709_551_000, 7)),
            ("lo", traffic(109_878_368, 109_878_368)),
        ];
        let parsed = parse(DEV);
        let parsed: Vec<_> = parsed.iter().map(|(name, traffic)| (name.as_str(), *traffic)).collect();
        assert_eq!(parsed, expect);
    }

    #[test]
    fn what_is_no_line_of_an_interface_is_left_out() {
        for text in ["", "eth0", "eth0: 1 2 3", "eth0: x 0 0 0 0 0 0 0 1", "eth0: -1 0 0 0 0 0 0 0 1"] {
            assert!(parse(text).is_empty(), "{text:?}");
        }
    }

    #[test]
    fn a_rate_is_by_the_second() {
        assert_eq!(rate(1000, 3000, 2 * SECOND), Some(1000.0));
        assert_eq!(rate(5, 5, SECOND), Some(0.0));
        assert_eq!(rate(1, 2, Duration::ZERO), None);
    }

    #[test]
    fn a_counter_of_32_bits_passes_its_end() {
        assert_eq!(rate(u64::from(u32::MAX) - 499, 500, SECOND), Some(1000.0));
    }

    #[test]
    fn an_interface_that_was_taken_down_begins_anew() {
        assert_eq!(rate(3_000_000_000, 100, SECOND), None, "1.3 GB in a second are not believed");
        assert_eq!(rate((1 << 32) + 1, 5, SECOND), None, "this counter had more than 32 bits");
    }
}
