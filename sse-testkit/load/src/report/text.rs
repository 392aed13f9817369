//! The report for people.

use std::{fmt::Write, time::Duration};

use super::{Publish, Report, Server, Times, per_second};

const RED: &str = "\x1b[1;31m";
const GREEN: &str = "\x1b[32m";
const PLAIN: &str = "\x1b[0m";

/// Lines of a label and what belongs to it.
struct Lines {
    text: String,
    colours: bool,
}

impl Lines {
    fn add(&mut self, label: &str, text: &str) {
        // writing to a string does not fail
        let _ = writeln!(self.text, "{label:<12} {text}");
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.colours { format!("{colour}{text}{PLAIN}") } else { text.to_owned() }
    }

    /// A count that should be 0.
    fn fault(&self, name: &str, count: u64) -> String {
        let text = format!("{} {name}", grouped(count));
        if count > 0 { self.painted(RED, &text) } else { text }
    }
}

impl Report {
    pub(super) fn text(&self, colours: bool) -> String {
        let mut lines = Lines { text: String::new(), colours };
        let connect = &self.connect;
        let topics = match (self.topics, self.sets) {
            (1, _) => "1 topic".to_owned(),
            (topics, sets) => format!("{} topics in {} sets", grouped(topics.into()), grouped(sets.into())),
        };
        let unread = match self.unread {
            0 => String::new(),
            unread => format!("; {} more that nobody has", grouped(unread.into())),
        };
        lines.add("subscribers", &format!("{} of {topics}{unread}", grouped(self.subscribers.into())));
        lines.add(
            "connect",
            &format!(
                "{} in all; {}; {} refused, {} retried",
                time(connect.took),
                percentiles(&connect.times),
                grouped(connect.refused),
                grouped(connect.retried)
            ),
        );
        if let Some(idle) = self.idle {
            lines.add("idle", &format!("{} without an event", time(idle.held)));
        }
        if let Some(publish) = &self.publish {
            published(publish, self, &mut lines);
        }
        let stream = &self.stream;
        let finished = match stream.finished {
            0 => String::new(),
            finished => format!("{} finished, ", grouped(finished)),
        };
        lines.add(
            "streams",
            &format!(
                "{} gaps, {} drains, {} ended, {finished}{} reconnected, {} heartbeats; {} read",
                grouped(stream.gaps),
                grouped(stream.drains),
                grouped(stream.ends),
                grouped(stream.reconnects),
                grouped(stream.heartbeats),
                bytes(stream.bytes as i64)
            ),
        );
        if let Some(server) = &self.server {
            used(server, self, &mut lines);
        }
        if let Some(share) = self.own_cpu {
            lines.add("this tool", &format!("{:.0}% of a core{}", share * 100.0, limit(share)));
        }
        lines.text
    }
}

fn published(publish: &Publish, report: &Report, lines: &mut Lines) {
    lines.add(
        "events",
        &format!(
            "{} of {} bytes, {}, by {}: {} a second in {}",
            grouped(publish.events),
            report.size,
            report.pace,
            plural(report.publishers, "publisher"),
            rounded(publish.rate()),
            time(publish.took)
        ),
    );
    lines.add(
        "publish",
        &format!(
            "{}; {} refused and sent again, {} without an answer",
            percentiles(&publish.times),
            grouped(publish.refused),
            grouped(publish.unknown)
        ),
    );
    lines.add(
        "deliveries",
        &format!(
            "{} in {}: {} a second",
            grouped(publish.deliveries),
            time(publish.delivered_in),
            rounded(per_second(publish.deliveries, publish.delivered_in))
        ),
    );
    lines.add("latency", &percentiles(&publish.latency));
    let losses = publish.losses;
    let mut account = [
        lines.fault("lost", losses.lost),
        lines.fault("doubled", publish.doubled),
        lines.fault("out of order", publish.out_of_order),
    ]
    .join(", ");
    for (count, name) in [
        (losses.announced, "missing but announced by a gap"),
        (publish.stray, "not subscribed to"),
        (publish.foreign, "of other publishers"),
    ] {
        if count > 0 {
            let _ = write!(account, ", {} {name}", grouped(count));
        }
    }
    if publish.timed_out {
        account.push_str("; stopped waiting for the rest");
    }
    if report.is_clean() {
        account = lines.painted(GREEN, &account);
    }
    lines.add("account", &account);
    if let Some(slow) = &publish.slow {
        let faults = [
            lines.fault("lost between others", slow.losses.lost),
            lines.fault("doubled", slow.doubled),
            lines.fault("out of order", slow.out_of_order),
        ];
        let text = format!(
            "{} with {} deliveries; {}, {} announced by a gap",
            plural(report.slow, "subscriber"),
            grouped(slow.deliveries),
            faults.join(", "),
            grouped(slow.losses.announced)
        );
        lines.add("slow", &text);
    }
    if let Some(churn) = &publish.churn {
        let text = format!(
            "{} disconnected and resumed, {} skipped for want of an id; resume {}",
            grouped(churn.disconnects),
            grouped(churn.skipped),
            percentiles(&churn.times)
        );
        lines.add("churn", &text);
    }
}

