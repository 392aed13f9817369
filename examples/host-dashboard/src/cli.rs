//! The command line.

use std::{net::SocketAddr, ops::RangeInclusive, path::PathBuf, time::Duration};

use clap::Parser;
use host_dashboard::{HubUrl, Options};

const INTERVAL: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);

/// Publishes this machine's counters through a hub and draws them live.
#[derive(Debug, Parser)]
#[command(name = "host-dashboard", version)]
pub(crate) struct Cli {
    /// Where the page is served
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,

    /// The hub to publish to, such as http://127.0.0.1:8080; its cors.origins must name the page's origin.
    /// Without it, a hub runs in this process and shares the page's address
    #[arg(long, value_name = "URL")]
    hub: Option<HubUrl>,

    /// How often the counters are read, from 100ms to 1m
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    interval: Duration,

    /// The name of this machine in topics, at most 64 bytes; its own by default
    #[arg(long)]
    name: Option<String>,

    /// Where the kernel's counters are; in a container, where its host's are mounted
    #[arg(long, value_name = "DIR", default_value = "/proc")]
    proc: PathBuf,
}

impl Cli {
    pub(crate) fn options(self) -> Options {
        let mut options = Options::default();
        options.listen = self.listen;
        options.hub = self.hub;
        options.interval = self.interval;
        options.name = self.name;
        options.proc = self.proc;
        options
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).ok().filter(|time| INTERVAL.contains(time));
    time.ok_or_else(|| "it takes a time such as 500ms or 2s, from 100ms to 1m".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_those_of_the_options() {
        let given = Cli::parse_from(["host-dashboard"]).options();
        assert_eq!(format!("{given:?}"), format!("{:?}", Options::default()));
    }

    #[test]
    fn intervals_have_bounds() {
        assert_eq!(interval("500ms"), Ok(Duration::from_millis(500)));
        for text in ["", "1", "99ms", "61s", "-1s"] {
            assert!(interval(text).is_err(), "{text}");
        }
    }
}
