//! Chromium's own `EventSource`, over WebDriver.

use std::{
    net::SocketAddr,
    process::{Command, Stdio},
    thread::{self, JoinHandle},
};

use serde_json::json;
use sse_test_support::webdriver::Driver;
use tokio::{runtime::Builder, sync::oneshot};

use crate::client::{Client, Log};

const OPEN: &str = r#"
    window.seen = [];
    const tell = (seen) => { window.seen.push(seen); window.more?.(); };
    window.source = new EventSource(arguments[0]);
    for (const name of ["message", "tick", "sse-cursor", "sse-gap", "sse-drain"]) {
        source.addEventListener(name, ({ type, data, lastEventId }) => tell({ event: type, data, id: lastEventId }));
    }
    source.onerror = () => tell({ ended: `state ${source.readyState}` });
"#;

/// Promises what was seen since the last time, as soon as there is something, or nothing after a while.
const MORE: &str = r#"
    return new Promise((done) => {
        const give = () => { window.more = null; clearTimeout(timer); done(window.seen.splice(0)); };
        const timer = setTimeout(give, 2000);
        if (window.seen.length > 0) give(); else window.more = give;
    });
"#;

/// Returns true if there is a driver.
pub(crate) fn has_driver() -> bool {
    let driver = std::env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".into());
    let found = Command::new(driver).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}

/// A thread with a runtime of its own: a page is not `Send` in the eyes of today's compiler. When this is dropped, the
/// driver and its browsers have ended.
struct Browser {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // whoever waits for more has seen by then that there is none
        }
    }
}

/// Follows a stream in a page of the hub's own origin.
pub(crate) fn start(hub: SocketAddr, url: &str) -> Client {
    let url = url.to_owned();
    Client::of("Chromium", async move |log| {
        let (stop, stopped) = oneshot::channel();
        let (ended, end) = oneshot::channel();
        let thread = thread::spawn(move || {
            let _ended: oneshot::Sender<()> = ended;
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! { () = follow(hub, &url, &log) => {}, _ = stopped => {} }
            });
        });
        let _browser = Browser { stop: Some(stop), thread: Some(thread) };
        let _ = end.await;
    })
}

async fn follow(hub: SocketAddr, url: &str, log: &Log) {
    let driver = Driver::chromium().await;
    let page = driver.open(&format!("http://{hub}/live")).await;
    page.call(OPEN, vec![json!(url)]).await;
    loop {
        for seen in serde_json::from_value::<Vec<_>>(page.run(MORE).await).unwrap() {
            log.add(seen);
        }
    }
}
