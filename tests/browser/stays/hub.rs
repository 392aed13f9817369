//! The hub as a program, with its log on the disk, that may be killed at any moment.

use std::{net::SocketAddr, time::Duration};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use sse_test_support::{hub, process::Process};
use sse_testkit::TestClient;
use tempfile::TempDir;
use tokio::time::timeout;

/// How long the hub may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running hub, gone with the test.
pub(crate) struct Hub {
    process: Process,
    pub(crate) address: SocketAddr,
    origin: String,
    data: TempDir,
}

impl Hub {
    /// Starts it on an empty directory. Pages of this origin may read it.
    pub(crate) fn start(origin: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let process = start("127.0.0.1:0", origin, &data);
        Self { address: process.address(), process, origin: origin.to_owned(), data }
    }

    /// Ends it without a word, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again where it was, after a kill.
    pub(crate) fn restart(&mut self) {
        self.process = start(&self.address.to_string(), &self.origin, &self.data);
        assert_eq!(self.process.address(), self.address);
    }

    pub(crate) fn events(&self, rest: &str) -> String {
        format!("http://{}/events?topic=numbers{rest}", self.address)
    }

    /// Publishes these numbers, and gives the ID of the last.
    pub(crate) async fn publish(&self, numbers: impl IntoIterator<Item = usize>) -> String {
        let lines = numbers.into_iter().map(|number| json!({ "topic": "numbers", "data": number }).to_string() + "\n");
        let request = TestClient::tcp(self.address)
            .post("/publish")
            .header("content-type", "application/x-ndjson")
            .body(lines.collect::<String>())
            .within(PATIENCE);
        request.send().await.json()["last_id"].as_str().unwrap().to_owned()
    }

    /// All that is in the log: IDs with data, as a page tells them.
    pub(crate) async fn log(&self) -> Vec<Value> {
        let path = "/events?topic=numbers&since=earliest";
        let mut stream = TestClient::tcp(self.address).get(path).within(PATIENCE).connect().await;
        let end = self.publish([usize::MAX]).await;
        let mut log = Vec::new();
        loop {
            let seen = stream.next().await.expect("the log ends with what was just published");
            let Some(event) = seen.event().filter(|event| !event.name.starts_with("sse-")) else { continue };
            if event.id == end {
                return log;
            }
            log.push(json!([event.id, event.data]));
        }
    }

    /// How many streams it has.
    pub(crate) async fn streams(&self) -> u64 {
        let metrics = TestClient::tcp(self.address).get("/metrics").within(PATIENCE).send().await;
        let text = metrics.text();
        let line = text.lines().find_map(|line| line.strip_prefix("sse_subscribers ")).expect("it counts its streams");
        line.trim().parse().unwrap()
    }
}

fn start(listen: &str, origin: &str, data: &TempDir) -> Process {
    hub::Hub::built().start_at(
        listen,
        &[
            ("SSE__STORE__KIND", "redb"),
            ("SSE__STORE__PATH", data.path().to_str().unwrap()),
            ("SSE__STORE__DURABILITY", "always"),
            ("SSE__CORS__ORIGINS", origin),
            ("SSE__STREAM__RETRY", "100ms"),
        ],
    )
}

/// Publishes whether or not the hub is there.
#[derive(Clone)]
pub(crate) struct Publisher {
    http: Client<HttpConnector, Full<Bytes>>,
    url: String,
}

impl Publisher {
    pub(crate) fn of(hub: &Hub) -> Self {
        let http = Client::builder(TokioExecutor::new()).retry_canceled_requests(false).build_http();
        Self { http, url: format!("http://{}/publish/numbers", hub.address) }
    }

    /// Publishes a number. Gives the ID if it is acknowledged; else nobody knows whether it is in the log.
    pub(crate) async fn publish(&self, number: usize) -> Option<String> {
        let request = hyper::Request::post(&self.url).body(Full::from(number.to_string())).unwrap();
        let answer = timeout(PATIENCE, self.http.request(request)).await.expect("the hub answers").ok()?;
        let body = timeout(PATIENCE, answer.into_body().collect()).await.expect("an answer is whole").ok()?.to_bytes();
        let answer: Value = serde_json::from_slice(&body).unwrap();
        Some(answer["id"].as_str().unwrap_or_else(|| panic!("refused: {answer}")).to_owned())
    }
}
