//! The real program.
#![allow(dead_code, reason = "each test target uses its part")]

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Output, Stdio},
};

/// A running hub, killed with the test.
pub(crate) struct Program {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program with a clean environment and these settings.
pub(crate) fn command(settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sse-server"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SSE__")) {
        command.env_remove(name);
    }
    command.env("SSE__STORE__KIND", "memory").envs(settings.iter().copied()); // leaves nothing behind
    command
}

/// Runs it to its end.
pub(crate) fn run(args: &[&str], settings: &[(&str, &str)]) -> Output {
    command(settings).args(args).output().unwrap()
}

impl Program {
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_at("127.0.0.1:0", settings)
    }

    pub(crate) fn start_at(listen: &str, settings: &[(&str, &str)]) -> Self {
        let mut process = command(settings)
            .args(["--listen", listen])
            .env("SSE__TELEMETRY__LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("sse-server: listening on http://").unwrap().parse().unwrap();
        Self { process, address }
    }

    /// Sends a signal, by its name.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.process.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
