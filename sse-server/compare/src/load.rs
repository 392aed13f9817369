//! `sse-load` on a server, and what it found.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{cores::Cores, files, server::Server, table::grouped};

/// How long a run may take.
const LONGEST: Duration = Duration::from_secs(600);

/// What the tool is told in every run.
const SAME_FOR_ALL: [&str; 4] = ["--settle", "500ms", "--seed", "1"];

/// Descriptors that a server or the load tool needs besides those of its subscribers.
const SPARE: u64 = 512;

/// The load tool.
#[derive(Debug)]
pub(crate) struct Load {
    program: PathBuf,
    directory: TempDir,
}

/// What one run found. What does not apply is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    /// Microseconds of the server's CPU for each delivery, and for each event.
    pub(crate) per_delivery: Option<f64>,
    pub(crate) per_event: Option<f64>,
    /// The server's CPU in percent of a core.
    pub(crate) cpu: Option<f64>,
    /// Bytes that the server grew by until all were connected.
    pub(crate) grown: Option<f64>,
    /// Bytes that the server had grown by at the end, if nothing was published: what connecting takes only for a moment it
    /// has given back.
    pub(crate) settled: Option<f64>,
    /// Until all were connected, in seconds.
    pub(crate) connect: Option<f64>,
    pub(crate) retried: Option<f64>,
    pub(crate) deliveries: Option<f64>,
    pub(crate) events: Option<f64>,
    /// From publish to arrival, in milliseconds.
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
    /// The tool's own CPU in percent of a core.
    pub(crate) tool: Option<f64>,
    /// What was lost, doubled, or out of order.
    pub(crate) faults: u64,
}

impl Load {
    pub(crate) fn new(program: PathBuf) -> Result<Self, String> {
        files::is_there(&program)?;
        Ok(Self { program, directory: files::temporary()? })
    }

    /// `options`: with blanks between.
    ///
    /// # Errors
    /// The load could not be made; the tool's own words say why. Events that were lost are figures.
    pub(crate) fn run(
        &self,
        subscribers: u32,
        options: &str,
        server: &Server,
        cores: &Cores,
    ) -> Result<Figures, String> {
        let [report, said] = ["report", "stderr"].map(|name| self.directory.path().join(name));
        let _ = fs::remove_file(&report);
        let stderr = fs::File::create(&said).map_err(|error| format!("can't make {}: {error}", said.display()))?;
        let mut command = cores.load(&self.program);
        if server.has_tls {
            // its certificate was made for this run
            command.arg(format!("https://{}", server.address)).arg("--insecure");
        } else {
            command.arg(server.address.to_string());
        }
        command.args(["-n", &subscribers.to_string()]);
        command.args(SAME_FOR_ALL).args(options.split(' '));
        for process in server.processes() {
            command.args(["--pid", &process.to_string()]);
        }
        command.arg("--json").arg("--output").arg(&report);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        let mut process = command.spawn().map_err(|error| format!("can't start sse-load: {error}"))?;
        let deadline = Instant::now() + LONGEST;
        while process.try_wait().map_err(|error| format!("can't wait for sse-load: {error}"))?.is_none() {
            if Instant::now() > deadline {
                let _ = process.kill();
                let _ = process.wait();
                return Err(format!("not done within {} s", LONGEST.as_secs()));
            }
            thread::sleep(Duration::from_millis(20));
        }
        read(&report).ok_or_else(|| {
            let said = fs::read_to_string(&said).unwrap_or_default();
            said.trim().strip_prefix("sse-load: ").unwrap_or(said.trim()).to_owned()
        })
    }
}

impl Figures {
    /// What is wrong with them.
    pub(crate) fn fault(&self) -> Option<String> {
        (self.faults > 0).then(|| format!("{} events lost, doubled or out of order", self.faults))
    }
}

/// # Errors
/// So many subscribers need more descriptors than a process may open.
pub(crate) fn room_for(subscribers: u32, descriptors: u64) -> Result<(), String> {
    let needed = u64::from(subscribers) + SPARE;
    if needed <= descriptors {
        return Ok(());
    }
    Err(format!(
        "{} subscribers: a process may open {descriptors} descriptors here and {needed} are needed; raise the hard \
         limit (`ulimit -Hn`)",
        grouped(subscribers),
    ))
}

fn read(report: &Path) -> Option<Figures> {
    let report: Value = serde_json::from_slice(&fs::read(report).ok()?).ok()?;
    Some(figures(&report))
}

fn figures(report: &Value) -> Figures {
    let number = |path: &str| report.pointer(path).and_then(Value::as_f64);
    let count = |name: &str| report.pointer(name).and_then(Value::as_u64).unwrap_or(0);
    let memory = |when: &str| number(&format!("/server/rss_bytes/{when}"));
    let slow = ["lost", "doubled", "out_of_order"].map(|name| count(&format!("/publish/slow/{name}")));
    let others = ["lost", "doubled", "out_of_order", "stray"].map(|name| count(&format!("/publish/{name}")));
    let grown = |when: &str| memory(when).zip(memory("before")).map(|(then, before)| then - before);
    Figures {
        per_delivery: number("/server/cpu_us_per_delivery"),
        per_event: number("/server/cpu_us_per_event"),
        cpu: number("/server/cpu_percent"),
        grown: grown("connected"),
        settled: grown("after").filter(|_| report.pointer("/idle").is_some_and(Value::is_object)),
        connect: number("/connect/seconds"),
        retried: number("/connect/retried"),
        deliveries: number("/publish/deliveries_per_second"),
        events: number("/publish/events_per_second"),
        p50: number("/publish/latency_ms/p50"),
        p99: number("/publish/latency_ms/p99"),
        tool: number("/tool_cpu_percent"),
        faults: slow.iter().sum::<u64>() + others.iter().sum::<u64>(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_is_read() {
        let mut report = json!({
            "connect": { "seconds": 1.5, "retried": 2 },
            "publish": { "lost": 1, "stray": 2, "latency_ms": { "p99": 3.5 }, "slow": { "doubled": 4 } },
            "server": { "cpu_us_per_delivery": 0.25, "rss_bytes": { "before": 1000, "connected": 5000, "after": 4000 } },
        });
        let found = figures(&report);
        assert_eq!((found.per_delivery, found.grown), (Some(0.25), Some(4000.0)));
        assert_eq!((found.connect, found.retried, found.p99), (Some(1.5), Some(2.0), Some(3.5)));
        assert_eq!((found.faults, found.events), (7, None));
        report["idle"] = json!({ "seconds": 12.0 });
        assert_eq!((found.settled, figures(&report).settled), (None, Some(3000.0)));
    }
}
