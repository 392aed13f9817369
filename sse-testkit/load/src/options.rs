//! What the tool is asked to do.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    time::Duration,
};

use clap::Parser;

use crate::{pace::Pace, payload};

/// Load for a server of Server-Sent Events: many subscribers, some publishers, and an account of every event.
///
/// It connects the subscribers, then publishes, and reports deliveries a second, latency from publish to arrival, and
/// what was lost, doubled or out of order. Each event carries a sequence number and its time, so nothing is guessed.
/// Every random choice repeats with --seed. Point it only at servers of your own.
///
/// Exit status: 0 when every event came once and in order, 1 when not or when the load could not be made, 2 for a bad
/// option.
#[derive(Debug, Clone, Parser)]
#[command(name = "sse-load", version)]
pub struct Options {
    /// The server: HOST:PORT, http://HOST:PORT or https://HOST:PORT
    #[arg(value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = target)]
    pub(crate) target: Target,

    /// The certificates of the authorities that may have signed the server's, in PEM. For https://
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) ca: Option<PathBuf>,

    /// Take any certificate of the server's. For https://
    #[arg(long)]
    pub(crate) insecure: bool,

    /// Subscribers, each with a connection of its own, 0 to 1,000,000
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1000, help_heading = SUBSCRIBERS)]
    #[arg(value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub(crate) subscribers: u32,

    /// Where a subscriber asks. {topic} is replaced by the topic; a query parameter that has it is repeated for each
    /// topic
    #[arg(long, value_name = "PATH", default_value = "/events?topic={topic}", help_heading = SUBSCRIBERS)]
    pub(crate) subscribe_path: String,

    /// Connections begun a second, or max: as fast as --connecting allows
    #[arg(long, value_name = "RATE", default_value = "max", value_parser = connect_rate, help_heading = SUBSCRIBERS)]
    pub(crate) connect_rate: f64,

    /// Connections on their way at once, 1 to 65,535
    #[arg(long, value_name = "N", default_value_t = 256, help_heading = SUBSCRIBERS)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=65_535))]
    pub(crate) connecting: u32,

    /// How long all may take to connect, 1s to 1h; who is refused tries again until then
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = seconds_to_an_hour)]
    #[arg(help_heading = SUBSCRIBERS)]
    pub(crate) connect_timeout: Duration,

    /// Addresses to connect from, 127.0.0.1 and up, 1 to 250. One has about 28,000 ports to one server. More than one:
    /// for a server on IPv4 loopback only
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = SUBSCRIBERS)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=250))]
    pub(crate) sources: u8,

    /// Share of slow subscribers, 0% to 100%. They are not waited for, and what they miss at the end is not lost
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = share, help_heading = SUBSCRIBERS)]
    pub(crate) slow: f64,

    /// Bytes a second that a slow subscriber reads, 1 to 1,000,000
    #[arg(long, value_name = "BYTES", default_value_t = 1, help_heading = SUBSCRIBERS)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) slow_rate: u32,

    /// Subscribers a second that disconnect and come back at once with their last event id, while events are
    /// published: 0.01 to 100,000
    #[arg(long, value_name = "RATE", value_parser = churn_rate, help_heading = SUBSCRIBERS)]
    pub(crate) churn: Option<f64>,

    /// Share of the subscribers that --churn takes in turn
    #[arg(long, value_name = "SHARE", default_value = "20%", value_parser = share, help_heading = SUBSCRIBERS)]
    pub(crate) churn_share: f64,

    /// Topics, 1 to 1,000,000
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = TOPICS)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) topics: u32,

    /// Topics besides, which nobody subscribes to, 0 to 1,000,000. Events go to them as to the others, or, with --hot, as to
    /// the topics that are not hot
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = TOPICS)]
    #[arg(value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub(crate) unread: u32,

    /// Their names: {number} is replaced by a topic's number, {group} by a tenth of it [default: load, or
    /// load/{group}/{number} with several topics]
    #[arg(long, value_name = "NAME", help_heading = TOPICS)]
    pub(crate) topic: Option<String>,

    /// Topics of each subscriber, drawn at random, 1 to 1,000
    #[arg(short = 'k', long, value_name = "K", default_value_t = 1, help_heading = TOPICS)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) topics_per_subscriber: u32,

    /// Share of subscribers with K patterns in place of K topics: a group of ten each, with * for {number}
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = share, help_heading = TOPICS)]
    pub(crate) patterns: f64,

    /// Share of the events that go to one hot topic, which every subscriber has
    #[arg(long, value_name = "SHARE", value_parser = share, help_heading = TOPICS)]
    pub(crate) hot: Option<f64>,

    /// Events a second, 0.01 to 1,000,000, or max: each when the last one is answered
    #[arg(long, value_name = "RATE", default_value = "100", value_parser = publish_rate, help_heading = EVENTS)]
    pub(crate) rate: f64,

    /// Publish each event when all subscribers have the last one
    #[arg(long, conflicts_with = "rate", help_heading = EVENTS)]
    pub(crate) lockstep: bool,

    /// Events in all, over all topics, 1 to 1,000,000,000 [default: 60, or without end with --for]
    #[arg(short, long, value_name = "N", help_heading = EVENTS)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000_000))]
    pub(crate) events: Option<u32>,

    /// How long to publish, 1s to 1h
    #[arg(long = "for", value_name = "TIME", value_parser = seconds_to_an_hour, help_heading = EVENTS)]
    pub(crate) duration: Option<Duration>,

    /// Bytes of an event's data, 52 to 1,048,576
    #[arg(long, value_name = "BYTES", default_value_t = 100, help_heading = EVENTS)]
    #[arg(value_parser = clap::value_parser!(u32).range(i64::from(payload::LEAST)..=1 << 20))]
    pub(crate) size: u32,

    /// Connections that publish, each one request at a time, 1 to 1,000
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = EVENTS)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) publishers: u32,

    /// Events in each request, 1 to 10,000. Several are one JSON array of objects with topic and data, as this hub takes
    /// them
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "lockstep", help_heading = EVENTS)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) batch: u32,

    /// Where events are posted. {topic} is replaced by the topic [default: /publish/{topic}, or /publish with --batch]
    #[arg(long, value_name = "PATH", help_heading = EVENTS)]
    pub(crate) publish_path: Option<String>,

    /// A header of every request, such as 'authorization: Bearer x'; may be repeated
    #[arg(long, value_name = "NAME: VALUE", value_parser = header, help_heading = EVENTS)]
    pub(crate) header: Vec<String>,

    /// How long nothing may arrive before what is missing counts as lost, 100ms to 1h
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = timeout, help_heading = EVENTS)]
    pub(crate) timeout: Duration,

    /// How long to wait when all are connected, and again after the last event for what should not come, 0s to 1h
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = up_to_an_hour, help_heading = EVENTS)]
    pub(crate) settle: Duration,

    /// Publish nothing: hold the connections for this long, 1s to 1h
    #[arg(long, value_name = "TIME", value_parser = seconds_to_an_hour, help_heading = EVENTS)]
    #[arg(conflicts_with_all = ["rate", "lockstep", "events", "duration", "churn", "hot"])]
    pub(crate) idle: Option<Duration>,

    /// The server's process, on this machine: its CPU and memory go into the report; may be repeated, for one with
    /// several processes. Linux
    #[arg(long, value_name = "PID", help_heading = REPORT)]
    pub(crate) pid: Vec<u32>,

    /// What random choices begin with: any whole number
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = REPORT)]
    pub(crate) seed: u64,

    /// Report as one JSON object
    #[arg(long, help_heading = REPORT)]
    pub json: bool,

    /// Write the report to a file, not to standard output
    #[arg(short, long, value_name = "FILE", help_heading = REPORT)]
    pub output: Option<PathBuf>,
}

