//! What two readings say of the time between them.

use std::{collections::BTreeMap, time::Duration};

use crate::proc::{Reading, rate};

/// What happened between two readings. What can't be told, as after a counter began anew, is not there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rates {
    /// The busy share of all cores together, from 0 to 1.
    pub(crate) busy: Option<f64>,
    /// And of each.
    pub(crate) cores: BTreeMap<u32, f64>,
    /// Of each interface.
    pub(crate) net: BTreeMap<String, NetRate>,
}

/// Bytes a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NetRate {
    pub(crate) received: f64,
    pub(crate) sent: f64,
}

impl Rates {
    pub(crate) fn between(before: &Reading, now: &Reading, elapsed: Duration) -> Self {
        let core = |(number, times): (&u32, &crate::proc::Times)| {
            Some((*number, times.busy_since(before.processors.cores.get(number)?)?))
        };
        let interface = |(name, traffic): (&String, &crate::proc::Traffic)| {
            let earlier = before.net.get(name)?;
            let received = rate(earlier.received, traffic.received, elapsed)?;
            let sent = rate(earlier.sent, traffic.sent, elapsed)?;
            Some((name.clone(), NetRate { received, sent }))
        };
        Self {
            busy: now.processors.all.busy_since(&before.processors.all),
            cores: now.processors.cores.iter().filter_map(core).collect(),
            net: now.net.iter().filter_map(interface).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn reading(stat: &str, net: &[(&str, u64, u64)]) -> Reading {
        let line = |(name, received, sent): &(&str, u64, u64)| {
            format!("{name}: {received} 0 0 0 0 0 0 0 {sent} 0 0 0 0 0 0 0\n")
        };
        let net: String = net.iter().map(line).collect();
        Reading::parse(stat, "MemTotal: 1 kB\nMemAvailable: 1 kB\n", &net).unwrap()
    }

    #[test]
    fn rates_are_of_what_both_readings_have() {
        let before = reading("cpu 0 0 0 0\ncpu0 0 0 0 0\n", &[("eth0", 1, 1), ("gone", 9, 9)]);
        let now = reading("cpu 30 0 0 70\ncpu0 10 0 0 90\ncpu1 20 0 0 80\n", &[("eth0", 101, 51), ("new", 5, 5)]);
        let rates = Rates::between(&before, &now, 2 * SECOND);
        assert_eq!(rates.busy, Some(0.3));
        assert_eq!(rates.cores, BTreeMap::from([(0, 0.1)]), "core 1 has just come online");
        let expect = NetRate { received: 50.0, sent: 25.0 };
        assert_eq!(rates.net, BTreeMap::from([("eth0".to_owned(), expect)]));
    }

    #[test]
    fn what_began_anew_is_left_out() {
        let before = reading("cpu 30 0 0 70\n", &[("a", 1 << 40, 0), ("b", 1, 1)]);
        let now = reading("cpu 30 0 0 70\n", &[("a", 5, 5), ("b", 2, 2)]);
        let rates = Rates::between(&before, &now, SECOND);
        assert_eq!(rates.busy, None);
        assert_eq!(rates.net.keys().collect::<Vec<_>>(), ["b"]);
    }
}
