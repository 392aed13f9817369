//! From counters to a hub, without a browser: rates, a hub that is away, the program itself.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    time::{Duration, SystemTime},
};

use host_dashboard::{Dashboard, Options};
use serde_json::Value;
use sse_test_support::address;
use sse_testkit::{TestClient, TestStream};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::running::{Running, RunningHub, as_soon_as_free};

const INTERVAL: Duration = Duration::from_millis(100);
const ALL: &str = "/events?topic=host/*/**&envelope=json&since=earliest";

/// A machine whose counters the test sets.
struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        machine.write("stat", "cpu 0 0 0 0\ncpu0 0 0 0 0\n");
        machine.write("meminfo", "MemTotal: 1000 kB\nMemAvailable: 250 kB\n");
        machine.write("net/dev", "eth0: 1 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0\n");
        machine.write("sys/kernel/hostname", "my/host\n");
        machine
    }

    /// In one step, so that no reading is of half a file.
    fn write(&self, file: &str, text: &str) {
        let path = self.0.path().join(file);
        let new = path.with_extension("new");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&new, text).unwrap();
        fs::rename(new, path).unwrap();
    }

    fn options(&self) -> Options {
        options(self.0.path())
    }
}

fn options(proc: &Path) -> Options {
    let mut options = Options::default();
    options.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    options.interval = INTERVAL;
    options.proc = proc.into();
    options
}

fn since_epoch() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis().try_into().unwrap()
}

/// The data of the next event of a topic for which `wanted` holds.
async fn next(stream: &mut TestStream, topic: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let read = |data: &str| -> Option<Value> {
        let mut envelope: Value = serde_json::from_str(data).ok()?;
        let found = envelope["topic"] == topic && wanted(&envelope["data"]);
        found.then(|| envelope["data"].take())
    };
    let events = stream.collect_until(|event| read(&event.data).is_some()).await;
    read(&events.last().unwrap().data).unwrap()
}

#[tokio::test]
async fn counters_become_rates_under_the_name_of_the_host() {
    let machine = Machine::new();
    let running = Running::start(machine.options()).await;
    let mut stream = TestClient::tcp(running.address).get(ALL).connect().await;

    let memory = next(&mut stream, "host/my%2Fhost/mem", |_| true).await;
    assert_eq!(memory["total"], 1_024_000);
    assert_eq!(memory["used"], 768_000);
    assert_eq!(memory["every"], 100);

    // 30 of 100 ticks are busy, all in one interval, whichever it is
    machine.write("stat", "cpu 30 0 0 70\ncpu0 30 0 0 70\n");
    let cpu = next(&mut stream, "host/my%2Fhost/cpu", |_| true).await;
    assert_eq!((&cpu["busy"], &cpu["cores"]["0"]), (&0.3.into(), &0.3.into()));

    // a megabyte, in about a tenth of a second
    machine.write("net/dev", "eth0: 1000001 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0\n");
    let net = next(&mut stream, "host/my%2Fhost/net/eth0", |net| net["in"] != 0).await;
    assert_eq!(net["out"], 0);
    let rate = net["in"].as_u64().unwrap();
    assert!((1_000_000..=20_000_000).contains(&rate), "{rate} bytes a second");
    running.stop().await;
}

#[tokio::test]
async fn a_hub_that_is_away_gets_the_readings_that_waited() {
    let machine = Machine::new();
    let address = address::for_later();
    let closed = as_soon_as_free(async || TcpListener::bind(address).await).await;
    let mut options = machine.options();
    options.hub = Some(format!("http://{address}").parse().unwrap());
    options.name = Some("vm".into());
    let running = Running::start(options).await;

    // one attempt comes to nothing
    drop(closed.accept().await.unwrap());
    let turned_away = since_epoch();
    drop(closed);
    let hub = RunningHub::start(address, &[]).await;
    let mut stream = TestClient::tcp(address).get(ALL).connect().await;
    let first = next(&mut stream, "host/vm/mem", |_| true).await;
    assert!(first["at"].as_u64().unwrap() <= turned_away, "the reading of that attempt is there");

    // a hub that starts again has another log, and gets what comes
    hub.stop().await;
    let hub = RunningHub::start(address, &[]).await;
    let began = since_epoch();
    let mut stream = TestClient::tcp(address).get(ALL).connect().await;
    let mut before = 0;
    loop {
        let at = next(&mut stream, "host/vm/mem", |_| true).await["at"].as_u64().unwrap();
        assert!(at > before, "each reading once, in its order");
        before = at;
        if at > began {
            break;
        }
    }
    hub.stop().await;
    running.stop().await;
}

#[tokio::test]
async fn the_page_the_hub_and_its_page_share_an_address() {
    let machine = Machine::new();
    machine.write("sys/kernel/hostname", "box\n");
    let running = Running::start(machine.options()).await;
    let client = TestClient::tcp(running.address);
    let page = client.get("/").send().await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(page.text().contains("<title>host-dashboard</title>"));
    assert!(client.get("/hub?topic=host/**").send().await.text().contains("<title>sse-server</title>"));
    assert_eq!(client.get("/ready").send().await.status, 200);
    assert_eq!(client.get("/elsewhere").send().await.status, 404);
    for (host, status) in [("box:8090", 200), ("localhost", 200), ("elsewhere.example", 421)] {
        assert_eq!(client.get("/ready").header("host", host).send().await.status, status, "{host}");
    }
    let foreign = client.get("/topics").header("origin", "http://elsewhere.example");
    assert_eq!(foreign.send().await.status, 403, "the hub's rules hold here too");
    running.stop().await;
}

#[tokio::test]
async fn a_stop_ends_the_streams() {
    let machine = Machine::new();
    let running = Running::start(machine.options()).await;
    let mut stream = TestClient::tcp(running.address).get(ALL).connect().await;
    next(&mut stream, "host/my%2Fhost/mem", |_| true).await;
    let (_, drained) =
        tokio::join!(running.stop(), async { stream.collect_until(|event| event.name == "sse-drain").await });
    assert!(!drained.is_empty());
    stream.expect_closed().await;
}

#[tokio::test]
async fn a_port_in_use_is_told_in_one_line() {
    let machine = Machine::new();
    let running = Running::start(machine.options()).await;
    let mut options = machine.options();
    options.listen = running.address;
    let error = Dashboard::bind(options).await.unwrap_err().to_string();
    let expect = format!(
        "can't listen on {}: it is in use; stop what listens there, or choose another with --listen",
        running.address
    );
    assert_eq!(error, expect);
    running.stop().await;
}

#[tokio::test]
async fn a_name_that_is_too_long_is_refused() {
    let machine = Machine::new();
    let mut options = machine.options();
    options.name = Some("x".repeat(65));
    let error = Dashboard::bind(options).await.unwrap_err().to_string();
    assert!(error.ends_with("it must have 1 to 64 bytes"), "{error}");
}
