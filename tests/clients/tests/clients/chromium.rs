//! Chromium's own `EventSource`, over WebDriver.

use std::{
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    time::Duration,
};

use fantoccini::{ClientBuilder, wd::Capabilities};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::client::Client;

const PATIENCE: Duration = Duration::from_secs(60);

const OPEN: &str = r#"
    window.seen = [];
    const tell = (seen) => { window.seen.push(seen); window.more?.(); };
    window.source = new EventSource(arguments[0]);
    for (const name of ["message", "tick", "sse-cursor", "sse-gap", "sse-drain"]) {
        source.addEventListener(name, ({ type, data, lastEventId }) => tell({ event: type, data, id: lastEventId }));
    }
    source.onerror = () => tell({ ended: `state ${source.readyState}` });
"#;

/// Gives what was seen since the last time, as soon as there is something, or nothing after a while.
const MORE: &str = r#"
    const done = arguments[arguments.length - 1];
    const give = () => { window.more = null; clearTimeout(timer); done(window.seen.splice(0)); };
    const timer = setTimeout(give, 2000);
    if (window.seen.length > 0) give(); else window.more = give;
"#;

/// A driver and its browser, gone with this.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        // the driver ends its browser when it is asked to end; killed, it would leave it behind
        let _ = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.0.id())]).status();
        let _ = self.0.wait();
    }
}

/// The driver's program, if there is one.
pub(crate) fn driver() -> Option<String> {
    let driver = std::env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".into());
    let found = Command::new(&driver).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.is_ok_and(|status| status.success()).then_some(driver)
}

/// Follows a stream in a page of the hub's own origin.
pub(crate) fn start(driver: &str, hub: SocketAddr, url: &str) -> Client {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new(driver);
    command.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null());
    let driver = Driver(command.spawn().unwrap());
    let url = url.to_owned();
    Client::of("Chromium", async move |log| {
        let _driver = driver;
        let listens = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, listens).await.unwrap();
        let options = json!({ "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage",
        ]});
        let capabilities: Capabilities = [("goog:chromeOptions".to_owned(), options)].into_iter().collect();
        let mut browser = ClientBuilder::new(HttpConnector::new());
        let page = browser.capabilities(capabilities).connect(&format!("http://127.0.0.1:{port}")).await.unwrap();
        page.goto(&format!("http://{hub}/live")).await.unwrap();
        page.execute(OPEN, vec![json!(url)]).await.unwrap();
        loop {
            let seen = page.execute_async(MORE, vec![]).await.unwrap();
            for seen in serde_json::from_value::<Vec<_>>(seen).unwrap() {
                log.add(seen);
            }
        }
    })
}
