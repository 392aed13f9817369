//! The hub over TLS: many streams of one page over one connection of HTTP/2.

use std::path::Path;

use serde_json::json;
use sse_test_support::{hub, process::Process, webdriver::Driver};
use tempfile::TempDir;

/// More than a browser opens connections to one origin.
const STREAMS: usize = 50;

struct Hub {
    process: Process,
    data: TempDir,
}

fn start(listen: &str, data: &Path) -> Process {
    let path = |name: &str| data.join(name).display().to_string();
    hub::Hub::built().start_at(
        listen,
        &[
            ("SSE__SERVER__TLS__CERTIFICATE", &path("cert.pem")),
            ("SSE__SERVER__TLS__KEY", &path("key.pem")),
            ("SSE__STORE__KIND", "redb"),
            ("SSE__STORE__PATH", &path("log")),
            ("SSE__STORE__DURABILITY", "always"),
            ("SSE__STREAM__RETRY", "100ms"),
        ],
    )
}

impl Hub {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(data.path().join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(data.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        Self { process: start("127.0.0.1:0", data.path()), data }
    }

    /// Ends it as a crash does, and starts it again where it was.
    fn restart(&mut self) {
        let address = self.process.address().to_string();
        self.process.kill();
        self.process = start(&address, self.data.path());
    }
}

#[tokio::test]
async fn fifty_streams_of_a_page_share_a_connection_and_resume_after_a_crash() {
    let browser = Driver::chromium().await;
    let mut hub = Hub::start();
    let page = browser.open(&format!("https://localhost:{}/", hub.process.address().port())).await;
    let open = format!(
        "window.seen = Array.from({{ length: {STREAMS} }}, () => []);
         window.streams = window.seen.map((seen, number) => {{
             const stream = new EventSource(`/events?topic=a&topic=own/${{number}}`);
             stream.onmessage = event => seen.push(event.data);
             return stream;
         }});"
    );
    page.run(&open).await;
    let all_open = "window.streams.every(stream => stream.readyState === EventSource.OPEN)";
    page.until("all are open", all_open).await;
    let protocol = "return performance.getEntriesByType('navigation')[0].nextHopProtocol";
    assert_eq!(page.run(protocol).await, "h2");
    let publish = "return fetch('/publish/a', { method: 'POST', body: arguments[0] }).then(answer => answer.status)";
    assert_eq!(page.call(publish, vec![json!("before")]).await, 200);
    let have = |all: &str| format!("window.seen.every(seen => seen.join() === '{all}')");
    page.until("all have it", &have("before")).await;

    // what is published before they are back is theirs, too
    hub.restart();
    assert_eq!(page.call(publish, vec![json!("after")]).await, 200);
    page.until("all have what came after", &have("before,after")).await;
    page.until("all are open again", all_open).await;
    page.close().await;
}
