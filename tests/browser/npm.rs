//! The npm package as it is built, in a real browser, against a hub: the scripts in `npm` are what runs there.

use std::{
    env, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use sse_test_support::webdriver::{Driver, eventually};

use crate::chat::served::Served;

/// One script.
const TESTS: &str = concat!(
    include_str!("npm/harness.js"),
    include_str!("npm/events.js"),
    include_str!("npm/signals.js"),
    include_str!("npm/options.js"),
    include_str!("npm/run.js"),
);

/// The client in JavaScript, and the one in Rust with the same interface.
pub(crate) const BUILDS: [&str; 2] = ["/sse-wasm-client/index.js", "/sse-wasm-client/wasm/index.js"];

/// What has to compile, and what must not.
const TYPES: &str = include_str!("npm/types.ts");

/// What compiles where there is neither a page nor a worker.
const BARE: &str = include_str!("npm/bare.ts");

/// What the WebAssembly build has besides.
const WASM: &str = include_str!("npm/wasm.ts");

/// The strictest that a compiler of TypeScript 5.5 or later can be.
const COMPILER: &str = r#"{
    "strict": true, "noEmit": true, "exactOptionalPropertyTypes": true, "noUncheckedIndexedAccess": true,
    "skipLibCheck": false, "types": [], "target": "esnext", "module": "nodenext", "moduleResolution": "nodenext"
}"#;

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
    for build in BUILDS {
        let script = format!("(async () => {{ const BUILD = \"{build}\";\n{TESTS}\n}})()");
        let results = page.run_as_its_own(&script).await;
        let results = results.as_object().expect("every test has a result");
        let failed: Vec<_> = results.iter().filter(|(_, result)| !result.is_null()).collect();
        assert!(failed.is_empty(), "{build}: {failed:#?}");
        assert_eq!(results.len(), TESTS.matches("\n  async ").count(), "each test has run");
    }
}

/// One that is closed before it has an answer, and two that are open. Gives how many locks are held and waited for.
const COME: &str = r#"
    const { default: init, EventStream } = await import(build);
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
    let come = format!("return (async (options, build) => {{{COME}}})(...arguments)");
    let kinds = [(false, false), (false, true), (true, false), (true, true)];
    for ((shared, fetch), build) in kinds.into_iter().flat_map(|kind| BUILDS.map(|build| (kind, build))) {
        let options = json!({ "shared": shared, "fetch": fetch });
        let (locks, connections) = if shared { (json!([1, 1]), 1) } else { (json!([0, 0]), 2) };
        for round in 0..20 {
            assert_eq!(page.call(&come, vec![options.clone(), build.into()]).await, locks, "{build} {options}");
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
    let listed = |pattern: &str, name: &str| match pattern.split_once('*') {
        Some((start, end)) => {
            name.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)).is_some_and(|all| !all.contains('/'))
        }
        None => pattern == name,
    };
    for name in found.iter().filter(|name| !["package.json", "README.md"].contains(&name.as_str())) {
        assert!(files.iter().any(|file| listed(file, name)), "npm would leave out {name}");
    }
    for file in files {
        assert!(found.iter().any(|name| listed(file, name)), "there is no {file}");
    }
    for (_, export) in manifest["exports"].as_object().unwrap() {
        let paths = export.as_object().map_or_else(|| vec![export], |kinds| kinds.values().collect());
        for path in paths.into_iter().map(|path| path.as_str().unwrap()) {
            assert!(found.iter().any(|name| format!("./{name}") == path), "there is no {path}");
        }
    }
}

/// Those that have TypeScript try it: a compiler on the path, or the one that `SSE_TEST_TSC` names.
#[test]
fn the_declarations_allow_what_works_and_refuse_what_throws() {
    let directory = tempfile::tempdir().unwrap();
    let installed = ["node_modules/sse-wasm-client", "sources"].map(|name| directory.path().join(name));
    for (name, to) in names(&package()).iter().flat_map(|name| installed.each_ref().map(|to| (name, to))) {
        fs::create_dir_all(to.join(name).parent().unwrap()).unwrap();
        fs::copy(package().join(name), to.join(name)).unwrap();
    }
    fs::write(directory.path().join("package.json"), r#"{ "type": "module" }"#).unwrap();
    for (name, content) in [("types.ts", TYPES), ("bare.ts", BARE), ("wasm.ts", WASM)] {
        fs::write(directory.path().join(name), content).unwrap();
    }
    let page = ["esnext", "dom", "dom.iterable", "dom.asynciterable"];
    let worker = ["esnext", "webworker", "webworker.iterable", "webworker.asynciterable"];
    for (lib, files) in [
        (&page[..], &["types.ts", "bare.ts", "wasm.ts"][..]),
        (&worker, &["types.ts", "bare.ts"]),
        (&["esnext"], &["bare.ts"]),
    ] {
        compile(directory.path(), lib, files, false);
    }
    // the modules themselves are checked, by what their comments say
    compile(&installed[1], &page, &["index.js"], true); // what a project has installed is not looked into
}

/// Compiles files of a directory, for what has these libraries.
fn compile(directory: &Path, lib: &[&str], files: &[&str], is_javascript: bool) {
    let named = env::var_os("SSE_TEST_TSC");
    let mut options: Value = serde_json::from_str(COMPILER).unwrap();
    options["lib"] = json!(lib);
    options["allowJs"] = is_javascript.into();
    options["checkJs"] = is_javascript.into();
    let project = directory.join("tsconfig.json");
    fs::write(&project, json!({ "compilerOptions": options, "files": files }).to_string()).unwrap();
    let compiler = named.clone().unwrap_or_else(|| "tsc".into());
    match Command::new(&compiler).arg("--project").arg(&project).output() {
        Ok(output) => assert!(output.status.success(), "{lib:?}: {}", String::from_utf8_lossy(&output.stdout)),
        Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => {
            println!("left out: there is no `tsc` on PATH, and SSE_TEST_TSC names none");
        }
        Err(error) => panic!("can't run {}: {error}", compiler.display()),
    }
}

/// Of the files in a directory and in those in it.
fn names(directory: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            names.extend(self::names(&entry.path()).into_iter().map(|inner| format!("{name}/{inner}")));
        } else {
            names.push(name);
        }
    }
    names
}
