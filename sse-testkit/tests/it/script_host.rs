//! The tool `sse-script`, as a program.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Output, Stdio},
};

use sse_testkit::TestClient;

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn tool() -> Command {
    Command::new(env!("CARGO_BIN_EXE_sse-script"))
}

#[tokio::test]
async fn it_serves_the_scripts_of_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let script = r#"["accept", {"head": 200}, {"event": "hello"}, "end"]"#;
    std::fs::write(directory.path().join("greeting.json"), script).unwrap();
    std::fs::write(directory.path().join("README.md"), "no script").unwrap();
    let mut process = Running(tool().arg(directory.path()).stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("http://").unwrap_or_else(|| panic!("{line:?}"));
    let client = TestClient::tcp(address.parse().unwrap());

    assert_eq!(client.get("/scripts").send().await.json(), serde_json::json!(["greeting"]));
    let mut stream = client.get("/run/greeting").connect().await;
    stream.expect_event("hello").await;
    stream.expect_closed().await;
    assert_eq!(client.get("/scripts/greeting").send().await.json()["finished"], true);
}

#[test]
fn it_says_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bad.json");
    std::fs::write(&path, r#"["accept", {"head": 2000}]"#).unwrap();
    let said = |output: Output| (output.status.code(), String::from_utf8(output.stderr).unwrap());

    let bad = said(tool().arg(directory.path()).output().unwrap());
    let expected =
        format!("sse-script: {}: step 2, head(2000): the status is 2000; allowed is 200 to 599\n", path.display());
    assert_eq!(bad, (Some(1), expected));
    let outside = said(tool().args(["--listen", "0.0.0.0:0"]).output().unwrap());
    let expected = "sse-script: --listen 0.0.0.0:0: 0.0.0.0:0 is no address of loopback; allowed is such as 127.0.0.1:0 or [::1]:0\n";
    assert_eq!(outside, (Some(1), expected.into()));
    assert_eq!(said(tool().arg("--port").output().unwrap()).0, Some(2));
    let nowhere = said(tool().arg("nowhere").output().unwrap());
    assert!(nowhere.1.starts_with("sse-script: nowhere: "), "{}", nowhere.1);
}
