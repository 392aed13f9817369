//! What is published: topics, and JSON as the page reads it.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use crate::{
    proc::{Memory, Reading},
    rates::Rates,
    topic::segment,
};

/// Interfaces that are published: a machine full of containers has hundreds, and nobody looks at them here.
const MAX_INTERFACES: usize = 64;

/// An event as `POST /publish` takes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Event {
    topic: String,
    data: Data,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Data {
    /// When the counters were read, in milliseconds since the Unix epoch.
    at: u64,
    /// The planned interval between readings, in milliseconds: a longer one is a hole.
    every: u64,
    #[serde(flatten)]
    counters: Counters,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum Counters {
    /// Shares from 0 to 1.
    Cpu { busy: f64, cores: BTreeMap<u32, f64> },
    /// Bytes.
    Memory { total: u64, available: u64, used: u64, swap_total: u64, swap_used: u64 },
    /// Bytes a second.
    Net {
        #[serde(rename = "in")]
        received: u64,
        #[serde(rename = "out")]
        sent: u64,
    },
}

/// Makes events of one host's readings.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    /// `host/<name>`
    prefix: String,
    every: u64,
}

impl Host {
    pub(crate) fn new(name: &str, interval: Duration) -> Self {
        let every = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        Self { prefix: format!("host/{}", segment(name)), every }
    }

    /// The events of a reading. The first has no rates: they need two.
    pub(crate) fn events(&self, at: u64, reading: &Reading, rates: Option<&Rates>) -> Vec<Event> {
        let mut events = Vec::new();
        let mut push = |topic: &str, counters| {
            let data = Data { at, every: self.every, counters };
            events.push(Event { topic: format!("{}/{topic}", self.prefix), data });
        };
        if let Some(Rates { busy: Some(busy), cores, .. }) = rates {
            let cores = cores.iter().map(|(core, busy)| (*core, share(*busy))).collect();
            push("cpu", Counters::Cpu { busy: share(*busy), cores });
        }
        push("mem", memory(&reading.memory));
        for (name, rate) in rates.into_iter().flat_map(|rates| &rates.net).take(MAX_INTERFACES) {
            let counters = Counters::Net { received: whole(rate.received), sent: whole(rate.sent) };
            push(&format!("net/{}", segment(name)), counters);
        }
        events
    }
}

fn memory(memory: &Memory) -> Counters {
    let Memory { total, available, swap_total, swap_free } = *memory;
    Counters::Memory {
        total,
        available,
        used: total - available,
        swap_total,
        swap_used: swap_total.saturating_sub(swap_free),
    }
}

/// Four digits are a hundredth of a per cent: more than a tick of the kernel's clock tells.
fn share(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}

fn whole(rate: f64) -> u64 {
    rate.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rates::NetRate;

    fn reading() -> Reading {
        let meminfo = "MemTotal: 100 kB\nMemAvailable: 60 kB\nSwapTotal: 10 kB\nSwapFree: 7 kB\n";
        Reading::parse("cpu 1 2 3 4\n", meminfo, "").unwrap()
    }

    fn json(events: &[Event]) -> String {
        serde_json::to_string(events).unwrap()
    }

    #[test]
    fn the_first_reading_has_memory_only() {
        let host = Host::new("vm", Duration::from_secs(1));
        assert_eq!(
            json(&host.events(7, &reading(), None)),
            r#"[{"topic":"host/vm/mem","data":{"at":7,"every":1000,"total":102400,"available":61440,"used":40960,"swap_total":10240,"swap_used":3072}}]"#
        );
    }

    #[test]
    fn names_become_segments_and_numbers_are_rounded() {
        let host = Host::new("a/b", Duration::from_millis(100));
        let rates = Rates {
            busy: Some(1.0 / 3.0),
            cores: BTreeMap::from([(0, 0.5), (10, 1.0), (2, 0.0)]),
            net: BTreeMap::from([("v*".to_owned(), NetRate { received: 1.5, sent: 0.2 })]),
        };
        let events = host.events(7, &reading(), Some(&rates));
        assert_eq!(
            json(&events[..1]),
            r#"[{"topic":"host/a%2Fb/cpu","data":{"at":7,"every":100,"busy":0.3333,"cores":{"0":0.5,"2":0.0,"10":1.0}}}]"#
        );
        assert_eq!(
            json(&events[2..]),
            r#"[{"topic":"host/a%2Fb/net/v%2A","data":{"at":7,"every":100,"in":2,"out":0}}]"#
        );
    }

    #[test]
    fn interfaces_are_bounded() {
        let rate = NetRate { received: 0.0, sent: 0.0 };
        let net = (0..1000).map(|i| (format!("veth{i}"), rate)).collect();
        let rates = Rates { busy: None, cores: BTreeMap::new(), net };
        let events = Host::new("vm", Duration::from_secs(1)).events(0, &reading(), Some(&rates));
        assert_eq!(events.len(), 1 + MAX_INTERFACES);
    }
}
