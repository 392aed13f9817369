//! The servers that are compared, each a fresh process.

use std::{
    env, fmt, fs,
    io::{self, BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{cores::Cores, nchan};

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(20);

/// How long nginx may take to end its worker.
const END: Duration = Duration::from_secs(5);

/// A server that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// This hub, streams carried by shards.
    HubShards,
    /// This hub, streams carried by hyper.
    HubBody,
    Warp,
    Axum,
    Nchan,
    /// The bare write loop.
    Loop,
    /// A bare warp route, for publishing alone.
    Route,
}

impl Kind {
    /// Those that fan out.
    pub(crate) const FANOUT: [Self; 6] =
        [Self::HubShards, Self::HubBody, Self::Warp, Self::Axum, Self::Nchan, Self::Loop];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::HubShards => "this hub",
            Self::HubBody => "this hub, handoff = false",
            Self::Warp => "warp::sse",
            Self::Axum => "axum Sse",
            Self::Nchan => "nchan",
            Self::Loop => "bare write loop",
            Self::Route => "bare warp route",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where the programs lie.
#[derive(Debug)]
pub(crate) struct Programs {
    hub: PathBuf,
    peer: PathBuf,
    nchan: Option<(PathBuf, PathBuf)>,
}

/// A server that runs; it is ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
    /// What it wrote to standard error, and a configuration.
    _directory: TempDir,
}

impl Programs {
    /// The peers lie beside this program.
    pub(crate) fn new(hub: PathBuf, nchan: Option<(PathBuf, PathBuf)>) -> Result<Self, String> {
        let own = env::current_exe().map_err(|error| format!("can't tell where this program lies: {error}"))?;
        let peer = own.with_file_name(format!("peer{}", env::consts::EXE_SUFFIX));
        let nginx = nchan.iter().flat_map(|(nginx, module)| [nginx, module]);
        for file in [&hub, &peer].into_iter().chain(nginx) {
            if !file.is_file() {
                return Err(format!("there is no {}: start this by `cargo xtask bench fanout`", file.display()));
            }
        }
        Ok(Self { hub, peer, nchan })
    }

    pub(crate) const fn has_nchan(&self) -> bool {
        self.nchan.is_some()
    }

    /// Starts a server and waits until it listens.
    pub(crate) fn start(&self, kind: Kind, subscribers: u32, cores: &Cores) -> Result<Server, String> {
        let directory = TempDir::new().map_err(|error| format!("can't make a temporary directory: {error}"))?;
        let said = directory.path().join("stderr");
        let stderr = fs::File::create(&said).map_err(|error| format!("can't make {}: {error}", said.display()))?;
        let (mut command, port) = self.command(kind, subscribers, cores, directory.path())?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let process = command.spawn().map_err(|error| format!("can't start {kind}: {error}"))?;
        let mut server = Server { process, address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), _directory: directory };
        let listening = match port {
            Some(port) => answers(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            None => server.said_address(),
        };
        let Some(address) = listening else {
            let said = fs::read_to_string(&said).unwrap_or_default();
            let seconds = START.as_secs();
            return Err(format!("{kind} did not listen within {seconds} s; it said: {}", said.trim()));
        };
        server.address = address;
        Ok(server)
    }

    /// The command, and the port where it can't choose one itself.
    fn command(
        &self,
        kind: Kind,
        subscribers: u32,
        cores: &Cores,
        directory: &Path,
    ) -> Result<(Command, Option<u16>), String> {
        let peer = |name| {
            let mut command = cores.server(&self.peer);
            command.arg(name);
            Ok((command, None))
        };
        match kind {
            Kind::HubShards | Kind::HubBody => {
                let mut command = cores.server(&self.hub);
                // the user's own configuration must not decide a comparison
                for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SSE__")) {
                    command.env_remove(name);
                }
                command.args(["--listen", "127.0.0.1:0"]);
                command.env("SSE__SERVER__HANDOFF", if kind == Kind::HubShards { "true" } else { "false" });
                Ok((command, None))
            }
            Kind::Warp => peer("warp"),
            Kind::Axum => peer("axum"),
            Kind::Loop => peer("loop"),
            Kind::Route => peer("route"),
            Kind::Nchan => {
                let (nginx, module) = self.nchan.as_ref().ok_or("nginx with nchan is not installed")?;
                let port = free_port().map_err(|error| format!("no port is free on 127.0.0.1: {error}"))?;
                let descriptors = rlimit::Resource::NOFILE.get_hard().unwrap_or(1024);
                let text = nchan::configuration(module, directory, port, subscribers, descriptors);
                let file = directory.join("nginx.conf");
                fs::write(&file, text).map_err(|error| format!("can't write {}: {error}", file.display()))?;
                let mut command = cores.server(nginx);
                command.arg("-p").arg(directory).arg("-c").arg(file).args(["-e", "stderr"]);
                Ok((command, Some(port)))
            }
        }
    }
}

impl Server {
    /// The process and its children.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let id = self.process.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        std::iter::once(id).chain(children.split_whitespace().filter_map(|child| child.parse().ok())).collect()
    }

    /// The address in a line that says `listening on http://…`.
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
            if let Some((_, address)) = line.split_once("listening on http://") {
                return address.trim().parse().ok();
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // nginx's master ends its workers when it is asked to; killed, it would leave them
        if self.processes().len() > 1 && ask_to_end(self.process.id()) {
            let deadline = Instant::now() + END;
            while Instant::now() < deadline {
                if matches!(self.process.try_wait(), Ok(Some(_))) {
                    return;
                }
                thread::sleep(Duration::from_millis(10));
            }
        }
        // it may have ended by itself: then there is nothing to stop
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn ask_to_end(process: u32) -> bool {
    Command::new("sh").arg("-c").arg(format!("kill -TERM {process}")).status().is_ok_and(|status| status.success())
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
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
