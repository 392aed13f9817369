//! The hub's program.

use std::{net::SocketAddr, process::ExitStatus};

use sse_test_support::{hub, process::Process};
use sse_testkit::TestClient;

use crate::client::Published;

/// A running hub, killed with the test.
pub(crate) struct Hub {
    process: Process,
    pub(crate) address: SocketAddr,
}

impl Hub {
    /// Starts it with these settings; at port 0 it finds one.
    pub(crate) fn start(listen: &str, settings: &[(&str, &str)]) -> Self {
        let process = hub::Hub::built().start_at(listen, settings);
        Self { address: process.address(), process }
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
        self.process.signal("TERM");
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.process.wait()
    }
}
