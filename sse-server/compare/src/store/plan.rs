//! What is measured of the store, and how much.

use std::{fmt, path::Path, process::Command};

use crate::{load, table::grouped};

/// Subscribers when fan-out is measured, and of a short run.
const SUBSCRIBERS: u32 = 5_000;
const FEW: u32 = 1_000;

/// The topics of the log that is filled: `t/0`, `t/1`, …
pub(super) const TOPICS: u32 = 4_000;

/// Where the hub keeps its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Store {
    Memory,
    /// On disk, synced when much is waiting.
    Never,
    /// On disk, synced every 50 ms.
    Interval,
    /// On disk, synced before a publish is answered.
    Always,
}

impl Store {
    pub(super) const ALL: [Self; 4] = [Self::Memory, Self::Never, Self::Interval, Self::Always];

    /// Tells the hub so. `data` is the directory of a store on disk.
    pub(super) fn choose(self, hub: &mut Command, data: &Path) {
        let durability = match self {
            Self::Memory => {
                hub.args(["--store", "memory"]);
                return;
            }
            Self::Never => "none",
            Self::Interval => "interval",
            Self::Always => "always",
        };
        hub.args(["--store", "redb", "--data"]).arg(data);
        hub.env("SSE__STORE__DURABILITY", durability).env("SSE__STORE__SYNC_INTERVAL", "50ms");
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Never => "redb, none",
            Self::Interval => "redb, interval",
            Self::Always => "redb, always",
        }
    }
}

/// What the load does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    /// 64 publishers back to back, events of 200 bytes, without subscribers.
    Publish,
    /// Events back to back to one topic. More of them than with other servers: there is a difference of 5 % to see.
    Burst,
    /// Events one after the other, each when all have the last.
    Lockstep,
}

impl Work {
    pub(super) const fn options(self, quick: bool) -> &'static str {
        match self {
            Self::Publish if quick => "--publishers 64 --rate max --size 200 --for 2s",
            Self::Publish => "--publishers 64 --rate max --size 200 --for 5s",
            Self::Burst => "--rate max --events 600",
            Self::Lockstep => "--lockstep --events 60",
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publishing",
            Self::Burst => "burst",
            Self::Lockstep => "lockstep",
        }
    }
}

/// One run of the load: a work on a hub with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Case {
    pub(super) work: Work,
    pub(super) store: Store,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.work.name(), self.store.name())
    }
}

/// How a store was ended before it is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stopped {
    Terminated,
    Killed,
}

impl Stopped {
    pub(super) const ALL: [Self; 2] = [Self::Terminated, Self::Killed];
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terminated => "after SIGTERM",
            Self::Killed => "after SIGKILL",
        })
    }
}

/// One stream that is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Opened {
    pub(super) selector: &'static str,
    /// Events of all topics between its last event ID and the head. `None`: it has no ID, and begins at the head.
    pub(super) depth: Option<u32>,
}

impl Opened {
    /// One of 4,000 topics, and all of them.
    pub(super) const SELECTORS: [&'static str; 2] = ["t/5", "t/*"];
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.depth {
            Some(depth) => write!(f, "{}, {} behind", self.selector, grouped(depth)),
            None => write!(f, "{}, a fresh connection", self.selector),
        }
    }
}

/// How much is measured.
#[derive(Debug)]
pub(super) struct Plan {
    /// The load's runs of a round.
    pub(super) cases: Vec<Case>,
    /// Subscribers in bursts and lockstep.
    pub(super) subscribers: u32,
    /// How far behind the head streams resume, the least first.
    pub(super) depths: &'static [u32],
    /// How often each stream is opened in a round.
    pub(super) openings: u32,
    pub(super) quick: bool,
    pub(super) left_out: Vec<String>,
}

impl Plan {
    pub(super) fn new(quick: bool, descriptors: u64) -> Self {
        let room = if quick { Ok(()) } else { load::room_for(SUBSCRIBERS, descriptors) };
        let subscribers = if quick || room.is_err() { FEW } else { SUBSCRIBERS };
        let case = |work| move |store| Case { work, store };
        let publish = Store::ALL.map(case(Work::Publish));
        let fanout = [Work::Burst, Work::Lockstep].map(|work| [Store::Memory, Store::Interval].map(case(work)));
        Self {
            cases: [&publish[..], fanout.as_flattened()].concat(),
            subscribers,
            depths: if quick { &[1_000, 100_000] } else { &[1_000, 100_000, 500_000, 1_000_000] },
            openings: if quick { 5 } else { 20 },
            quick,
            left_out: room.err().into_iter().collect(),
        }
    }

    /// The subscribers of a work.
    pub(super) const fn subscribers(&self, work: Work) -> u32 {
        match work {
            Work::Publish => 0,
            Work::Burst | Work::Lockstep => self.subscribers,
        }
    }

    /// The greatest depth: as many events are retained at least.
    pub(super) fn deepest(&self) -> u32 {
        self.depths.last().copied().unwrap_or(0)
    }

    /// The streams that are opened: of each selector a fresh one, then those that resume.
    pub(super) fn streams(&self) -> Vec<Opened> {
        let depths = || std::iter::once(None).chain(self.depths.iter().copied().map(Some));
        let of = |selector| depths().map(move |depth| Opened { selector, depth });
        Opened::SELECTORS.into_iter().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it() {
        let plan = Plan::new(false, 1 << 20);
        assert_eq!((plan.subscribers, plan.deepest(), plan.openings), (5_000, 1_000_000, 20));
        assert_eq!(plan.cases.len(), 4 + 2 + 2);
        assert!(plan.left_out.is_empty());
        assert_eq!(plan.streams().len(), 2 * (1 + 4));
        assert_eq!(plan.streams()[5], Opened { selector: "t/*", depth: None });
    }

    #[test]
    fn every_depth_has_events_of_every_topic_or_begins_within_the_last_of_each() {
        for quick in [false, true] {
            let least = Plan::new(quick, 1 << 20).depths[0];
            assert!(least > 5 && least < TOPICS, "t/5 has its last event among the last {least}");
        }
    }

    #[test]
    fn with_few_descriptors_there_are_fewer_subscribers_with_a_word() {
        let plan = Plan::new(false, 4_000);
        assert_eq!(plan.subscribers, 1_000);
        assert!(plan.left_out[0].contains("5,000") && plan.left_out[0].contains("ulimit -Hn"));
        assert!(Plan::new(true, 4_000).left_out.is_empty(), "it is not asked for");
    }

    #[test]
    fn a_store_is_chosen_by_flags_and_the_environment() {
        let told = |store: Store| {
            let mut hub = Command::new("hub");
            store.choose(&mut hub, Path::new("/d"));
            let environment = hub.get_envs().filter_map(|(_, value)| value);
            hub.get_args().chain(environment).map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(told(Store::Memory), ["--store", "memory"]);
        assert_eq!(told(Store::Always), ["--store", "redb", "--data", "/d", "always", "50ms"]);
    }
}
