//! The proxies: where their programs are, what of their documented files is another for a test, and how they start.
//!
//! What is another: ports, paths, and that there is no TLS.

use std::{
    env, fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use sse_test_support::address;
use sse_testkit::TestClient;
use tempfile::TempDir;

use crate::document::{block, replaced, without};

/// How long a proxy may take to listen.
const START: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    Haproxy,
    Caddy,
    Apache,
}

impl Kind {
    /// Its program, and the variable that may name it.
    const fn program(self) -> (&'static str, &'static str) {
        match self {
            Self::Nginx => ("nginx", "SSE_TEST_NGINX"),
            Self::Haproxy => ("haproxy", "SSE_TEST_HAPROXY"),
            Self::Caddy => ("caddy", "SSE_TEST_CADDY"),
            Self::Apache => ("apache2", "SSE_TEST_APACHE"),
        }
    }

    fn find(self) -> Option<PathBuf> {
        let (program, variable) = self.program();
        if let Some(named) = env::var_os(variable) {
            return Some(named.into());
        }
        let path = env::var_os("PATH").unwrap_or_default();
        let places = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
        env::split_paths(&path).chain(places).map(|place| place.join(program)).find(|path| path.is_file())
    }

    /// Writes its file, and gives the arguments with which it is read.
    fn configure(self, program: &Path, own: SocketAddr, hub: SocketAddr, directory: &Path) -> Vec<String> {
        let file = directory.join("proxy.conf");
        let (own_port, place) = (own.port(), directory.display());
        let before_the_hub = |text: &str| replaced(text, "127.0.0.1:8080", &hub.to_string());
        let text = match self {
            Self::Nginx => {
                let site = replaced(&block("nginx", "nginx"), "listen 443 ssl http2;", &format!("listen {own};"));
                let site = before_the_hub(&without(&site, "ssl_certificate"));
                let kept = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
                let kept = kept.map(|kind| format!("{kind}_temp_path {place}/{kind};\n")).concat();
                format!(
                    "daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log stderr;\nevents {{}}\n\
                     http {{\naccess_log off;\n{kept}{site}}}\n"
                )
            }
            Self::Haproxy => {
                let away = directory.join("away.http");
                let (head, body) = block("HAProxy", "http").split_once("\n\n").map_or_else(
                    || panic!("away.http has a head and a body"),
                    |(head, body)| (head.replace('\n', "\r\n"), body.to_owned()),
                );
                fs::write(&away, format!("{head}\r\n\r\n{body}\n")).expect("a file");
                let text = block("HAProxy", "haproxy");
                let bind = ":443 ssl crt /etc/haproxy/hub.example.pem alpn h2,http/1.1";
                let text = replaced(&text, bind, &own.to_string());
                before_the_hub(&replaced(&text, "/etc/haproxy/away.http", &away.to_string_lossy()))
            }
            Self::Caddy => {
                let name = format!("http://hub.example:{own_port} {{\n\tbind 127.0.0.1");
                let site = before_the_hub(&replaced(&block("Caddy", "caddyfile"), "hub.example {", &name));
                format!("{{\n\tadmin off\n\tauto_https off\n}}\n{site}")
            }
            Self::Apache => {
                let away = directory.join("away.asis");
                fs::write(&away, block("Apache", "http")).expect("a file");
                let site = replaced(&block("Apache", "apache"), "*:443", &own.to_string());
                let site = before_the_hub(&without(&without(&site, "SSLEngine"), "SSLCertificate"));
                let site = replaced(&site, "/etc/apache2/away.asis", &away.to_string_lossy());
                let modules = program.parent().and_then(Path::parent).expect("a place").join("lib/apache2/modules");
                let loaded =
                    ["mpm_event", "authz_core", "alias", "asis", "env", "filter", "deflate", "proxy", "proxy_http"];
                let loaded = loaded.map(|name| {
                    format!("LoadModule {name}_module {}\n", modules.join(format!("mod_{name}.so")).display())
                });
                // what many have in force for the whole server
                let compressed = "SetOutputFilter DEFLATE\n";
                format!(
                    "ServerRoot {place}\nServerName localhost\nPidFile {place}/pid\nErrorLog /dev/stderr\n\
                     DefaultRuntimeDir {place}\nUser #65534\nGroup #65534\nListen {own}\n{}{compressed}{site}",
                    loaded.concat()
                )
            }
        };
        fs::write(&file, text).expect("a file");
        let file = file.to_string_lossy().into_owned();
        let arguments: &[&str] = match self {
            Self::Nginx => &["-e", "stderr", "-p", "/", "-c"],
            Self::Haproxy => &["-db", "-f"],
            Self::Caddy => &["run", "--adapter", "caddyfile", "--config"],
            Self::Apache => &["-X", "-f"],
        };
        arguments.iter().map(|argument| (*argument).to_owned()).chain([file]).collect()
    }
}

/// A proxy that runs before a hub.
#[derive(Debug)]
pub(crate) struct Proxy {
    child: Child,
    pub(crate) address: SocketAddr,
    _directory: TempDir,
}

impl Proxy {
    /// Starts it; `None`, with a line, where there is no such program.
    pub(crate) fn start(kind: Kind, hub: SocketAddr) -> Option<Self> {
        let Some(program) = kind.find() else {
            println!("{} is left out: there is no such program", kind.program().0);
            return None;
        };
        let directory = tempfile::tempdir().expect("a directory");
        let address = address::for_later();
        let mut command = Command::new(&program);
        command.args(kind.configure(&program, address, hub, directory.path()));
        if let Some(libraries) = env::var_os("SSE_TEST_PROXY_LIBRARIES") {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        // Caddy keeps what it knows of certificates there
        command.env("HOME", directory.path()).env("XDG_DATA_HOME", directory.path());
        command.env("XDG_CONFIG_HOME", directory.path()).stdin(Stdio::null());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let deadline = Instant::now() + START;
        while TcpStream::connect(address).is_err() {
            let ended = child.try_wait().ok().flatten();
            assert!(ended.is_none(), "{} ended with {ended:?}: its own words above say why", program.display());
            assert!(Instant::now() < deadline, "{} does not listen", program.display());
            thread::sleep(Duration::from_millis(20));
        }
        Some(Self { child, address, _directory: directory })
    }

    /// Sends a signal, by its name: `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status();
        assert!(sent.is_ok_and(|status| status.success()), "can't send {name}");
    }

    pub(crate) fn client(&self) -> TestClient {
        TestClient::tcp(self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
