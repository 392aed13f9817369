//! Reads the counters at each tick, and hands on what is to be published.

use std::{
    process,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use tokio::{
    sync::broadcast,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{
    event::Host,
    proc::{Proc, ProcError, Reading},
    rates::Rates,
};

/// The events of one reading.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// An array of events, in JSON.
    pub(crate) body: Bytes,
    /// Makes sending it twice harmless.
    pub(crate) key: String,
}

#[derive(Debug)]
pub(crate) struct Sampler {
    proc: Proc,
    host: Host,
    interval: Duration,
    before: Option<(Instant, Reading)>,
}

impl Sampler {
    pub(crate) fn new(proc: Proc, host: Host, interval: Duration) -> Self {
        Self { proc, host, interval, before: None }
    }

    /// Reads for ever. Who is late finds the latest batches in the channel.
    pub(crate) async fn run(mut self, batches: broadcast::Sender<Batch>) {
        let run = format!("{:x}-{}", since_epoch().as_nanos(), process::id());
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut failing = false;
        for number in 0_u64.. {
            ticks.tick().await;
            match self.sample() {
                Ok(body) => {
                    failing = false;
                    // nobody listens only when all is about to end
                    let _ = batches.send(Batch { body, key: format!("{run}-{number}") });
                }
                Err(error) if !failing => {
                    failing = true;
                    eprintln!("host-dashboard: {error}; trying again until it can be read");
                }
                Err(_) => {}
            }
        }
    }

    fn sample(&mut self) -> Result<Bytes, ProcError> {
        let reading = self.proc.read()?;
        let (now, at) = (Instant::now(), since_epoch());
        let at = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        let rates =
            self.before.as_ref().map(|(then, before)| Rates::between(before, &reading, now.duration_since(*then)));
        let events = self.host.events(at, &reading, rates.as_ref());
        self.before = Some((now, reading));
        // plain structs with text keys always serialize
        Ok(serde_json::to_vec(&events).unwrap_or_default().into())
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn write(directory: &Path, meminfo: &str) {
        fs::create_dir_all(directory.join("net")).unwrap();
        fs::write(directory.join("stat"), "cpu 1 2 3 4\n").unwrap();
        fs::write(directory.join("net/dev"), "eth0: 1 0 0 0 0 0 0 0 1\n").unwrap();
        fs::write(directory.join("meminfo"), meminfo).unwrap();
    }

    #[test]
    fn a_file_that_was_broken_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let interval = Duration::from_secs(1);
        let host = Host::new("vm", interval);
        let mut sampler = Sampler::new(Proc::new(directory.path()), host, interval);
        let mem = "MemTotal: 2 kB\nMemAvailable: 1 kB\n";
        write(directory.path(), mem);
        let first = String::from_utf8(sampler.sample().unwrap().to_vec()).unwrap();
        assert!(first.contains("host/vm/mem") && !first.contains("host/vm/net"), "{first}");
        write(directory.path(), "");
        assert!(sampler.sample().is_err());
        write(directory.path(), mem);
        let third = String::from_utf8(sampler.sample().unwrap().to_vec()).unwrap();
        assert!(third.contains("host/vm/net/eth0"), "rates since the first: {third}");
    }
}
