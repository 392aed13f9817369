//! What is run in a round, and in which order.

use std::fmt;

use clap::ValueEnum;

use super::peers::Kind;
use crate::{load, table::grouped};

/// Subscribers in bursts and lockstep, and of a short run.
const SIZES: [u32; 3] = [1_000, 5_000, 15_000];

/// Subscribers of the mixes.
const MIXED: u32 = 5_000;

/// What can be measured alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Bursts and lockstep on one topic, with memory and the time to connect
    Fanout,
    /// Many sets, patterns, topics that nobody reads, slow readers, and idling, of this hub alone
    Mixes,
    /// Events a second from 64 publishers
    Publishing,
    /// The time from publish to arrival at 1,000 subscribers
    Latency,
    /// TLS by this hub, by nginx before it, and without: memory, and lockstep on one topic
    Tls,
}

/// What is done to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    /// 60 events back to back, one topic.
    Burst,
    /// Events one after the other, each when all have the last.
    Lockstep,
    /// The 60 events in one request.
    Together,
    /// Ten topics of 500 each, hardly two sets the same. All events of the mixes come in one request or a few, so that
    /// each subscriber has about 60 before it at once, as in a burst.
    Sets,
    /// The same, each event in a request of its own: hardly two for the same subscriber at once.
    SetsApart,
    /// Ten of 1,000 patterns each.
    Patterns,
    /// One hot topic for all, among 100,000 that get 99 of 100 events.
    Hot,
    /// 64 topics of 5,000 each: with 15,000 subscribers nearly a million pairs.
    Pairs,
    /// Only topics that nobody reads.
    Unread,
    /// Large events at a rate, to readers who keep up.
    Apart,
    /// The same, and besides a fifth that reads one byte a second.
    Slow,
    /// Nothing is published.
    Idle,
    /// The same, until a server has given back what connecting takes for a moment.
    Settled,
    /// 64 publishers back to back, without subscribers.
    Publish,
    /// 100 events a second.
    Latency,
}

impl Work {
    const fn name(self) -> &'static str {
        match self {
            Self::Burst => "burst",
            Self::Lockstep => "lockstep",
            Self::Together => "one topic, in one request",
            Self::Sets => "many sets",
            Self::SetsApart => "many sets, one by one",
            Self::Patterns => "patterns",
            Self::Hot => "a hot topic among 100,000",
            Self::Pairs => "64 topics each",
            Self::Unread => "topics that nobody reads",
            Self::Apart => "readers who keep up",
            Self::Slow => "with slow readers",
            Self::Idle => "idle",
            Self::Settled => "settled",
            Self::Publish => "publishing",
            Self::Latency => "latency",
        }
    }

    /// What the load tool is told, besides the number of subscribers. Each subscriber gets about 60 events where CPU for
    /// each delivery is looked for; in lockstep, where each costs alike, a third of them when there are many.
    const fn options(self, quick: bool, many: bool) -> &'static str {
        match self {
            Self::Lockstep if many => "--lockstep --events 20",
            Self::Burst => "--rate max --events 60",
            Self::Lockstep => "--lockstep --events 60",
            Self::Together => "--rate max --events 60 --batch 60",
            Self::Sets => "--rate max --topics 500 -k 10 --events 3000 --batch 3000",
            Self::SetsApart => "--rate max --topics 500 -k 10 --events 3000",
            Self::Patterns => "--rate max --topics 10000 -k 10 --patterns 100% --events 6000 --batch 6000",
            Self::Hot => "--rate max --unread 99999 --hot 1% --events 6000 --batch 6000",
            Self::Pairs => "--rate max --topics 5000 -k 64 --events 4700 --batch 4700",
            Self::Unread => "--rate max --unread 100000 --hot 0% --events 20000",
            Self::Apart if quick => "--rate 100 --size 4096 --events 500",
            Self::Apart => "--rate 100 --size 4096 --events 2000",
            Self::Slow if quick => "--slow 20% --rate 100 --size 4096 --events 500",
            Self::Slow => "--slow 20% --rate 100 --size 4096 --events 2000",
            Self::Idle if quick => "--idle 5s",
            Self::Idle => "--idle 32s",
            Self::Settled => "--idle 12s",
            Self::Publish if quick => "--publishers 64 --rate max --for 2s",
            Self::Publish => "--publishers 64 --rate max --for 5s",
            Self::Latency if quick => "--rate 100 --for 2s",
            Self::Latency => "--rate 100 --for 10s",
        }
    }
}

