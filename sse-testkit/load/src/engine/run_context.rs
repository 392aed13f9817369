//! What every connection of a run goes by, and what is counted.

use std::{collections::HashMap, time::Instant};

use hdrhistogram::Histogram;

use super::socket::Connector;
use crate::{
    ledger::{Arrival, Ledger},
    mix::{Mix, Set},
    options::Options,
    payload, template,
};

/// The longest time that is told from a longer one, in nanoseconds: an hour.
const LONGEST: u64 = 3_600_000_000_000;

/// Events whose publishing had no answer, remembered for each lane. Beyond, they count as published.
const VOID: usize = 1024;

/// What every connection goes by.
#[derive(Debug)]
pub(super) struct RunContext {
    pub(super) mix: Mix,
    pub(super) run: u32,
    tag: [u8; 8],
    /// The request of each set, up to where `Last-Event-ID` may follow.
    requests: Vec<Vec<u8>>,
    /// How many events of each lane were sent.
    pub(super) issued: Vec<u32>,
    /// Of each lane, those of which it is not known whether they were published.
    pub(super) void: HashMap<u32, Vec<u32>>,
    origin: Instant,
    pub(super) connector: Connector,
}

/// What is counted and timed.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) connect: Histogram<u64>,
    pub(super) resume: Histogram<u64>,
    pub(super) publish: Histogram<u64>,
    pub(super) latency: Histogram<u64>,
    pub(super) fleet: Tally,
    pub(super) slow: Tally,
    /// Arrivals that there will be when all is well, slow subscribers apart, and those that there have been or that
    /// were passed over.
    pub(super) expected: u64,
    pub(super) accounted: u64,
    pub(super) last_arrival: u64,
    pub(super) stray: u64,
    pub(super) foreign: u64,
    pub(super) gaps: u64,
    pub(super) drains: u64,
    pub(super) ends: u64,
    /// Streams whose topics have all ended.
    pub(super) finished: u64,
    pub(super) reconnects: u64,
    pub(super) heartbeats: u64,
    pub(super) bytes: u64,
    pub(super) refused: u64,
    pub(super) retried: u64,
    pub(super) disconnects: u64,
    pub(super) skipped: u64,
    pub(super) publish_refused: u64,
    pub(super) publish_unknown: u64,
    /// Why a subscriber could not connect, the last time.
    pub(super) reason: String,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) deliveries: u64,
    pub(super) doubled: u64,
    pub(super) late: u64,
}

impl RunContext {
    pub(super) fn new(options: &Options, mix: Mix, run: u32, connector: Connector) -> Self {
        let request = |set: &Set| {
            let path = template::fill(&options.subscribe_path, &set.selectors);
            let mut request = format!(
                "GET {path} HTTP/1.1\r\nhost: {}\r\naccept: text/event-stream\r\ncache-control: no-store\r\n",
                options.target.host
            );
            push_headers(&options.header, &mut request);
            request.into_bytes()
        };
        Self {
            run,
            tag: payload::tag(run),
            requests: mix.sets().iter().map(request).collect(),
            issued: vec![0; mix.lanes()],
            void: HashMap::new(),
            mix,
            origin: Instant::now(),
            connector,
        }
    }

    /// Nanoseconds since the tool began: the clock of all that is measured.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// What a subscriber of a set asks.
    pub(super) fn request(&self, set: u32, last_event_id: &str) -> Vec<u8> {
        let mut request = self.requests[set as usize].clone();
        if !last_event_id.is_empty() {
            request.extend_from_slice(b"last-event-id: ");
            request.extend_from_slice(last_event_id.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        request
    }

    /// It is not known whether this event was published.
    pub(super) fn make_void(&mut self, lane: u32, seq: u32) {
        let void = self.void.entry(lane).or_default();
        if void.len() < VOID {
            void.push(seq);
        }
    }

    /// An event came to a subscriber of `set`. `false` says that it is none of this run's.
    #[inline]
    pub(super) fn deliver(
        &self,
        data: &str,
        set: u32,
        slow: bool,
        now: u64,
        ledger: &mut Ledger,
        counts: &mut Counts,
    ) -> bool {
        let Some(event) = payload::read(&self.tag, data) else { return false };
        let Some(place) = self.mix.place(&self.mix.sets()[set as usize], event.lane) else {
            counts.stray += 1;
            return true;
        };
        if event.seq >= self.issued[event.lane as usize] {
            return false;
        }
        let arrival = ledger.record(place, event.seq);
        let tally = if slow { &mut counts.slow } else { &mut counts.fleet };
        match arrival {
            Arrival::Doubled => {
                tally.doubled += 1;
                return true;
            }
            Arrival::Late => tally.late += 1,
            Arrival::New { .. } => {}
        }
        tally.deliveries += 1;
        if !slow {
            counts.latency.saturating_record(now.saturating_sub(event.nanos));
            counts.last_arrival = now;
            if let Arrival::New { advance } = arrival {
                counts.accounted += u64::from(advance);
            }
        }
        true
    }

    /// A gap was announced to a subscriber of `set`.
    pub(super) fn excuse(&self, set: u32, ledger: &mut Ledger) {
        let set = &self.mix.sets()[set as usize];
        ledger.excuse(|place| self.issued[self.mix.lane_at(set, place) as usize]);
    }
}

/// The headers that the user gave.
pub(super) fn push_headers(headers: &[String], request: &mut String) {
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
}

impl Counts {
    pub(super) fn new() -> Self {
        // three digits, from a nanosecond to an hour: 270 KB each
        let times = || Histogram::new_with_bounds(1, LONGEST, 3).expect("1 is below an hour, and 3 digits are allowed");
        Self {
            connect: times(),
            resume: times(),
            publish: times(),
            latency: times(),
            fleet: Tally::default(),
            slow: Tally::default(),
            expected: 0,
            accounted: 0,
            last_arrival: 0,
            stray: 0,
            foreign: 0,
            gaps: 0,
            drains: 0,
            ends: 0,
            finished: 0,
            reconnects: 0,
            heartbeats: 0,
            bytes: 0,
            refused: 0,
            retried: 0,
            disconnects: 0,
            skipped: 0,
            publish_refused: 0,
            publish_unknown: 0,
            reason: "none was refused, but the answers did not come".to_owned(),
        }
    }
}
