//! The hub's program.

use std::{
    env::consts::EXE_SUFFIX,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
};

use sse_testkit::TestClient;

use crate::{client::Published, install::run};

/// A running hub, killed with the test.
pub(crate) struct Hub {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Hub {
    /// Starts it with these settings; at port 0 it finds one.
    pub(crate) fn start(listen: &str, settings: &[(&str, &str)]) -> Self {
        let mut command = Command::new(program());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SSE__")) {
            command.env_remove(name);
        }
        command.env("SSE__STORE__KIND", "memory").env("SSE__TELEMETRY__LOG", "warn").envs(settings.iter().copied());
        let mut process = command.args(["--listen", listen]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("sse-server: listening on http://").unwrap().parse().unwrap();
        Self { process, address }
    }

    pub(crate) fn client(&self) -> TestClient {
        TestClient::tcp(self.address)
    }

    pub(crate) async fn publish(&self, topic: &str, name: &str, data: &str) -> Published {
        let event = if name == "message" { String::new() } else { format!("?event={name}") };
        let answer = self.client().post(&format!("/publish/{topic}{event}")).body(data.to_owned()).send().await;
        let id = answer.json()["id"].as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned();
        Published { name: name.to_owned(), data: data.to_owned(), id }
    }

    /// How many streams there are.
    pub(crate) async fn streams(&self) -> usize {
        let text = self.client().get("/metrics").send().await.text().to_owned();
        let line = text.lines().find_map(|line| line.strip_prefix("sse_subscribers "));
        line.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no sse_subscribers in {text}"))
    }

    /// Asks it to shut down.
    pub(crate) fn terminate(&self) {
        let mut kill = Command::new("sh");
        kill.args(["-c", &format!("kill -TERM {}", self.process.id())]);
        run(kill);
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }
}

/// The program, built as the workspace's tests are: `cargo build` would give it other features, and build it anew.
fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let mut build = Command::new(env!("CARGO"));
        run({
            build.args(["test", "--quiet", "--workspace", "--no-run", "--test", "it"]);
            build
        });
        let tests = std::env::current_exe().unwrap(); // target/debug/deps/clients-0123
        let program = tests.parent().and_then(|deps| deps.parent()).unwrap().join(format!("sse-server{EXE_SUFFIX}"));
        assert!(program.is_file(), "{} is not there", program.display());
        program
    })
}
