//! A server that is measured, each a fresh process.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::cores::Cores;

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(60);

/// How long a server may take to end when it is asked to.
const END: Duration = Duration::from_secs(60);

/// A server that runs; it is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
    pub(crate) has_tls: bool,
    /// The one that it passes everything on to.
    behind: Option<Box<Self>>,
    /// From the start of the process until it listened.
    pub(crate) started_in: Duration,
    /// What it wrote to standard error, and a configuration.
    _directory: TempDir,
}

/// This hub, on a free port, with nothing that the user has configured: that must not decide a comparison.
pub(crate) fn hub(program: &Path, cores: &Cores) -> Command {
    let mut command = cores.server(program);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SSE__")) {
        command.env_remove(name);
    }
    command.args(["--listen", "127.0.0.1:0"]);
    command
}

impl Server {
    /// Starts it and waits until it listens: on this port, or where it says.
    pub(crate) fn start(
        name: &str,
        command: &mut Command,
        port: Option<u16>,
        directory: TempDir,
    ) -> Result<Self, String> {
        let said = directory.path().join("stderr");
        let stderr = fs::File::create(&said).map_err(|error| format!("can't make {}: {error}", said.display()))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let began = Instant::now();
        let process = command.spawn().map_err(|error| format!("can't start {name}: {error}"))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or_default()));
        let mut server =
            Self { process, address, has_tls: false, behind: None, started_in: Duration::ZERO, _directory: directory };
        let listening = if port.is_some() { answers(address) } else { server.said_address() };
        let Some(address) = listening else {
            let said = fs::read_to_string(&said).unwrap_or_default();
            let seconds = START.as_secs();
            return Err(format!("{name} did not listen within {seconds} s; it said: {}", said.trim()));
        };
        server.address = address;
        server.started_in = began.elapsed();
        Ok(server)
    }

    /// This one does TLS for another, which has none; they are measured together.
    pub(crate) fn with_tls_before(mut self, other: Self) -> Self {
        self.has_tls = true;
        self.behind = Some(Box::new(other));
        self
    }

    /// All that is measured.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let behind = self.behind.as_ref().map(|server| server.processes());
        self.own_processes().into_iter().chain(behind.into_iter().flatten()).collect()
    }

    /// The process and its children.
    fn own_processes(&self) -> Vec<u32> {
        let id = self.process.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        std::iter::once(id).chain(children.split_whitespace().filter_map(|child| child.parse().ok())).collect()
    }

    /// The bytes that are resident (`VmRSS`), as Linux tells it.
    pub(crate) fn resident(&self) -> Option<f64> {
        resident(&fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?)
    }

    /// Ends it as an operator does, by SIGTERM, and waits until it has.
    pub(crate) fn stop(mut self) -> Result<(), String> {
        if self.end() { Ok(()) } else { Err(format!("it did not end well within {} s of SIGTERM", END.as_secs())) }
    }

    /// Kills it, by SIGKILL.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// Asks it to end, and tells whether it has, with success.
    fn end(&mut self) -> bool {
        let command = format!("kill -TERM {}", self.process.id());
        if !Command::new("sh").arg("-c").arg(command).status().is_ok_and(|status| status.success()) {
            return false;
        }
        let deadline = Instant::now() + END;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.process.try_wait() {
                return status.success();
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }

    /// The address in a line that says `listening on http://…`, or `https://…`.
    fn said_address(&mut self) -> Option<SocketAddr> {
        let output = self.process.stdout.take()?;
        let (send, lines) = mpsc::channel();
        // reads to the end, also when nobody listens any more: a full pipe would stop the server
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        let deadline = Instant::now() + START;
        loop {
            let line = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()?;
            let Some((_, url)) = line.split_once("listening on ") else { continue };
            if let Some((scheme, address)) = url.trim().split_once("://") {
                self.has_tls = scheme == "https";
                return address.parse().ok();
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // nginx's master ends its workers when it is asked to; killed, it would leave them
        if self.own_processes().len() > 1 && self.end() {
            return;
        }
        // it may have ended by itself: then there is nothing to stop
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until something listens there.
fn answers(address: SocketAddr) -> Option<SocketAddr> {
    let deadline = Instant::now() + START;
    while Instant::now() < deadline {
        if TcpStream::connect(address).is_ok() {
            return Some(address);
        }
        thread::sleep(Duration::from_millis(20));
    }
    None
}

fn resident(status: &str) -> Option<f64> {
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix("kB")?;
    Some(kib.trim().parse::<f64>().ok()? * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t    1200 kB\nRssAnon:\t 7 kB\n"), Some(1_228_800.0));
        assert_eq!(resident("Name:\tx\n"), None);
    }
}
