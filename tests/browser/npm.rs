//! The npm package as it is built, in a real browser, against a hub: `package.js` is what runs there.

use std::{
    env, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use sse_test_support::webdriver::{Driver, eventually};

use crate::chat::served::Served;

const TESTS: &str = include_str!("npm/package.js");

/// What has to compile, and what must not.
const TYPES: &str = include_str!("npm/types.ts");

/// The strictest that a compiler of TypeScript 5.5 or later can be.
const COMPILER: &str = r#"{ "compilerOptions": {
    "strict": true, "noEmit": true, "exactOptionalPropertyTypes": true, "noUncheckedIndexedAccess": true,
    "skipLibCheck": false, "types": [], "target": "esnext", "lib": ["esnext", "dom", "dom.iterable", "dom.asynciterable"],
    "module": "nodenext", "moduleResolution": "nodenext"
}, "files": ["types.ts"] }"#;

/// The package as it was built.
fn package() -> PathBuf {
    env::var("SSE_TEST_NPM").expect("run these tests by `cargo xtask test --only browser-tests`").into()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_package_does_in_a_browser_what_it_declares() {
    does_what_it_declares(&Driver::chromium().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_package_does_in_firefox_what_it_declares() {
    match Driver::firefox().await {
        Some(firefox) => does_what_it_declares(&firefox).await,
        None => println!("left out: GECKODRIVER names no driver of Firefox"),
    }
}

async fn does_what_it_declares(driver: &Driver) {
    let served = Served::start().await;
    // Any page of the origin would do; this one has no script of its own.
    let page = driver.open(&format!("http://{}/live", served.address)).await;
    let results = page.run_as_its_own(&format!("(async () => {{\n{TESTS}\n}})()")).await;
    let results = results.as_object().expect("every test has a result");
    let failed: Vec<_> = results.iter().filter(|(_, result)| !result.is_null()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(results.len(), TESTS.matches("\n  async ").count(), "each test has run");
}

/// One that is closed before it has an answer, and two that are open. Gives how many locks are held and waited for.
const COME: &str = r#"
    const { default: init, EventStream } = await import("/sse-wasm-client/index.js");
    await init();
    const connect = () => EventStream.connect("/events?topic=a", options);
    connect().close();
    window.two = [connect(), connect()];
    for (const stream of two) for await (const { kind } of stream.states()) if (kind === "open") break;
    const { held, pending } = await navigator.locks.query();
    return [held.length, pending.length];
"#;

#[tokio::test(flavor = "multi_thread")]
async fn many_come_and_go_without_a_trace() {
    let (served, chromium) = (Served::start().await, Driver::chromium().await);
    let page = chromium.open(&format!("http://{}/live", served.address)).await;
    let come = format!("return (async options => {{{COME}}})(...arguments)");
    for (shared, fetch) in [(false, false), (false, true), (true, false), (true, true)] {
        let options = json!({ "shared": shared, "fetch": fetch });
        let (locks, connections) = if shared { (json!([1, 1]), 1) } else { (json!([0, 0]), 2) };
        for round in 0..20 {
            assert_eq!(page.call(&come, vec![options.clone()]).await, locks, "{options}");
            let served = async |count| {
                let what = format!("the hub has {count} connections, in round {round} with {options}");
                eventually(&what, async || served.hub.subscribers() == count).await;
            };
            served(connections).await;
            // The one that holds the lock goes first, or last.
            page.run(&format!("for (const at of [{0}, 1 - {0}]) two[at].close()", round % 2)).await;
            served(0).await;
            let no_lock = "navigator.locks.query().then(({ held, pending }) => held.length + pending.length === 0)";
            page.until(&format!("no lock is left, in round {round} with {options}"), no_lock).await;
        }
    }
}

#[test]
fn the_package_says_what_it_is() {
    let directory = package();
    let manifest: Value = serde_json::from_slice(&fs::read(directory.join("package.json")).unwrap()).unwrap();
    assert_eq!(manifest["name"], "sse-wasm-client");
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(manifest["license"], json!(format!("({})", env!("CARGO_PKG_LICENSE"))));
    let files: Vec<_> = manifest["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    // npm takes these in any case, and else only what is listed.
    let found = names(&directory);
    for taken in ["package.json", "README.md"] {
        assert!(found.iter().any(|name| name == taken), "{taken}");
    }
    let listed = |file: &str, name: &str| file.strip_suffix('*').map_or(file == name, |start| name.starts_with(start));
    for name in found.iter().filter(|name| !["package.json", "README.md"].contains(&name.as_str())) {
        assert!(files.iter().any(|file| listed(file, name)), "npm would leave out {name}");
    }
    for file in files {
        assert!(found.iter().any(|name| listed(file, name)), "there is no {file}");
    }
}

/// Those that have TypeScript try it: a compiler on the path, or the one that `SSE_TEST_TSC` names.
#[test]
fn the_declarations_allow_what_works_and_refuse_what_throws() {
    let named = env::var_os("SSE_TEST_TSC");
    let directory = tempfile::tempdir().unwrap();
    let installed = directory.path().join("node_modules/sse-wasm-client");
    fs::create_dir_all(&installed).unwrap();
    for name in names(&package()) {
        fs::copy(package().join(&name), installed.join(&name)).unwrap();
    }
    for (name, content) in
        [("types.ts", TYPES), ("tsconfig.json", COMPILER), ("package.json", r#"{ "type": "module" }"#)]
    {
        fs::write(directory.path().join(name), content).unwrap();
    }
    let compiler = named.clone().unwrap_or_else(|| "tsc".into());
    match Command::new(&compiler).arg("--project").arg(directory.path()).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
        Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => {
            println!("left out: there is no `tsc` on PATH, and SSE_TEST_TSC names none");
        }
        Err(error) => panic!("can't run {}: {error}", compiler.display()),
    }
}

/// Of the files in a directory that has nothing else.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}
