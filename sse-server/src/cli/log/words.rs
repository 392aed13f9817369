//! Reports as text.

use std::{
    fmt::Write as _,
    time::{Duration, UNIX_EPOCH},
};

use sse_server::{LogInfo, LogTopic, Verified};

/// The most topics listed; JSON has them all.
const TOPICS: usize = 20;

pub(super) fn info(info: &LogInfo) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(text, "{name:<8} {value}"); // writing to memory does not fail
    };
    row("file", &format!("{}, {}", info.file.display(), bytes(info.file_bytes)));
    row("epoch", &info.epoch);
    row("head", &info.head);
    row("events", &format!("{}, {}", info.events, bytes(info.bytes)));
    row("first", &end(info.first_id.as_deref(), info.first_time));
    row("last", &end(info.last_id.as_deref(), info.last_time));
    row("keys", &info.keys);
    let left = if info.clean { "closed in good order" } else { "not closed in good order" };
    let holes = match (info.holes, info.lossy_holes) {
        (0, _) => String::new(),
        (holes, lossy) => format!("; {holes} unclean stops before, {lossy} of which may have taken events"),
    };
    row("state", &format!("{left}{holes}"));
    row("topics", &info.topics.len());
    let name = |topic: &LogTopic| topic.topic.chars().count();
    let width = info.topics.iter().take(TOPICS).map(name).max().unwrap_or_default().min(40);
    for topic in info.topics.iter().take(TOPICS) {
        let LogTopic { topic, events, bytes: count, ended_id, .. } = topic;
        let ended = if ended_id.is_some() { ", ended" } else { "" };
        let _ = writeln!(text, "  {topic:<width$}  events {events}, {}{ended}", bytes(*count));
    }
    if let Some(more) = info.topics.len().checked_sub(TOPICS).filter(|more| *more > 0) {
        let _ = writeln!(text, "  and {more} smaller ones; --json names them all");
    }
    text
}

/// A line for each finding, and a summary.
pub(super) fn verified(verified: &Verified) -> String {
    let mut text: String = verified.findings.iter().map(|finding| format!("{finding}\n")).collect();
    if verified.more > 0 {
        let _ = writeln!(text, "and {} more of the kind", verified.more);
    }
    if verified.is_well() {
        let _ = writeln!(text, "events: {}, topics: {}: all is well", verified.events, verified.topics);
    }
    text
}

pub(super) fn bytes(bytes: u64) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        0..10_000 => format!("{bytes} bytes"),
        10_000..0x10_0000 => format!("{:.2} KiB", bytes as f64 / 1024.0),
        0x10_0000..0x4000_0000 => format!("{:.2} MiB", bytes as f64 / 1024.0_f64.powi(2)),
        _ => format!("{:.2} GiB", bytes as f64 / 1024.0_f64.powi(3)),
    }
}

fn end(id: Option<&str>, time: Option<u64>) -> String {
    let Some((id, time)) = id.zip(time) else { return "none".to_owned() };
    // a time outside of the calendar, from a damaged file, is printed as it is
    let at = UNIX_EPOCH.checked_add(Duration::from_millis(time)).filter(|_| time < 253_402_300_800_000);
    let at = at.map_or_else(|| format!("{time} ms"), |at| humantime::format_rfc3339_millis(at).to_string());
    format!("{id}, published {at}")
}
