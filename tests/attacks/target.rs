//! A hub as a program: how it is started, what the system says of it, and how it ends.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use sse_test_support::{hub::Hub, process::Process};
use tempfile::TempDir;
use tokio::{net::UnixStream, time::Instant};

use crate::{
    MB, eventually,
    http1::{ATTACKER, Answer, OTHER, exchange, exchange_with, request},
    tunnel::{Papers, Tunnel},
};

/// How a hub is started.
#[derive(Debug, Default)]
pub(crate) struct Launch {
    settings: Vec<(String, String)>,
    /// Shell commands that come before it, such as `ulimit -n 128`.
    shell: Option<String>,
    preload: Option<PathBuf>,
    stderr: Option<Stdio>,
    /// The bytes that the file for its log lines already has.
    said_before: u64,
    /// Clients come over TLS, with a certificate.
    over_tls: bool,
}

impl Launch {
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        Self::default().settings(settings)
    }

    pub(crate) fn settings(mut self, settings: &[(&str, &str)]) -> Self {
        self.settings.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        self
    }

    pub(crate) fn set(mut self, key: &str, value: impl Into<String>) -> Self {
        self.settings.push((key.to_owned(), value.into()));
        self
    }

    /// Keeps its log on disk, in this directory.
    pub(crate) fn on_disk(self, directory: &Path) -> Self {
        let path = directory.to_string_lossy().into_owned();
        self.set("SSE__STORE__KIND", "redb").set("SSE__STORE__PATH", path)
    }

    pub(crate) fn shell(mut self, commands: &str) -> Self {
        self.shell = Some(commands.to_owned());
        self
    }

    pub(crate) fn preload(mut self, library: &Path) -> Self {
        self.preload = Some(library.to_owned());
        self
    }

    /// Where its log lines go, instead of into a file.
    pub(crate) fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.stderr = Some(stderr.into());
        self
    }

    /// Its log lines go into a file that has so many bytes already.
    pub(crate) fn said_before(mut self, bytes: u64) -> Self {
        self.said_before = bytes;
        self
    }

    /// Clients come over TLS, and show a certificate to a hub that wants one.
    pub(crate) fn over_tls(mut self, over_tls: bool) -> Self {
        self.over_tls = over_tls;
        self
    }

    fn command(&self) -> Command {
        let settings: Vec<_> = self.settings.iter().map(|(key, value)| (&**key, &**value)).collect();
        let mut command = Hub::built().command(&[("SSE__TELEMETRY__LOG", "warn")]);
        command.args(["--listen", "127.0.0.1:0"]).envs(settings);
        if let Some(library) = &self.preload {
            command.env("LD_PRELOAD", library);
        }
        let Some(shell) = &self.shell else { return command };
        let mut outer = Command::new("sh");
        outer.args(["-c", &format!("{shell}; exec \"$0\" \"$@\"")]).arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => outer.env(key, value),
                None => outer.env_remove(key),
            };
        }
        outer
    }

    /// Starts it.
    pub(crate) fn start(self) -> Target {
        self.try_start().unwrap_or_else(|why| panic!("{why}"))
    }

    /// Starts it, or says why it did not come to listen.
    pub(crate) fn try_start(mut self) -> Result<Target, String> {
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let said = directory.path().join("stderr");
        let mut command = self.command();
        let mut papers = None;
        if self.over_tls {
            let (own, config) = Papers::write(directory.path()).map_err(|error| error.to_string())?;
            command.arg("--config").arg(config);
            papers = Some(own);
        }
        match self.stderr.take() {
            Some(stderr) => command.stderr(stderr),
            None => command.stderr(self.log_file(&said).map_err(|error| error.to_string())?),
        };
        match Process::start(&mut command) {
            Ok(process) => {
                let tunnel = papers.map(|papers| Tunnel::begin(process.address(), papers)).transpose();
                let tunnel = tunnel.map_err(|error| error.to_string())?;
                Ok(Target { process, said, tunnel, directory })
            }
            Err(why) => Err(format!("{why}: {}", fs::read_to_string(said).unwrap_or_default())),
        }
    }

    fn log_file(&self, path: &Path) -> io::Result<File> {
        let file = File::options().create(true).append(true).open(path)?;
        file.set_len(self.said_before)?;
        Ok(file)
    }

    /// Runs it to its end, which it is expected to come to by itself.
    pub(crate) fn run(self) -> std::process::Output {
        self.command().stdin(Stdio::null()).output().expect("the program starts")
    }
}

