//! A log on disk with a known number of events, and IDs at known depths.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    path::PathBuf,
};

use super::{
    client,
    hubs::Hubs,
    plan::{Plan, Store, TOPICS},
};
use crate::{progress::Progress, table::grouped};

/// Events in a request at most.
const SLICE: u32 = 100_000;

/// Bytes of an event's data. With its topic, ID and framing it has some 270.
const DATA: usize = 200;

#[derive(Debug)]
pub(super) struct Log {
    /// A store's data, of a hub that has ended well.
    pub(super) data: PathBuf,
    /// By the number of events behind each.
    ids: BTreeMap<u32, String>,
}

impl Log {
    /// Publishes every topic once, and then as many events as the greatest depth.
    pub(super) fn fill(hubs: &Hubs, plan: &Plan, progress: &Progress) -> Result<Self, String> {
        let data = hubs.disk.empty("log")?;
        let hub = hubs.start(Store::Interval, &data)?;
        let mut ids = BTreeMap::new();
        let mut left = events(plan);
        for stop in stops(left, plan.depths) {
            let id = client::publish(hub.address, lines(left, stop).as_bytes())?;
            left = stop;
            progress.within(&format!("{} events published", grouped(events(plan) - left)));
            if plan.depths.contains(&left) {
                ids.insert(left, id);
            }
        }
        hub.stop()?;
        Ok(Self { data, ids })
    }

    /// The last event ID of a subscriber that is so many events behind.
    pub(super) fn id(&self, depth: u32) -> Option<&str> {
        self.ids.get(&depth).map(String::as_str)
    }
}

/// How many events are published.
pub(super) fn events(plan: &Plan) -> u32 {
    plan.deepest() + TOPICS
}

/// Events as lines of JSON, while so many are left, until so many are.
///
/// The last one goes to `t/0`, the one before to `t/1`, and so on in turn: so each topic has an event among the last of
/// all.
pub(super) fn lines(left: u32, stop: u32) -> String {
    let mut lines = String::new();
    for behind in (stop..left).rev() {
        // writing to a string does not fail
        let _ = writeln!(lines, "{{\"topic\":\"t/{}\",\"data\":\"{behind:x<DATA$}\"}}", behind % TOPICS);
    }
    lines
}

/// How many events are left after each request, the most first: every depth is among them.
fn stops(events: u32, depths: &[u32]) -> impl Iterator<Item = u32> {
    let slices = (0..events).step_by(SLICE as usize);
    slices.chain(depths.iter().copied()).collect::<BTreeSet<_>>().into_iter().rev()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn it_stops_at_every_depth_and_at_the_end() {
        let all: Vec<u32> = stops(204_000, &[1_000, 150_000, 200_000]).collect();
        assert_eq!(all, [200_000, 150_000, 100_000, 1_000, 0]);
    }

    #[test]
    fn every_topic_comes_in_turn_and_t_0_is_the_last() {
        let lines = lines(8_003, 3_999);
        let topics: Vec<String> = lines
            .lines()
            .map(|line| {
                let event: Value = serde_json::from_str(line).unwrap();
                assert_eq!(event["data"].as_str().unwrap().len(), DATA);
                event["topic"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(topics.len(), 4_004);
        assert_eq!((topics[0].as_str(), topics[3].as_str()), ("t/2", "t/3999"));
        assert_eq!(topics[4_003], "t/3999");
        assert!(super::lines(2, 0).ends_with("xx\"}\n") && super::lines(2, 0).contains("\"t/0\""));
    }
}
