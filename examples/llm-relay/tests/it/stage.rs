//! A hub and a relay as programs, each to be killed, and readers.

use std::{
    fs,
    net::SocketAddr,
    ops::ControlFlow,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use follow::{client, follow};
use reqwest::{Client, Url};
use sse_core::{
    Item, Limits,
    session::{Closed, Policy, Session},
};
use sse_test_support::{address, hub, process::Process};
use tempfile::TempDir;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A token takes this long, and an answer two to three seconds.
const DELAY: &str = "20ms";

pub(crate) struct Stage {
    pub(crate) relay: Process,
    pub(crate) hub: Process,
    hub_address: SocketAddr,
    arguments: Vec<String>,
    directory: TempDir,
}

impl Stage {
    /// With the provider that is made up.
    pub(crate) fn set() -> Self {
        Self::set_with(&["--delay", DELAY])
    }

    /// With these arguments for the relay.
    pub(crate) fn set_with(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let package = directory.path().join("package");
        fs::create_dir(&package).unwrap();
        fs::write(package.join("index.js"), "").unwrap();
        let hub_address = address::for_later();
        let hub = start_hub(hub_address, directory.path());
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        let relay = start_relay(hub_address, directory.path(), &arguments);
        Self { relay, hub, hub_address, arguments, directory }
    }

    /// After a kill.
    pub(crate) fn restart_hub(&mut self) {
        self.hub = start_hub(self.hub_address, self.directory.path());
    }

    /// After a kill.
    pub(crate) fn restart_relay(&mut self) {
        self.relay = start_relay(self.hub_address, self.directory.path(), &self.arguments);
    }

    /// Asks, and gives the run's id.
    pub(crate) async fn ask(&self, prompt: &str) -> String {
        let answer = post(&format!("{}/prompts", self.relay.url()), prompt).await.unwrap();
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        answer["run"].as_str().unwrap().to_owned()
    }

    /// Asks for a run to stop, as the page does.
    pub(crate) async fn stop(&self, run: &str) {
        post(&format!("{}/publish/runs/{run}/stop", self.hub.url()), "").await.unwrap();
    }

    /// Reads a run from its beginning to its end, however often the connection breaks.
    pub(crate) fn read(&self, run: &str) -> Reader {
        let url = format!("http://{}/events?topic=runs/{run}&since=earliest", self.hub_address);
        Reader::start(url.parse().unwrap())
    }

    /// Waits until the relay has no journal of a run any more, nor one set aside.
    pub(crate) async fn until_put_away(&self) {
        let journals = || fs::read_dir(self.data()).unwrap().flatten().filter(|entry| entry.file_name() != "lock");
        eventually("the journals are gone", async || journals().count() == 0).await;
    }

    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.directory.path().join("relay")
    }
}

async fn post(url: &str, body: &str) -> reqwest::Result<String> {
    let http = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    http.post(url).body(body.to_owned()).send().await?.error_for_status()?.text().await
}

/// What an acknowledged event costs does not matter here; that it is not lost does.
fn start_hub(at: SocketAddr, directory: &Path) -> Process {
    let path = directory.join("hub");
    let settings = [
        ("SSE__STORE__KIND", "redb"),
        ("SSE__STORE__PATH", path.to_str().unwrap()),
        ("SSE__STORE__DURABILITY", "always"),
        ("SSE__STREAM__RETRY", "50ms"),
    ];
    hub::Hub::built().start_at(&at.to_string(), &settings)
}

fn start_relay(hub: SocketAddr, directory: &Path, arguments: &[String]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llm-relay"));
    command.args(["--listen", "127.0.0.1:0", "--hub", &format!("http://{hub}")]);
    command.arg("--data").arg(directory.join("relay")).arg("--package").arg(directory.join("package"));
    Process::start(command.args(arguments).env_remove("LLM_RELAY_KEY")).unwrap()
}

/// An event of a run: its name and its data.
type Seen = (String, String);

pub(crate) struct Reader {
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Reader {
    fn start(url: Url) -> Self {
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let note = seen.clone();
        let on_item = move |item: Item<'_>| {
            let Item::Event(event) = item else { return ControlFlow::Continue(()) };
            match event.name() {
                "sse-cursor" | "sse-drain" | "sse-end" => {}
                name => note.lock().unwrap().push((name.to_owned(), event.data().to_owned())),
            }
            ControlFlow::Continue(())
        };
        let mut policy = Policy::patient();
        policy.reconnection_time = Duration::from_millis(50);
        policy.max_wait = Duration::from_millis(200);
        let session = Session::new(policy, Limits::default());
        let task = tokio::spawn(async move {
            let client = client().no_proxy().build().unwrap();
            let closed = follow(&client, &url, session, on_item, |_| {}).await.unwrap();
            assert!(matches!(closed, Closed::Ended | Closed::NoContent), "{closed}");
        });
        Self { seen, task }
    }

    /// Waits until it has so many events.
    pub(crate) async fn until(&self, count: usize) {
        eventually("the reader has enough", async || self.seen.lock().unwrap().len() >= count).await;
    }

    /// Waits for the end, and gives what it had.
    pub(crate) async fn end(self) -> Vec<Seen> {
        timeout(PATIENCE, self.task).await.expect("the run ends").unwrap();
        self.seen.lock().unwrap().clone()
    }

    /// Waits for the end, which is to be that of the whole answer.
    pub(crate) async fn expect_whole(self, prompt: &str) {
        let expect: Vec<Seen> = answered(prompt, &llm_relay::answer(prompt));
        assert_eq!(self.end().await, expect);
    }
}

/// The events of a run with this answer.
pub(crate) fn answered(prompt: &str, tokens: &[impl ToString]) -> Vec<Seen> {
    let tokens = tokens.iter().map(|token| ("message".to_owned(), token.to_string()));
    [("prompt".to_owned(), prompt.to_owned())].into_iter().chain(tokens).collect()
}

pub(crate) async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "in {PATIENCE:?} it did not come to pass that {what}");
        sleep(Duration::from_millis(10)).await;
    }
}