/// A hub that runs.
#[derive(Debug)]
pub(crate) struct Target {
    process: Process,
    said: PathBuf,
    /// By which clients come, if they come over TLS.
    tunnel: Option<Tunnel>,
    directory: TempDir,
}

impl Drop for Target {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = self.said();
            let last: Vec<_> = said.lines().rev().take(20).collect();
            let lines = last.into_iter().rev().map(|line| format!("  hub: {line:.300}\n"));
            let _ = std::io::stderr().write_all(lines.collect::<String>().as_bytes());
        }
    }
}

impl Target {
    /// Where clients come that know nothing of TLS.
    pub(crate) fn address(&self) -> SocketAddr {
        self.tunnel.as_ref().map_or(self.process.address(), |tunnel| tunnel.address)
    }

    /// Where the hub itself listens.
    pub(crate) const fn own_address(&self) -> SocketAddr {
        self.process.address()
    }

    /// All that it has written to standard error.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.said).unwrap_or_default()).into_owned()
    }

    /// One request from the attacker's address.
    pub(crate) async fn ask(&self, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.send(ATTACKER, line, &request(line, headers, body)).await
    }

    /// One request from another address.
    pub(crate) async fn ask_beside(&self, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.send(OTHER, line, &request(line, headers, body)).await
    }

    async fn send(&self, from: Ipv4Addr, line: &str, request: &[u8]) -> Answer {
        let is_operators = line.contains(" /topics") || line.contains(" /metrics");
        let answer = match &self.tunnel {
            Some(_) if is_operators => exchange_with(self.operator().await, request).await,
            _ => exchange(from, self.address(), request).await,
        };
        answer.unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    async fn operator(&self) -> UnixStream {
        UnixStream::connect(self.directory.path().join("operator")).await.expect("the operator's socket")
    }

    pub(crate) async fn publish(&self, topic: &str, data: &[u8]) -> Answer {
        self.ask(&format!("POST /publish/{topic}"), &[], data).await
    }

    pub(crate) async fn publish_lines(&self, lines: &[u8]) -> Answer {
        self.ask("POST /publish", &[("Content-Type", "application/x-ndjson")], lines).await
    }

    /// The sum of the metrics whose name, with its labels, begins with this; 0 if there is none.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let text = self.ask_beside("GET /metrics", &[], b"").await;
        let text = text.text();
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum::<f64>() as u64
    }

    pub(crate) async fn ready(&self) -> u16 {
        self.ask_beside("GET /ready", &[], b"").await.status
    }

    fn proc(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.process.id())).unwrap_or_default()
    }

    fn memory(&self, field: &str) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or(0) << 10
    }

    /// Bytes of memory in use.
    pub(crate) fn resident(&self) -> u64 {
        self.memory("VmRSS")
    }

    /// The most bytes of memory that were in use since [`forget_peak`](Self::forget_peak).
    pub(crate) fn peak(&self) -> u64 {
        self.memory("VmHWM")
    }

    pub(crate) fn forget_peak(&self) {
        let _ = fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5");
    }

    /// Processor time that was used so far.
    pub(crate) fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id())).into_iter().flatten().flatten();
        let nanoseconds = tasks.filter_map(|task| {
            let schedstat = fs::read_to_string(task.path().join("schedstat")).ok()?;
            schedstat.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanoseconds.sum())
    }

    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.id())).map_or(0, Iterator::count)
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Waits until it ends by itself.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        let mut status = None;
        let process = &mut self.process;
        eventually("the hub ends", async || {
            status = process.ended();
            status.is_some()
        })
        .await;
        status.expect("it has ended")
    }

    /// Asks it to end, and gives how it ended and how long that took.
    pub(crate) async fn stop(&mut self) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        self.signal("TERM");
        let status = self.end().await;
        (status, asked.elapsed())
    }

    /// As a crash.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }
}

/// Bytes as megabytes.
pub(crate) const fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(MB)
}

/// A library that is loaded before the system's, or `None`, with a line, where there is no C compiler.
pub(crate) fn preload(directory: &Path) -> Option<PathBuf> {
    let (source, library) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("preload.c"), directory.join("preload.so"));
    let mut compile = Command::new(std::env::var_os("CC").unwrap_or_else(|| OsString::from("cc")));
    compile.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl");
    match compile.output() {
        Ok(output) if output.status.success() => Some(library),
        failed => {
            let _ = writeln!(std::io::stderr(), "left out, for there is no C compiler: {failed:?}");
            None
        }
    }
}
