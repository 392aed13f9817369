//! Headless Chromium over WebDriver.
#![allow(dead_code, reason = "each test target uses its part")]

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use fantoccini::{
    Client, ClientBuilder,
    wd::{Capabilities, WindowHandle},
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use sse_testkit::TestClient;
use tokio::time::{Instant, sleep};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the driver may take to end its browsers.
const LAST_MOMENTS: Duration = Duration::from_secs(5);

/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(20);

/// A driver with its browser, gone with the test.
pub(crate) struct Chromium {
    driver: Child,
    address: SocketAddr,
}

impl Chromium {
    /// Starts the driver that `CHROMEDRIVER` names, or the one on the path, on a port that it finds free itself.
    pub(crate) async fn start() -> Self {
        let program = std::env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".into());
        let mut driver =
            Command::new(&program).arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap_or_else(
                |error| panic!("can't start {program}: {error}; `cargo xtask test` finds or installs one"),
            );
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            Some(SocketAddr::from(([127, 0, 0, 1], port.trim_end_matches('.').parse().ok()?)))
        });
        // a full pipe would stop the driver
        thread::spawn(move || lines.for_each(drop));
        let chromium = Self { driver, address: address.expect("the driver says its port") };
        let client = TestClient::tcp(chromium.address);
        let ready = async || client.get("/status").send().await.json()["value"]["ready"] == true;
        eventually("the driver is ready", ready).await;
        chromium
    }

    /// Opens a page in a browser of its own.
    pub(crate) async fn open(&self, url: &str) -> Page {
        let options = json!({ "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", "--window-size=1280,800",
        ]});
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(Capabilities::from_iter([("goog:chromeOptions".to_owned(), options)]))
            .connect(&format!("http://{}", self.address))
            .await
            .expect("the driver starts a browser");
        client.goto(url).await.unwrap();
        let window = client.window().await.unwrap();
        Page { client, window, driver: self.address }
    }
}

impl Drop for Chromium {
    /// Asks the driver to end, since one that is killed leaves its browsers behind.
    fn drop(&mut self) {
        let asked = TcpStream::connect(self.address)
            .and_then(|mut socket| socket.write_all(b"GET /shutdown HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"));
        let deadline = std::time::Instant::now() + LAST_MOMENTS;
        while asked.is_ok() && std::time::Instant::now() < deadline {
            if let Ok(Some(_)) = self.driver.try_wait() {
                return;
            }
            thread::sleep(LOOK);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// A page in a tab of the browser. Of one browser only one page is to be asked at a time.
pub(crate) struct Page {
    client: Client,
    window: WindowHandle,
    driver: SocketAddr,
}

impl Page {
    /// Opens a page in another tab of the same browser.
    pub(crate) async fn beside(&self, url: &str) -> Self {
        self.turn_to().await;
        let window = self.client.new_window(true).await.unwrap().handle;
        self.client.switch_to_window(window.clone()).await.unwrap();
        self.client.goto(url).await.unwrap();
        Self { client: self.client.clone(), window, driver: self.driver }
    }

    /// Leaves for another page, in the same tab.
    pub(crate) async fn leave_for(&self, url: &str) {
        self.turn_to().await;
        self.client.goto(url).await.unwrap();
    }

    /// Goes back to the page before.
    pub(crate) async fn back(&self) {
        self.turn_to().await;
        self.client.back().await.unwrap();
    }

    /// Closes the tab.
    pub(crate) async fn close(self) {
        self.turn_to().await;
        self.client.close_window().await.unwrap();
    }

    /// Minimises the window, so that none of its pages is visible: that another tab is in front is kept from them.
    pub(crate) async fn hide(&self) {
        self.turn_to().await;
        self.client.minimize_window().await.unwrap();
    }

    /// Shows the window again.
    pub(crate) async fn show(&self) {
        self.turn_to().await;
        self.client.set_window_size(1280, 800).await.unwrap();
    }

    /// A command of the browser's developer tools, for this tab. Gives whether it was answered: a tab that crashes of
    /// it does not.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> bool {
        self.turn_to().await;
        let session = self.client.session_id().await.unwrap().expect("a browser is open");
        let body = json!({ "cmd": command, "params": parameters }).to_string();
        let path = format!("/session/{session}/goog/cdp/execute");
        TestClient::tcp(self.driver).post(&path).body(body).within(PATIENCE).send().await.status == 200
    }

    /// Runs a script, and gives what it returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.call(script, vec![]).await
    }

    /// Runs a script with these `arguments`, and gives what it returns, or what that promises.
    pub(crate) async fn call(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.turn_to().await;
        self.client.execute(script, arguments).await.unwrap()
    }

    /// What follows is for this tab.
    async fn turn_to(&self) {
        self.client.switch_to_window(self.window.clone()).await.unwrap();
    }

    /// Waits until an expression is true.
    pub(crate) async fn until(&self, what: &str, expression: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.run(&format!("return {expression}")).await != true {
            if Instant::now() >= deadline {
                let page = self.run("return document.body.innerText").await;
                panic!("in {PATIENCE:?} it did not come to pass that {what}; the page says: {page}");
            }
            sleep(LOOK).await;
        }
    }
}

/// Waits until a condition holds.
pub(crate) async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "in {PATIENCE:?} it did not come to pass that {what}");
        sleep(LOOK).await;
    }
}