/// One run: a work on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Case {
    pub(crate) work: Work,
    pub(crate) subscribers: u32,
    pub(crate) server: Kind,
    pub(crate) quick: bool,
}

impl Case {
    pub(crate) const fn options(&self) -> &'static str {
        self.work.options(self.quick, self.subscribers > MIXED)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { work, subscribers, server, .. } = self;
        write!(f, "{}, {}, {server}", work.name(), grouped(*subscribers))
    }
}

/// All runs of a round, and what is left out.
#[derive(Debug)]
pub(crate) struct Plan {
    cases: Vec<Case>,
    /// Subscribers of the bursts, the least first.
    pub(crate) sizes: Vec<u32>,
    /// Subscribers of the mixes.
    pub(crate) mixed: u32,
    pub(crate) quick: bool,
    pub(crate) left_out: Vec<String>,
}

impl Plan {
    /// `parts`: those that are wanted; none are all. `others`: the servers that there are though not every machine has them.
    pub(crate) fn new(quick: bool, parts: &[Part], others: &[Kind], descriptors: u64) -> Self {
        let wanted = |part| parts.is_empty() || parts.contains(&part);
        let mut left_out = Vec::new();
        let all = if quick { &SIZES[..1] } else { &SIZES[..] };
        let mut sizes = Vec::new();
        for size in all {
            match load::room_for(*size, descriptors) {
                Ok(()) => sizes.push(*size),
                Err(lack) => left_out.push(lack),
            }
        }
        if !others.contains(&Kind::Nchan) {
            left_out.push("nchan, and TLS by nginx: nginx with its module is not installed".to_owned());
        }
        let most = sizes.last().copied().unwrap_or(SIZES[0]);
        let mixed = most.min(MIXED);
        let mut plan = Self { cases: Vec::new(), sizes, mixed, quick, left_out };
        let hub = Kind::HubShards;
        let servers = Kind::FANOUT
            .into_iter()
            .filter(|server| !matches!(server, Kind::Nchan | Kind::Beside) || others.contains(server));
        if wanted(Part::Fanout) {
            for subscribers in plan.sizes.clone() {
                for work in [Work::Burst, Work::Lockstep] {
                    servers.clone().for_each(|server| plan.add(work, subscribers, server));
                }
            }
        }
        if wanted(Part::Mixes) {
            if !wanted(Part::Fanout) {
                plan.add(Work::Lockstep, mixed, hub);
            }
            for work in [Work::Together, Work::Sets, Work::Patterns, Work::Hot, Work::SetsApart] {
                plan.add(work, mixed, hub);
            }
            plan.add(Work::Pairs, most, hub);
            plan.add(Work::Unread, SIZES[0], hub);
            if most > SIZES[0] {
                plan.add(Work::Unread, most, hub);
            }
            plan.add(Work::Apart, 800, hub);
            plan.add(Work::Slow, 1_000, hub);
            plan.add(Work::Idle, most, hub);
        }
        if wanted(Part::Publishing) {
            let beside = others.iter().copied().filter(|server| *server == Kind::Beside);
            [hub].into_iter().chain(beside).chain([Kind::Route]).for_each(|server| plan.add(Work::Publish, 0, server));
        }
        if wanted(Part::Latency) {
            servers.for_each(|server| plan.add(Work::Latency, SIZES[0], server));
        }
        if wanted(Part::Tls) {
            for subscribers in plan.encrypted() {
                for work in [Work::Settled, Work::Lockstep] {
                    let servers = Kind::TLS.into_iter();
                    // its nginx is the one with nchan
                    let servers = servers.filter(|server| *server != Kind::Nginx || others.contains(&Kind::Nchan));
                    servers.for_each(|server| plan.add(work, subscribers, server));
                }
            }
        }
        plan
    }

