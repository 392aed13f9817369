//! What the relay answers by itself.

use std::process::Command;

use sse_testkit::TestClient;

use crate::stage::{Stage, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn the_page_knows_its_hub_and_prompts_are_checked() {
    let stage = Stage::set();
    let client = TestClient::tcp(stage.relay.address());
    let page = client.get("/").send().await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(page.text().contains(&format!("data-hub=\"{}\"", stage.hub.url())));
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains(&format!("connect-src 'self' {};", stage.hub.url())), "{policy}");
    client.get("/sse-wasm-client/index.js").send().await.expect_status(200);
    client.get("/elsewhere").send().await.expect_status(404);

    client.post("/prompts").body(" \n").send().await.expect_status(400);
    client.post("/prompts").body("x".repeat((16 << 10) + 1)).send().await.expect_status(413);
    let longest = "\"".repeat(16 << 10);
    let run = stage.ask(&longest).await;
    let reader = stage.read(&run);
    reader.until(2).await;
    stage.stop(&run).await;
    assert_eq!(reader.end().await[0], ("prompt".to_owned(), longest));
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_room_for_so_many_runs_and_again_when_one_has_ended() {
    let stage = Stage::set_with(&["--delay", "10s"]);
    let client = TestClient::tcp(stage.relay.address());
    let mut first = None;
    for _ in 0..64 {
        first.get_or_insert(stage.ask("tea?").await);
    }
    client.post("/prompts").body("tea?").send().await.expect_status(503);
    let first = first.unwrap();
    stage.stop(&first).await;
    stage.read(&first).end().await;
    eventually("there is room", async || client.post("/prompts").body("tea?").send().await.status == 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_others_are_refused() {
    let stage = Stage::set();
    let client = TestClient::tcp(stage.relay.address());
    let port = stage.relay.address().port();
    for (host, origin, status) in [
        (format!("localhost:{port}"), format!("http://localhost:{port}"), 200),
        (format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{port}"), 200),
        (format!("127.0.0.1:{port}"), "http://elsewhere.example".to_owned(), 403),
        (format!("127.0.0.1:{port}"), "null".to_owned(), 403),
        (format!("rebound.example:{port}"), format!("http://rebound.example:{port}"), 403),
    ] {
        let request = client.post("/prompts").header("host", &host).header("origin", &origin).body("tea?");
        assert_eq!(request.send().await.status, status, "{host} {origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_cannot_do_is_said_in_one_line() {
    let stage = Stage::set();
    let data = stage.data();
    let package = data.with_file_name("package");
    let (data, package) = (data.to_str().unwrap(), package.to_str().unwrap());
    for (arguments, expect) in [
        (&["--data", data, "--package", package][..], "is another relay there?"),
        (&["--data", data, "--package", "/nowhere"], "/nowhere: the npm package; build it by `cargo xtask wasm`"),
        (&["--hub", "https://hub.example"], "only http:// is spoken here"),
        (&["--hub", "nonsense"], "relative URL without a base"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_llm-relay")).args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(said.lines().next().unwrap().contains(expect), "{said}");
    }
}
