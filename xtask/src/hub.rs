//! A hub and a scripted server of our own for the browser client's tests.

use std::{
    env,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    command,
    context::Context,
    failure::{Failure, Result},
    wasm_test,
};

/// The variables that tell the browser client's tests where their servers are, when they are built.
pub(crate) const HUB: &str = "SSE_TEST_HUB";
pub(crate) const SCRIPTS: &str = "SSE_TEST_SCRIPTS";

/// How long a server may take to say where it listens.
const START_DEADLINE: Duration = Duration::from_secs(20);

/// Runs the browser client's tests in the browser against a hub that allows their page.
pub(crate) fn wasm_tests(context: &Context) -> Result<()> {
    let (driver, firefox) = (context.chromedriver()?, context.geckodriver()?);
    // The tests' page is served from here, which makes it a foreign origin to the hub.
    let page = format!("127.0.0.1:{}", free_port()?);
    let hub = hub(context, &format!("http://{page}"))?;
    let scripts = scripts(context)?;

    let address = [page.as_str(), &hub.url, &scripts.url];
    run(context, ("CHROMEDRIVER", driver), address)?;
    match firefox {
        Some(driver) => run(context, ("GECKODRIVER", driver), address),
        None => Ok(()),
    }
}

/// Runs the tests in the browser of this driver.
fn run(context: &Context, driver: (&str, &Path), [page, hub, scripts]: [&str; 3]) -> Result<()> {
    let mut test = wasm_test::cargo(context, driver)?;
    test.env("WASM_BINDGEN_TEST_ADDRESS", page).env(HUB, hub).env(SCRIPTS, scripts);
    let (variable, driver) = (driver.0, driver.1.display());
    println!("{variable}={driver} {HUB}={hub} {SCRIPTS}={scripts} {}", command::line(&test));
    command::run(&mut test)
}

fn free_port() -> Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|e| Failure::new(format!("no port is free on 127.0.0.1: {e}")))
}

/// Makes the release build of the hub.
pub(crate) fn build(context: &Context) -> Result<PathBuf> {
    command::run(context.cargo().args(["build", "--release", "--package", "sse-server"]))?;
    Ok(context.target().join(format!("release/sse-server{}", env::consts::EXE_SUFFIX)))
}

/// Starts it, with this origin allowed.
fn hub(context: &Context, origin: &str) -> Result<Server> {
    let mut server = context.command(build(context)?);
    // The user's own configuration must not decide a test.
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SSE__")) {
        server.env_remove(name);
    }
    server.args(["--listen", "127.0.0.1:0", "--store", "memory"]).env("SSE__CORS__ORIGINS", origin);
    Server::start(server)
}

/// Builds and starts the scripted server, which every page may ask.
fn scripts(context: &Context) -> Result<Server> {
    let package = ["build", "--package", "sse-testkit", "--features", "script-host", "--bin", "sse-script"];
    command::run(context.cargo().args(package))?;
    let program = format!("debug/sse-script{}", env::consts::EXE_SUFFIX);
    Server::start(context.command(context.target().join(program)))
}

/// A running server, stopped when this is dropped.
#[derive(Debug)]
struct Server {
    /// To speak of it.
    program: String,
    process: Child,
    url: String,
}

impl Server {
    /// Starts it, and waits until it says where it listens.
    fn start(mut server: Command) -> Result<Self> {
        server.stdin(Stdio::null()).stdout(Stdio::piped());
        println!("{}", command::line(&server));
        let process = server.spawn().map_err(|e| command::unstartable(&server, &e))?;
        let program = server.get_program().to_string_lossy().into_owned();
        let mut server = Self { program, process, url: String::new() };
        let port = server.port()?;
        server.url = format!("http://127.0.0.1:{port}");
        Ok(server)
    }

    fn port(&mut self) -> Result<u16> {
        let (send, lines) = mpsc::channel();
        if let Some(output) = self.process.stdout.take() {
            // Reads to the end, also when nobody listens any more: a full pipe would stop the server.
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(std::io::Result::ok) {
                    let _ = send.send(line);
                }
            });
        }
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    println!("{line}");
                    if let Some(port) = listening_port(&line) {
                        return Ok(port);
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    return Err(Failure::new(format!(
                        "{} did not say that it listens on http://127.0.0.1:… within {} s",
                        self.program,
                        START_DEADLINE.as_secs(),
                    )));
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(Failure::new(format!(
                        "{} ended before it listened: its own words above say why",
                        self.program
                    )));
                }
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to stop.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The port in a line that says `listening on http://127.0.0.1:<port>`, or no more than that address.
fn listening_port(line: &str) -> Option<u16> {
    let address = line.split_once("listening on ").map_or(line, |(_, address)| address);
    let rest = address.strip_prefix("http://127.0.0.1:")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).map_or(rest, |end| &rest[..end]);
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_port_wherever_it_stands() {
        assert_eq!(listening_port("listening on http://127.0.0.1:4321"), Some(4321));
        assert_eq!(listening_port("INFO sse_server: listening on http://127.0.0.1:80/ store=memory"), Some(80));
        assert_eq!(listening_port("http://127.0.0.1:1"), Some(1));
        assert_eq!(listening_port("\x1b[1mlistening on http://127.0.0.1:65535\x1b[0m"), Some(65535));
    }

    #[test]
    fn other_lines_have_none() {
        assert_eq!(listening_port(""), None);
        assert_eq!(listening_port("listening on http://127.0.0.1:"), None);
        assert_eq!(listening_port("listening on http://127.0.0.1:65536"), None);
        assert_eq!(listening_port("listening on http://0.0.0.0:80"), None);
        assert_eq!(listening_port("see http://127.0.0.1:80"), None);
    }

    #[test]
    fn a_free_port_can_be_bound() {
        let port = free_port().expect("a port is free");
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("and stays free");
    }
}
