//! A real browser: found or installed, and the native tests that drive it.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command,
    context::Context,
    failure::{Failure, Result},
    hub, npm, outside,
    system::{Apt, Distribution, find_program},
};

/// Names that Chrome and Chromium go by on the path.
const NAMES: &[&str] = &["google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "chrome"];

/// Where they lie on systems that don't put them on the path.
const PLACES: &[&str] = &[
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
];

/// Finds the driver of an installed Chrome or Chromium, installing both where that is simple.
pub(crate) fn set_up() -> Result<PathBuf> {
    if let Some(named) = env::var_os("CHROMEDRIVER") {
        // Who names a driver of their own knows which browser it drives.
        let named = PathBuf::from(named);
        let on_path = || named.to_str().and_then(find_program);
        return named.is_file().then(|| named.clone()).or_else(on_path).ok_or_else(|| {
            let named = named.display();
            Failure::new(format!("CHROMEDRIVER names {named}, which is not there: correct or unset it"))
        });
    }
    if let Some(driver) = installed() {
        return Ok(driver);
    }
    let distribution = Distribution::here();
    if distribution == Distribution::Debian
        && let Some(apt) = Apt::here()
    {
        apt.install(&["chromium", "chromium-driver"])?;
    }
    installed().ok_or_else(|| advice(distribution))
}

/// Firefox's driver, where both are installed. Neither is asked for: Debian has no driver, and to build one takes long.
pub(crate) fn firefox() -> Option<PathBuf> {
    let driver = find_program("geckodriver").filter(|path| answers(path))?;
    let browser = ["firefox", "firefox-esr"].into_iter().filter_map(find_program).find(|path| answers(path))?;
    println!("{} with {}", browser.display(), driver.display());
    Some(driver)
}

/// The driver on the path, if there is a browser too.
fn installed() -> Option<PathBuf> {
    let driver = find_program("chromedriver").filter(|path| answers(path))?;
    let browser = NAMES
        .iter()
        .filter_map(|name| find_program(name))
        .chain(PLACES.iter().map(PathBuf::from).filter(|path| path.is_file()))
        .find(|path| answers(path))?;
    println!("{} with {}", browser.display(), driver.display());
    Some(driver)
}

/// Whether it is the program and not a stub that asks for a snap. Chrome on Windows opens a window
/// when asked.
fn answers(program: &Path) -> bool {
    cfg!(windows) || command::ask(Command::new(program).arg("--version")).is_some()
}

fn advice(distribution: Distribution) -> Failure {
    let install = match distribution {
        Distribution::Debian => "run `apt-get install chromium chromium-driver` as root",
        Distribution::Ubuntu => {
            "install Google Chrome and the chromedriver of its version \
             (https://googlechromelabs.github.io/chrome-for-testing/), since Ubuntu's chromium is a snap"
        }
        Distribution::Other => "install Chrome or Chromium and put the chromedriver of its version on PATH",
    };
    Failure::new(format!(
        "there is no browser with its driver: {install}, or leave these tests out with `cargo xtask test --native`"
    ))
}

/// The native tests that start a browser themselves.
pub(crate) fn tests(context: &Context) -> Result<()> {
    let driver = context.chromedriver()?;
    let hub: &[&str] = &["--package", "sse-server", "--features", "browser-tests", "--test", "browser"];
    let dashboard: &[&str] = &["--package", "host-dashboard", "--features", "browser-tests"];
    let package: &[&str] = &["--package", "sse-wasm-client-js", "--features", "browser-tests", "--test", "browser"];
    // Each of them keeps the machine busy.
    let stays = ["--package", "sse-wasm-client-js", "--features", "browser-tests", "--test", "stays"];
    let stays = &[&stays[..], &["--", "--test-threads=1"]].concat();
    let chat: &[&str] = &["--package", "chat", "--features", "browser-tests"];
    let leptos: &[&str] = &["--manifest-path", "examples/dashboard/Cargo.toml", "--features", "browser-tests"];
    let built = npm::build_for_tests(context)?;
    let program = hub::build(context)?;
    for arguments in [hub, dashboard, package, stays, chat, leptos] {
        let mut test = context.cargo();
        test.arg("test").args(arguments).env("CHROMEDRIVER", driver);
        test.env("SSE_TEST_NPM", &built.package).env("SSE_TEST_DASHBOARD", &built.dashboard);
        test.env("SSE_TEST_HUB_PROGRAM", &program);
        if arguments == leptos {
            test.env("CARGO_TARGET_DIR", outside::target(context));
        }
        println!("{}", command::line(&test));
        command::run(&mut test)?;
    }
    Ok(())
}
