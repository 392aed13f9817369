//! Servers as programs.

use std::{
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

/// How long a server may take to say where it listens.
const START: Duration = Duration::from_secs(30);

/// A program that serves, killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    /// Starts a server, and waits until a line of its standard output names the address that it listens on. What it
    /// prints later is read and dropped.
    ///
    /// # Errors
    /// A sentence, if it can't be started, or ends or is silent for 30 seconds before it names an address.
    pub fn start(command: &mut Command) -> Result<Self, String> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let child = command.spawn().map_err(|error| format!("cannot start {program}: {error}"))?;
        let mut process = Self { child, address: SocketAddr::from(([0; 4], 0)) };
        process.address = process.first_address().map_err(|why| format!("{program} {why}"))?;
        Ok(process)
    }

    fn first_address(&mut self) -> Result<SocketAddr, String> {
        let (send, lines) = mpsc::channel();
        if let Some(output) = self.child.stdout.take() {
            // Reads on when nobody listens any more: a full pipe would stop the server.
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(io::Result::ok) {
                    let _ = send.send(line);
                }
            });
        }
        let deadline = Instant::now() + START;
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some(address) = address_in(&line) {
                        return Ok(address);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("did not say that it listens on http://… within {} s", START.as_secs()));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err("ended before it listened: its own words above say why".to_owned());
                }
            }
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as the beginning of a URL: `http://127.0.0.1:4321`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its process ID.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, by its name: `TERM`.
    ///
    /// # Panics
    /// If it can't be sent.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status();
        assert!(sent.is_ok_and(|status| status.success()), "can't send {name}");
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// If it can't be waited for.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("a child can be waited for")
    }

    /// Ends it without a word, as a crash does, and waits until it has ended. Does nothing if it has already.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The address in a line such as `sse-server: listening on http://127.0.0.1:4321`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://").or_else(|| line.split_once("https://"))?;
    let end = rest.find(|c: char| !(c.is_ascii_hexdigit() || ".:[]".contains(c))).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_address_wherever_it_stands() {
        let address = |text: &str| Some(text.parse().unwrap());
        assert_eq!(address_in("listening on http://127.0.0.1:4321"), address("127.0.0.1:4321"));
        assert_eq!(address_in("INFO sse_server: listening on http://[::1]:80/ store=memory"), address("[::1]:80"));
        assert_eq!(address_in("http://127.0.0.1:1"), address("127.0.0.1:1"));
        assert_eq!(address_in("listening on https://127.0.0.1:1"), address("127.0.0.1:1"));
        assert_eq!(address_in("\x1b[1mlistening on http://0.0.0.0:65535\x1b[0m"), address("0.0.0.0:65535"));
    }

    #[test]
    fn other_lines_have_none() {
        for line in ["", "listening on http://127.0.0.1:", "listening on http://127.0.0.1:65536", "http://localhost:80"]
        {
            assert_eq!(address_in(line), None, "{line}");
        }
    }

    #[test]
    fn what_does_not_start_or_does_not_serve_is_told() {
        let missing = Process::start(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(missing.starts_with("cannot start no-such-program-here: "), "{missing}");
        let cargo = Process::start(Command::new(env!("CARGO")).arg("--version")).unwrap_err();
        assert!(cargo.ends_with(" ended before it listened: its own words above say why"), "{cargo}");
    }
}
