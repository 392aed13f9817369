//! Headless Chromium over WebDriver.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use fantoccini::{Client, ClientBuilder, Locator, wd::Capabilities};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tokio::time::{Instant, sleep};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A driver of its own for each test, gone with it.
pub(crate) struct Chromium {
    driver: Child,
    address: String,
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Chromium {
    pub(crate) async fn start() -> Self {
        let driver = std::env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".into());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(&driver)
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("can't start {driver}: {error}; `cargo xtask test` installs it"));
        Self { driver: child, address: format!("http://127.0.0.1:{port}") }
    }

    pub(crate) async fn page(&self) -> Page {
        let options = json!({ "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage",
        ]});
        let capabilities: Capabilities = [("goog:chromeOptions".to_owned(), options)].into_iter().collect();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let connected = ClientBuilder::new(HttpConnector::new())
                .capabilities(capabilities.clone())
                .connect(&self.address)
                .await;
            match connected {
                Ok(client) => return Page(client),
                Err(error) => {
                    assert!(Instant::now() < deadline, "no session with the driver: {error}");
                }
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A tab.
pub(crate) struct Page(Client);

impl Page {
    pub(crate) async fn open(&self, url: &str) {
        self.0.goto(url).await.unwrap();
    }

    /// Runs a script in which `at(name)` is the element of that test id, and gives what it returns.
    async fn run(&self, script: &str) -> serde_json::Value {
        let script = format!("const at = name => document.querySelector(`[data-testid=${{name}}]`); {script}");
        self.0.execute(&script, vec![]).await.unwrap()
    }

    pub(crate) async fn text_of(&self, script: &str) -> String {
        let value = self.run(script).await;
        value.as_str().unwrap_or_else(|| panic!("{script}: {value} is no text")).to_owned()
    }

    /// Waits until a script returns true.
    pub(crate) async fn until(&self, what: &str, script: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.run(script).await != true {
            if Instant::now() >= deadline {
                let page = self.run("return document.body.innerText").await;
                panic!("in {PATIENCE:?} it did not come to pass that {what}; the page says: {page}");
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn type_into(&self, name: &str, text: &str) {
        let element = self.0.find(Locator::Css(&format!("[data-testid={name}]"))).await.unwrap();
        element.clear().await.unwrap();
        element.send_keys(text).await.unwrap();
    }

    pub(crate) async fn click(&self, name: &str) {
        self.0.find(Locator::Css(&format!("[data-testid={name}]"))).await.unwrap().click().await.unwrap();
    }

    pub(crate) async fn close(self) {
        self.0.close().await.unwrap();
    }
}
