//! What a run found.

mod json;
mod text;

use std::{fmt, time::Duration};

use crate::ledger::Losses;

/// What a run found. As text by `Display`, as JSON by [`to_json`](Self::to_json).
#[derive(Debug, Clone)]
pub struct Report {
    pub(crate) subscribers: u32,
    pub(crate) slow: u32,
    pub(crate) topics: u32,
    pub(crate) unread: u32,
    pub(crate) sets: u32,
    pub(crate) publishers: u32,
    pub(crate) size: u32,
    pub(crate) pace: &'static str,
    pub(crate) seed: u64,
    pub(crate) connect: Connect,
    /// `None` of an idle run.
    pub(crate) publish: Option<Publish>,
    pub(crate) idle: Option<Idle>,
    pub(crate) stream: Stream,
    pub(crate) server: Option<Server>,
    /// The tool's own CPU while events were published or the connections held, as a share of one core.
    pub(crate) own_cpu: Option<f64>,
}

/// How the subscribers connected.
#[derive(Debug, Clone)]
pub(crate) struct Connect {
    pub(crate) took: Duration,
    /// From the connection's first packet to the head of the answer.
    pub(crate) times: Times,
    pub(crate) refused: u64,
    pub(crate) retried: u64,
}

/// What was published and what became of it. Slow subscribers are apart.
#[derive(Debug, Clone)]
pub(crate) struct Publish {
    pub(crate) events: u64,
    /// From the first event to the last that was sent.
    pub(crate) took: Duration,
    /// From an event's sending to its answer.
    pub(crate) times: Times,
    pub(crate) refused: u64,
    pub(crate) unknown: u64,
    pub(crate) deliveries: u64,
    /// From the first event to its last arrival.
    pub(crate) delivered_in: Duration,
    /// From an event's sending to its arrival.
    pub(crate) latency: Times,
    pub(crate) losses: Losses,
    pub(crate) doubled: u64,
    pub(crate) out_of_order: u64,
    pub(crate) stray: u64,
    pub(crate) foreign: u64,
    /// Publishing ended with something missing and nothing more coming.
    pub(crate) timed_out: bool,
    pub(crate) slow: Option<Slow>,
    pub(crate) churn: Option<Churn>,
}

/// What came to the slow subscribers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slow {
    pub(crate) deliveries: u64,
    /// What is missing between events that came; the end does not count.
    pub(crate) losses: Losses,
    pub(crate) doubled: u64,
    pub(crate) out_of_order: u64,
}

/// The subscribers that disconnect and come back.
#[derive(Debug, Clone)]
pub(crate) struct Churn {
    pub(crate) disconnects: u64,
    /// None of them could be disconnected: none was connected and had an event id.
    pub(crate) skipped: u64,
    /// From the new connection's first packet to the head of the answer.
    pub(crate) times: Times,
}

/// Connections held without events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Idle {
    pub(crate) held: Duration,
}

/// What the streams said besides events.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stream {
    pub(crate) gaps: u64,
    pub(crate) drains: u64,
    pub(crate) ends: u64,
    /// In good order and for good: all their topics had ended.
    pub(crate) finished: u64,
    pub(crate) reconnects: u64,
    pub(crate) heartbeats: u64,
    pub(crate) bytes: u64,
}

/// What the server's processes used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Server {
    /// While events were published and arrived, or the connections were held.
    pub(crate) cpu: Duration,
    /// That time.
    pub(crate) window: Duration,
    pub(crate) resident_before: u64,
    /// With all connected, before the first event.
    pub(crate) resident_connected: u64,
    pub(crate) resident_after: u64,
    pub(crate) dirty_before: Option<u64>,
    pub(crate) dirty_connected: Option<u64>,
    pub(crate) dirty_after: Option<u64>,
}

/// Percentiles of times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) p50: Duration,
    pub(crate) p90: Duration,
    pub(crate) p99: Duration,
    pub(crate) p999: Duration,
    pub(crate) max: Duration,
}

impl Times {
    /// Of a histogram of nanoseconds.
    pub(crate) fn of(histogram: &hdrhistogram::Histogram<u64>) -> Self {
        let at = |quantile| Duration::from_nanos(histogram.value_at_quantile(quantile));
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: Duration::from_nanos(histogram.max()) }
    }
}

impl Report {
    /// Whether every event came once and in order, to all who were to have it; slow subscribers may miss the end.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.publish.as_ref().is_none_or(|publish| {
            let slow = publish.slow.map_or(0, |slow| slow.losses.lost + slow.doubled + slow.out_of_order);
            publish.losses.lost + publish.doubled + publish.out_of_order + publish.stray + slow == 0
        })
    }

    /// The report as a JSON object: times in milliseconds, memory in bytes, shares in percent.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        self.json()
    }

    /// The report as text, with colours for a terminal.
    #[must_use]
    pub fn to_coloured_text(&self) -> String {
        self.text(true)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(false))
    }
}

impl Publish {
    /// Events a second: there is one interval fewer than there are events.
    fn rate(&self) -> f64 {
        per_second(self.events.saturating_sub(1), self.took)
    }
}

/// How many a second; 0 in no time.
fn per_second(count: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { count as f64 / time.as_secs_f64() }
}

impl Server {
    fn cpu_share(&self) -> f64 {
        if self.window.is_zero() { 0.0 } else { self.cpu.as_secs_f64() / self.window.as_secs_f64() }
    }

    /// Resident memory for each subscriber, in bytes, above what there was before them.
    fn resident_each(&self, subscribers: u32) -> i64 {
        each(self.resident_before, self.resident_connected, subscribers)
    }

    fn dirty_each(&self, subscribers: u32) -> Option<i64> {
        Some(each(self.dirty_before?, self.dirty_connected?, subscribers))
    }
}

fn each(before: u64, after: u64, subscribers: u32) -> i64 {
    (after as i64).saturating_sub(before as i64) / i64::from(subscribers.max(1))
}