const SUBSCRIBERS: &str = "Subscribers";
const TOPICS: &str = "Topics";
const EVENTS: &str = "Events";
const REPORT: &str = "Report";

/// The server's address, as it was given and as it is connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) address: SocketAddr,
    pub(crate) tls: bool,
}

impl Options {
    pub(crate) fn pace(&self) -> Pace {
        match self.rate {
            _ if self.lockstep => Pace::Lockstep,
            rate if rate.is_finite() => Pace::Rate(rate),
            _ => Pace::Max,
        }
    }

    /// How many events there are at most, and for how long.
    pub(crate) fn bounds(&self) -> (u32, Duration) {
        let events = self.events.unwrap_or(if self.duration.is_some() { u32::MAX } else { 60 });
        (events, self.duration.unwrap_or(Duration::MAX))
    }

    pub(crate) fn topic_name(&self) -> &str {
        self.topic.as_deref().unwrap_or(if self.all_topics() == 1 { "load" } else { "load/{group}/{number}" })
    }

    pub(crate) fn publish_path(&self) -> &str {
        self.publish_path.as_deref().unwrap_or(if self.batch == 1 { "/publish/{topic}" } else { "/publish" })
    }

    /// How many topics events go to.
    pub(crate) const fn all_topics(&self) -> u32 {
        self.topics + self.unread
    }
}

