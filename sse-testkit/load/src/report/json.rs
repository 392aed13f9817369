//! The report for programs. Its names are part of the tool's interface.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Churn, Publish, Report, Server, Slow, Times, per_second};

impl Report {
    pub(super) fn json(&self) -> Value {
        let stream = &self.stream;
        json!({
            "clean": self.is_clean(),
            "subscribers": self.subscribers,
            "topics": self.topics,
            "unread_topics": self.unread,
            "selector_sets": self.sets,
            "publishers": self.publishers,
            "payload_bytes": self.size,
            "pace": self.pace,
            "seed": self.seed,
            "connect": {
                "seconds": self.connect.took.as_secs_f64(),
                "refused": self.connect.refused,
                "retried": self.connect.retried,
                "ms": times(&self.connect.times),
            },
            "publish": self.publish.as_ref().map(publish),
            "idle": self.idle.map(|idle| json!({ "seconds": idle.held.as_secs_f64() })),
            "streams": {
                "gaps": stream.gaps,
                "drains": stream.drains,
                "ends": stream.ends,
                "finished": stream.finished,
                "reconnects": stream.reconnects,
                "heartbeats": stream.heartbeats,
                "bytes": stream.bytes,
            },
            "server": self.server.map(|used| server(&used, self)),
            "tool_cpu_percent": self.own_cpu.map(|share| share * 100.0),
        })
    }
}

fn publish(publish: &Publish) -> Value {
    json!({
        "events": publish.events,
        "seconds": publish.took.as_secs_f64(),
        "events_per_second": publish.rate(),
        "ms": times(&publish.times),
        "refused": publish.refused,
        "unknown": publish.unknown,
        "deliveries": publish.deliveries,
        "delivery_seconds": publish.delivered_in.as_secs_f64(),
        "deliveries_per_second": per_second(publish.deliveries, publish.delivered_in),
        "latency_ms": times(&publish.latency),
        "lost": publish.losses.lost,
        "lost_announced": publish.losses.announced,
        "doubled": publish.doubled,
        "out_of_order": publish.out_of_order,
        "stray": publish.stray,
        "foreign": publish.foreign,
        "timed_out": publish.timed_out,
        "slow": publish.slow.as_ref().map(slow),
        "churn": publish.churn.as_ref().map(churn),
    })
}

fn slow(slow: &Slow) -> Value {
    json!({
        "deliveries": slow.deliveries,
        "lost": slow.losses.lost,
        "lost_announced": slow.losses.announced,
        "doubled": slow.doubled,
        "out_of_order": slow.out_of_order,
    })
}

fn churn(churn: &Churn) -> Value {
    json!({ "disconnects": churn.disconnects, "skipped": churn.skipped, "resume_ms": times(&churn.times) })
}

fn server(server: &Server, report: &Report) -> Value {
    let deliveries = report.publish.as_ref().map_or(0, |publish| publish.deliveries);
    let events = report.publish.as_ref().map_or(0, |publish| publish.events);
    let micros = server.cpu.as_secs_f64() * 1e6;
    json!({
        "cpu_seconds": server.cpu.as_secs_f64(),
        "cpu_percent": server.cpu_share() * 100.0,
        "cpu_us_per_event": (events > 0).then(|| micros / events as f64),
        "cpu_us_per_delivery": (deliveries > 0).then(|| micros / deliveries as f64),
        "rss_bytes": {
            "before": server.resident_before,
            "connected": server.resident_connected,
            "after": server.resident_after,
            "per_subscriber": server.resident_each(report.subscribers),
        },
        "private_dirty_bytes": server.dirty_each(report.subscribers).map(|each| json!({
            "before": server.dirty_before,
            "connected": server.dirty_connected,
            "after": server.dirty_after,
            "per_subscriber": each,
        })),
    })
}

fn times(times: &Times) -> Value {
    let ms = |time: Duration| time.as_nanos() as f64 / 1e6;
    json!({
        "p50": ms(times.p50),
        "p90": ms(times.p90),
        "p99": ms(times.p99),
        "p99_9": ms(times.p999),
        "max": ms(times.max),
    })
}