fn used(server: &Server, report: &Report, lines: &mut Lines) {
    let mut cpu =
        format!("{} in {}, {:.1}% of a core", time(server.cpu), time(server.window), server.cpu_share() * 100.0);
    let deliveries = report.publish.as_ref().map_or(0, |publish| publish.deliveries);
    let events = report.publish.as_ref().map_or(0, |publish| publish.events);
    match (deliveries, events) {
        (0, 0) => {}
        (0, events) => {
            let _ = write!(cpu, "; {:.3} µs an event", server.cpu.as_secs_f64() * 1e6 / events as f64);
        }
        (deliveries, _) => {
            let _ = write!(cpu, "; {:.3} µs a delivery", server.cpu.as_secs_f64() * 1e6 / deliveries as f64);
        }
    }
    lines.add("server CPU", &cpu);
    let mut memory = format!(
        "{} a subscriber resident (VmRSS, {} before, {} connected, {} after)",
        bytes(server.resident_each(report.subscribers)),
        bytes(server.resident_before as i64),
        bytes(server.resident_connected as i64),
        bytes(server.resident_after as i64)
    );
    if let Some(each) = server.dirty_each(report.subscribers) {
        let _ = write!(memory, "; {} private and written to (Private_Dirty)", bytes(each));
    }
    lines.add("memory", &memory);
}

/// A tool that has no time left measures itself.
fn limit(share: f64) -> &'static str {
    if share > 0.9 { "; it may be what limits the figures" } else { "" }
}

fn percentiles(times: &Times) -> String {
    format!(
        "p50 {}, p90 {}, p99 {}, p99.9 {}, max {}",
        time(times.p50),
        time(times.p90),
        time(times.p99),
        time(times.p999),
        time(times.max)
    )
}

fn plural(count: u32, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count.into()), if count == 1 { "" } else { "s" })
}

/// A time with three digits or so.
fn time(time: Duration) -> String {
    match time.as_secs_f64() {
        0.0 => "0".to_owned(),
        seconds if seconds < 1e-3 => format!("{:.0} µs", seconds * 1e6),
        seconds if seconds < 1e-1 => format!("{:.2} ms", seconds * 1e3),
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        seconds => format!("{seconds:.2} s"),
    }
}

fn bytes(count: i64) -> String {
    match count.unsigned_abs() {
        size if size < 1 << 10 => format!("{count} B"),
        size if size < 1 << 20 => format!("{:.2} KiB", count as f64 / 1024.0),
        _ => format!("{:.1} MiB", count as f64 / (1 << 20) as f64),
    }
}

fn rounded(rate: f64) -> String {
    if rate < 100.0 { format!("{rate:.1}") } else { grouped(rate.round() as u64) }
}

/// A number with commas.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 900, 5_500, 3 << 20, -2048].map(bytes), ["0 B", "900 B", "5.37 KiB", "3.0 MiB", "-2.00 KiB"]);
        let times = [0, 15_400, 1_234_000, 250_000_000, 61_000_000_000].map(|nanos| time(Duration::from_nanos(nanos)));
        assert_eq!(times, ["0", "15 µs", "1.23 ms", "250 ms", "61.00 s"]);
        assert_eq!([0.5, 99.96, 1234.5].map(rounded), ["0.5", "100.0", "1,235"]);
    }
}