fn target(value: &str) -> Result<Target, String> {
    const ALLOWED: &str = "allowed is HOST:PORT, http://HOST:PORT or https://HOST:PORT";
    let encrypted = value.strip_prefix("https://");
    let host = encrypted.or_else(|| value.strip_prefix("http://")).unwrap_or(value);
    let host = host.strip_suffix('/').unwrap_or(host);
    if host.contains(['/', '?', '#', '@']) || host.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(format!("{ALLOWED}; paths are --subscribe-path and --publish-path"));
    }
    let mut addresses = host.to_socket_addrs().map_err(|error| format!("{error}; {ALLOWED}"))?;
    let address = addresses.next().ok_or_else(|| "the name has no address".to_owned())?;
    Ok(Target { host: host.to_owned(), address, tls: encrypted.is_some() })
}

/// A share such as `20%`, as a number from 0 to 1.
fn share(value: &str) -> Result<f64, String> {
    let percent = value.strip_suffix('%').unwrap_or(value).trim().parse::<f64>();
    match percent {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err("allowed is 0% to 100%".into()),
    }
}

fn rate_within(value: &str, most: f64, allowed: &str) -> Result<f64, String> {
    match value.parse() {
        Ok(rate) if (0.01..=most).contains(&rate) => Ok(rate),
        _ => Err(format!("allowed is {allowed}")),
    }
}

fn publish_rate(value: &str) -> Result<f64, String> {
    if value == "max" { Ok(f64::INFINITY) } else { rate_within(value, 1e6, "0.01 to 1000000 a second, or max") }
}

fn connect_rate(value: &str) -> Result<f64, String> {
    if value == "max" { Ok(f64::INFINITY) } else { rate_within(value, 1e6, "0.01 to 1000000 a second, or max") }
}

fn churn_rate(value: &str) -> Result<f64, String> {
    rate_within(value, 1e5, "0.01 to 100000 a second")
}

const HOUR: Duration = Duration::from_secs(3600);

fn time_within(value: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    match humantime::parse_duration(value) {
        Ok(time) if (least..=most).contains(&time) => Ok(time),
        _ => {
            let (least, most) = (humantime::format_duration(least), humantime::format_duration(most));
            Err(format!("allowed is a time such as 10s, from {least} to {most}"))
        }
    }
}

fn seconds_to_an_hour(value: &str) -> Result<Duration, String> {
    time_within(value, Duration::from_secs(1), HOUR)
}

fn timeout(value: &str) -> Result<Duration, String> {
    time_within(value, Duration::from_millis(100), HOUR)
}

fn up_to_an_hour(value: &str) -> Result<Duration, String> {
    time_within(value, Duration::ZERO, HOUR)
}

