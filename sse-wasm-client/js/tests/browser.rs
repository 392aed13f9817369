//! The npm package as it is built, in a real browser, against a hub: `package.js` is what runs there.

#[path = "../../../examples/host-dashboard/tests/support/chromium.rs"]
mod chromium;
#[path = "../../../examples/chat/tests/support/served.rs"]
mod served;

use std::{env, fs, path::Path};

use chromium::Chromium;
use serde_json::{Value, json};
use served::Served;

const TESTS: &str = include_str!("package.js");

#[tokio::test(flavor = "multi_thread")]
async fn the_package_does_in_a_browser_what_it_declares() {
    let (served, chromium) = (Served::start().await, Chromium::start().await);
    // Any page of the origin would do; this one has no script of its own.
    let page = chromium.open(&format!("http://{}/live", served.address)).await;
    let results = page.run(&format!("return (async () => {{\n{TESTS}\n}})()")).await;
    let results = results.as_object().expect("every test has a result");
    let failed: Vec<_> = results.iter().filter(|(_, result)| !result.is_null()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(results.len(), TESTS.matches("\n  async ").count(), "each test has run");
}

#[test]
fn the_package_says_what_it_is() {
    let directory = env::var("SSE_TEST_NPM").expect("run these tests by `cargo xtask test --only browser-tests`");
    let directory = Path::new(&directory);
    let manifest: Value = serde_json::from_slice(&fs::read(directory.join("package.json")).unwrap()).unwrap();
    assert_eq!(manifest["name"], "sse-wasm-client");
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(manifest["license"], json!(format!("({})", env!("CARGO_PKG_LICENSE"))));
    for file in manifest["files"].as_array().unwrap() {
        let file = file.as_str().unwrap().replace("LICENSE-*", "LICENSE-MIT");
        assert!(directory.join(&file).is_file(), "{file}");
    }
    assert!(directory.join("README.md").is_file());
}