    /// Subscribers with TLS: many, where there are many.
    pub(crate) fn encrypted(&self) -> Vec<u32> {
        let many: Vec<u32> = self.sizes.iter().copied().filter(|size| *size >= MIXED).collect();
        if many.is_empty() { self.sizes.clone() } else { many }
    }

    /// Leaves out all other servers.
    pub(crate) fn keep(&mut self, servers: &[Kind]) {
        self.cases.retain(|case| servers.contains(&case.server));
    }

    pub(crate) fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// The run of this work on this server, with these subscribers, as the plan would have it.
    pub(crate) const fn case(&self, work: Work, subscribers: u32, server: Kind) -> Case {
        Case { work, subscribers, server, quick: self.quick }
    }

    /// The most subscribers of a work on the hub, if it is planned.
    pub(crate) fn most(&self, work: Work) -> Option<u32> {
        self.cases.iter().filter(|case| case.work == work).map(|case| case.subscribers).max()
    }

    fn add(&mut self, work: Work, subscribers: u32, server: Kind) {
        let case = self.case(work, subscribers, server);
        // two parts may want the same
        if !self.cases.contains(&case) {
            self.cases.push(case);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it() {
        let plan = Plan::new(false, &[], &[Kind::Beside, Kind::Nchan], 1 << 20);
        assert_eq!((&plan.sizes[..], plan.mixed), (&SIZES[..], 5_000));
        assert!(plan.left_out.is_empty());
        let bursts = plan.cases().iter().filter(|case| case.work == Work::Burst).count();
        assert_eq!(bursts, 3 * Kind::FANOUT.len());
        assert_eq!(plan.most(Work::Pairs), Some(15_000));
    }

    #[test]
    fn a_short_run_has_1000_subscribers_at_most() {
        let plan = Plan::new(true, &[], &[Kind::Nchan], 1 << 20);
        assert!(plan.cases().iter().all(|case| case.subscribers <= 1_000));
        assert!(plan.left_out.is_empty(), "the rest is not asked for");
    }

    #[test]
    fn what_descriptors_do_not_allow_is_left_out_with_a_word() {
        let plan = Plan::new(false, &[], &[], 6_000);
        assert_eq!(plan.sizes, [1_000, 5_000]);
        assert!(plan.left_out[0].contains("15,000") && plan.left_out[0].contains("ulimit -Hn"));
        assert!(plan.left_out[1].contains("not installed"));
        assert!(plan.cases().iter().all(|case| case.server != Kind::Nchan && case.subscribers <= 5_000));
    }

    #[test]
    fn a_part_alone() {
        let plan = Plan::new(false, &[Part::Publishing], &[Kind::Nchan], 1 << 20);
        assert!(plan.cases().iter().all(|case| case.work == Work::Publish) && plan.cases().len() == 2);
        let tls = Plan::new(false, &[Part::Tls], &[], 1 << 20);
        assert_eq!(tls.encrypted(), [5_000, 15_000]);
        assert_eq!(tls.cases().len(), 8, "memory and lockstep of the hub with TLS and without");
        assert_eq!(Plan::new(true, &[Part::Tls], &[Kind::Nchan], 1 << 20).cases().len(), 6);
        let mixes = Plan::new(false, &[Part::Mixes], &[Kind::Nchan], 1 << 20);
        assert_eq!(mixes.cases()[0].work, Work::Lockstep, "what the mixes are compared with");
    }
}
