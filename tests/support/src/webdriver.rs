//! Headless browsers over WebDriver.

use std::{
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::Duration,
};

use fantoccini::{
    Client, ClientBuilder, Locator,
    wd::{Capabilities, WindowHandle},
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use sse_testkit::TestClient;
use tokio::time::{Instant, sleep};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a driver may take to end its browsers.
const LAST_MOMENTS: Duration = Duration::from_secs(15);

/// How often a driver is started: it wants the same port of IPv4 and IPv6, and ends if the one that it found is taken there.
const STARTS: usize = 10;

/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(20);

/// A driver with its browsers, gone with the test.
#[derive(Debug)]
pub struct Driver {
    browser: Browser,
    process: Child,
    address: SocketAddr,
}

/// What differs from browser to browser.
#[derive(Debug)]
enum Browser {
    Chromium,
    /// Its driver has one session at a time.
    Firefox {
        session: OnceLock<String>,
    },
}

impl Driver {
    /// Starts the driver that `CHROMEDRIVER` names, or the one on the path.
    pub async fn chromium() -> Self {
        let program = env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".into());
        Self::start(Browser::Chromium, &program).await
    }

    /// Starts the driver that `GECKODRIVER` names, if it names one. It opens one page and those beside it.
    pub async fn firefox() -> Option<Self> {
        let program = env::var("GECKODRIVER").ok()?;
        Some(Self::start(Browser::Firefox { session: OnceLock::new() }, &program).await)
    }

    /// On a port that the driver finds free itself.
    async fn start(browser: Browser, program: &str) -> Self {
        let before = match browser {
            Browser::Chromium => "started successfully on port ",
            Browser::Firefox { .. } => "Listening on 127.0.0.1:",
        };
        let started = (0..STARTS).find_map(|_| {
            let mut process = Command::new(program)
                .arg("--port=0")
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap_or_else(|error| {
                    panic!("can't start {program}: {error}; `cargo xtask test` finds or installs one")
                });
            let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
            let address = lines.find_map(|line| {
                let (_, port) = line.split_once(before)?;
                Some(SocketAddr::from(([127, 0, 0, 1], port.trim_end_matches('.').parse().ok()?)))
            });
            if address.is_none() {
                let _ = process.wait(); // it has closed its output, and ends
            }
            Some((process, lines, address?))
        });
        let (process, lines, address) = started.expect("the driver says its port");
        // a full pipe would stop the driver
        thread::spawn(move || lines.for_each(drop));
        let driver = Self { browser, process, address };
        let client = TestClient::tcp(driver.address);
        let ready = async || client.get("/status").send().await.json()["value"]["ready"] == true;
        eventually("the driver is ready", ready).await;
        driver
    }

    /// Opens a page in a browser of its own.
    pub async fn open(&self, url: &str) -> Page {
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(self.browser.capabilities())
            .connect(&format!("http://{}", self.address))
            .await
            .expect("the driver starts a browser");
        if let Browser::Firefox { session } = &self.browser {
            let id = client.session_id().await.unwrap().expect("a browser is open");
            session.set(id).expect("Firefox's driver opens one browser");
        }
        client.goto(url).await.unwrap();
        let window = client.window().await.unwrap();
        Page { client, window, driver: self.address }
    }

    /// Asks the driver to end its browsers.
    fn ask_to_end(&self) -> io::Result<()> {
        let (method, path) = match &self.browser {
            Browser::Chromium => ("GET", "/shutdown".to_owned()),
            Browser::Firefox { session } => match session.get() {
                Some(id) => ("DELETE", format!("/session/{id}")),
                None => return Ok(()),
            },
        };
        let mut socket = TcpStream::connect(self.address)?;
        socket.set_read_timeout(Some(LAST_MOMENTS))?;
        let request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address);
        socket.write_all(request.as_bytes())?;
        // That of a driver that has ended may be reset.
        let _ = socket.read_to_end(&mut Vec::new());
        Ok(())
    }
}

