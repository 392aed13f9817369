//! What the actions of sessions count.

use sse_engine::{Action, ControlKind};

use crate::metrics::Metrics;

/// Events handed to subscribers, and their bytes without framing, that are not in the metrics yet.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    events: u64,
    bytes: u64,
}

impl Deliveries {
    /// Counts `action`, whose events have the length that `len` says. What is rare goes to `metrics` at once.
    pub(super) fn count<E>(&mut self, action: &Action<E>, len: impl FnOnce(&E) -> usize, metrics: &Metrics) {
        match action {
            Action::Events { events, count } => {
                self.events += *count as u64;
                self.bytes += len(events) as u64;
            }
            Action::Control { kind: ControlKind::Heartbeat, .. } => {
                metrics.heartbeats.inc();
            }
            Action::Control { kind: ControlKind::Gap(reason), .. } => metrics.gap(*reason),
            _ => {}
        }
    }

    /// Adds what was counted to `metrics`.
    pub(super) fn flush(&mut self, metrics: &Metrics) {
        let Self { events, bytes } = std::mem::take(self);
        if events > 0 {
            metrics.deliveries.inc_by(events);
            metrics.bytes.inc_by(bytes);
        }
    }
}
