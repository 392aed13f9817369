//! The servers that are compared.

use std::{
    env, fmt, fs, io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
};

use super::nginx::{self, Setting};
use crate::{
    cores::Cores,
    files,
    server::{self, Server},
};

const NO_NGINX: &str = "nginx with nchan is not installed";

/// A server that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// This hub, streams carried by shards.
    HubShards,
    /// The same of another build.
    Beside,
    /// This hub, streams carried by hyper.
    HubBody,
    Warp,
    Axum,
    Nchan,
    /// The bare write loop.
    Loop,
    /// This hub with TLS.
    HubTls,
    /// nginx with TLS before this hub without.
    Nginx,
    /// A bare warp route, for publishing alone.
    Route,
}

impl Kind {
    /// Those that fan out.
    pub(crate) const FANOUT: [Self; 7] =
        [Self::HubShards, Self::Beside, Self::HubBody, Self::Warp, Self::Axum, Self::Nchan, Self::Loop];

    /// Those whose TLS is compared, and what they are compared with.
    pub(crate) const TLS: [Self; 3] = [Self::HubShards, Self::HubTls, Self::Nginx];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::HubShards => "this hub",
            Self::Beside => "the build beside it",
            Self::HubBody => "this hub, handoff = false",
            Self::Warp => "warp::sse",
            Self::Axum => "axum Sse",
            Self::Nchan => "nchan",
            Self::Loop => "bare write loop",
            Self::HubTls => "this hub with TLS",
            Self::Nginx => "nginx with TLS before this hub",
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
    beside: Option<PathBuf>,
    peer: PathBuf,
    nchan: Option<(PathBuf, PathBuf)>,
}

impl Programs {
    /// The peers lie beside this program.
    pub(crate) fn new(
        hub: PathBuf,
        beside: Option<PathBuf>,
        nchan: Option<(PathBuf, PathBuf)>,
    ) -> Result<Self, String> {
        let own = env::current_exe().map_err(|error| format!("can't tell where this program lies: {error}"))?;
        let peer = own.with_file_name(format!("peer{}", env::consts::EXE_SUFFIX));
        let nginx = nchan.iter().flat_map(|(nginx, module)| [nginx, module]);
        for file in [&hub, &peer].into_iter().chain(&beside).chain(nginx) {
            files::is_there(file)?;
        }
        Ok(Self { hub, beside, peer, nchan })
    }

    /// Those of the servers that not every machine has.
    pub(crate) fn others(&self) -> Vec<Kind> {
        let beside = self.beside.is_some().then_some(Kind::Beside);
        beside.into_iter().chain(self.nchan.is_some().then_some(Kind::Nchan)).collect()
    }

    /// Starts a server and waits until it listens.
    pub(crate) fn start(&self, kind: Kind, subscribers: u32, cores: &Cores) -> Result<Server, String> {
        let directory = files::temporary()?;
        if kind == Kind::Nginx {
            let hub = self.start(Kind::HubShards, subscribers, cores)?;
            let files = certificate(directory.path())?;
            let (mut command, port) =
                self.nginx(subscribers, cores, directory.path(), |setting| nginx::tls(setting, &files, hub.address))?;
            return Ok(Server::start(kind.name(), &mut command, Some(port), directory)?.with_tls_before(hub));
        }
        let (mut command, port) = self.command(kind, subscribers, cores, directory.path())?;
        Server::start(kind.name(), &mut command, port, directory)
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
            Kind::HubShards | Kind::HubBody | Kind::HubTls | Kind::Beside => {
                let program = match kind {
                    Kind::Beside => self.beside.as_ref().ok_or("there is no other build")?,
                    _ => &self.hub,
                };
                let mut command = server::hub(program, cores);
                // the peers keep nothing on disk either; what a store costs is measured on its own
                command.args(["--store", "memory"]);
                command.env("SSE__SERVER__HANDOFF", if kind == Kind::HubBody { "false" } else { "true" });
                if kind == Kind::HubTls {
                    let [certificate, key] = certificate(directory)?;
                    command.env("SSE__SERVER__TLS__CERTIFICATE", certificate).env("SSE__SERVER__TLS__KEY", key);
                }
                Ok((command, None))
            }
            Kind::Warp => peer("warp"),
            Kind::Axum => peer("axum"),
            Kind::Loop => peer("loop"),
            Kind::Route => peer("route"),
            Kind::Nchan => {
                let (_, module) = self.nchan.as_ref().ok_or(NO_NGINX)?;
                let (command, port) =
                    self.nginx(subscribers, cores, directory, |setting| nginx::nchan(setting, module))?;
                Ok((command, Some(port)))
            }
            Kind::Nginx => Err("nginx needs a hub behind it".to_owned()),
        }
    }

    /// nginx's command with this configuration, and the port.
    fn nginx(
        &self,
        subscribers: u32,
        cores: &Cores,
        directory: &Path,
        configuration: impl FnOnce(Setting<'_>) -> String,
    ) -> Result<(Command, u16), String> {
        let (nginx, _) = self.nchan.as_ref().ok_or(NO_NGINX)?;
        let port = free_port().map_err(|error| format!("no port is free on 127.0.0.1: {error}"))?;
        let descriptors = rlimit::Resource::NOFILE.get_hard().unwrap_or(1024);
        let text = configuration(Setting { directory, port, subscribers, descriptors });
        // Debian's nginx wants its built-in place for bodies too, whatever it is told; it is not there where nginx is
        // unpacked and not installed. If it can't be made, nginx says so.
        let _ = fs::create_dir_all("/var/lib/nginx");
        let file = directory.join("nginx.conf");
        fs::write(&file, text).map_err(|error| format!("can't write {}: {error}", file.display()))?;
        let mut command = cores.server(nginx);
        command.arg("-p").arg(directory).arg("-c").arg(file).args(["-e", "stderr"]);
        Ok((command, port))
    }
}

/// A certificate for this machine, signed by itself, and its key.
fn certificate(directory: &Path) -> Result<[PathBuf; 2], String> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]);
    let made = made.map_err(|error| format!("can't make a certificate: {error}"))?;
    let files = ["cert.pem", "key.pem"].map(|name| directory.join(name));
    for (file, text) in files.iter().zip([made.cert.pem(), made.signing_key.serialize_pem()]) {
        fs::write(file, text).map_err(|error| format!("can't write {}: {error}", file.display()))?;
    }
    Ok(files)
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