impl Browser {
    fn capabilities(&self) -> Capabilities {
        let (name, options) = match self {
            Self::Chromium => (
                "goog:chromeOptions",
                json!({ "args": [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync",
                    "--disable-dev-shm-usage", "--window-size=1280,800",
                ]}),
            ),
            Self::Firefox { .. } => ("moz:firefoxOptions", json!({ "args": ["-headless"] })),
        };
        // hubs with TLS have certificates of their own
        Capabilities::from_iter([(name.to_owned(), options), ("acceptInsecureCerts".to_owned(), true.into())])
    }
}

impl Drop for Driver {
    /// Asks the driver first, since one that is killed leaves its browsers behind.
    fn drop(&mut self) {
        let asked = self.ask_to_end();
        // Chromium's ends by itself then.
        let deadline = std::time::Instant::now() + LAST_MOMENTS;
        while asked.is_ok() && matches!(self.browser, Browser::Chromium) && std::time::Instant::now() < deadline {
            if let Ok(Some(_)) = self.process.try_wait() {
                return;
            }
            thread::sleep(LOOK);
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A page in a tab of the browser. Of one browser only one page is to be asked at a time.
#[derive(Debug)]
pub struct Page {
    client: Client,
    window: WindowHandle,
    driver: SocketAddr,
}

impl Page {
    /// Opens a page in another tab of the same browser.
    pub async fn beside(&self, url: &str) -> Self {
        self.turn_to().await;
        let window = self.client.new_window(true).await.unwrap().handle;
        self.client.switch_to_window(window.clone()).await.unwrap();
        self.client.goto(url).await.unwrap();
        Self { client: self.client.clone(), window, driver: self.driver }
    }

    /// Leaves for another page, in the same tab.
    pub async fn leave_for(&self, url: &str) {
        self.turn_to().await;
        self.client.goto(url).await.unwrap();
    }

    /// Goes back to the page before.
    pub async fn back(&self) {
        self.turn_to().await;
        self.client.back().await.unwrap();
    }

    /// Closes the tab.
    pub async fn close(self) {
        self.turn_to().await;
        self.client.close_window().await.unwrap();
    }

    /// Minimises the window, so that none of its pages is visible: that another tab is in front is kept from them.
    pub async fn hide(&self) {
        self.turn_to().await;
        self.client.minimize_window().await.unwrap();
    }

    /// Shows the window again.
    pub async fn show(&self) {
        self.turn_to().await;
        self.client.set_window_size(1280, 800).await.unwrap();
    }

    /// A command of Chromium's developer tools, for this tab. Gives whether it was answered: a tab that crashes of
    /// it does not.
    pub async fn devtools(&self, command: &str, parameters: Value) -> bool {
        self.turn_to().await;
        let session = self.client.session_id().await.unwrap().expect("a browser is open");
        let body = json!({ "cmd": command, "params": parameters }).to_string();
        let path = format!("/session/{session}/goog/cdp/execute");
        TestClient::tcp(self.driver).post(&path).body(body).within(PATIENCE).send().await.status == 200
    }

    /// Runs a script, and gives what it returns.
    pub async fn run(&self, script: &str) -> Value {
        self.call(script, vec![]).await
    }

    /// Runs a script in the page's own world, and gives what it promises. Firefox has a global object of its own for a
    /// driver's scripts: what they set there, the page does not have.
    pub async fn run_as_its_own(&self, script: &str) -> Value {
        self.call("return window.eval(arguments[0])", vec![script.into()]).await
    }

    /// Runs a script with these `arguments`, and gives what it returns, or what that promises.
    pub async fn call(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.turn_to().await;
        self.client.execute(script, arguments).await.unwrap()
    }

    /// What follows is for this tab.
    async fn turn_to(&self) {
        self.client.switch_to_window(self.window.clone()).await.unwrap();
    }

    /// Replaces what is in the field that a CSS selector finds.
    pub async fn type_into(&self, selector: &str, text: &str) {
        self.turn_to().await;
        let field = self.client.find(Locator::Css(selector)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Clicks on what a CSS selector finds.
    pub async fn click(&self, selector: &str) {
        self.turn_to().await;
        self.client.find(Locator::Css(selector)).await.unwrap().click().await.unwrap();
    }

    /// Waits until an expression is true.
    pub async fn until(&self, what: &str, expression: &str) {
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
pub async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "in {PATIENCE:?} it did not come to pass that {what}");
        sleep(LOOK).await;
    }
}