fn header(value: &str) -> Result<String, String> {
    let allowed = || "allowed is 'name: value', a field of HTTP".to_owned();
    let (name, text) = value.split_once(':').ok_or_else(allowed)?;
    let name = http::HeaderName::try_from(name.trim()).map_err(|_| allowed())?;
    let text = http::HeaderValue::try_from(text.trim()).map_err(|_| allowed())?;
    let text = text.to_str().map_err(|_| allowed())?;
    match name.as_str() {
        "host" | "content-length" | "transfer-encoding" | "connection" | "last-event-id" => {
            Err("the tool writes this field itself".into())
        }
        name => Ok(format!("{name}: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::try_parse_from(format!("sse-load {line}").split(' ').filter(|word| !word.is_empty()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn the_defaults() {
        let options = parse("").unwrap();
        assert_eq!(options.target.address, SocketAddr::from(([127, 0, 0, 1], 8080)));
        assert_eq!(options.pace(), Pace::Rate(100.0));
        assert_eq!(options.bounds(), (60, Duration::MAX));
        assert_eq!(options.topic_name(), "load");
        assert_eq!(parse("--for 10s --topics 2").unwrap().bounds(), (u32::MAX, Duration::from_secs(10)));
        assert_eq!(parse("--topics 2").unwrap().topic_name(), "load/{group}/{number}");
        assert_eq!(parse("").unwrap().publish_path(), "/publish/{topic}");
        assert_eq!(parse("--batch 2").unwrap().publish_path(), "/publish");
        assert_eq!(parse("--unread 1").unwrap().topic_name(), "load/{group}/{number}");
    }

    #[test]
    fn how_it_is_paced() {
        assert_eq!(parse("--rate max").unwrap().pace(), Pace::Max);
        assert_eq!(parse("--rate 2.5").unwrap().pace(), Pace::Rate(2.5));
        assert_eq!(parse("--lockstep").unwrap().pace(), Pace::Lockstep);
    }

    #[test]
    fn a_bad_value_names_the_flag_the_value_and_what_is_allowed() {
        for (line, told) in [
            ("--rate 0", ["'0'", "--rate", "0.01 to 1000000"]),
            ("--rate soon", ["'soon'", "--rate", "or max"]),
            ("--slow 120%", ["'120%'", "--slow", "0% to 100%"]),
            ("--size 10", ["10", "--size", "52..=1048576"]),
            ("--idle 1ms", ["'1ms'", "--idle", "from 1s to 1h"]),
            ("-n 1000001", ["1000001", "--subscribers", "0..=1000000"]),
            ("--header x", ["'x'", "--header", "name: value"]),
            ("--header host:x", ["'host:x'", "--header", "itself"]),
            ("https://127.0.0.1", ["https://127.0.0.1", "ADDRESS", "https://HOST:PORT"]),
            ("--ca x --insecure", ["--ca", "--insecure", "cannot be used with"]),
            ("http://127.0.0.1:1/x", ["127.0.0.1:1/x", "ADDRESS", "--subscribe-path"]),
            ("--lockstep --rate 5", ["--lockstep", "--rate", "cannot be used with"]),
        ] {
            let error = parse(line).unwrap_err();
            for part in told {
                assert!(error.contains(part), "{line}: no {part} in {error}");
            }
        }
    }

    #[test]
    fn an_address() {
        for value in ["127.0.0.1:81", "http://127.0.0.1:81", "http://127.0.0.1:81/"] {
            let target = target(value).unwrap();
            assert_eq!((target.host.as_str(), target.address.port()), ("127.0.0.1:81", 81));
        }
        let encrypted = target("https://127.0.0.1:81/").unwrap();
        assert_eq!((encrypted.host.as_str(), encrypted.tls), ("127.0.0.1:81", true));
        assert!(!target("127.0.0.1:81").unwrap().tls);
        assert_eq!(target("[::1]:81").unwrap().address, "[::1]:81".parse().unwrap());
    }
}
