//! Real browsers with their drivers: found or installed.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command,
    failure::{Failure, Result},
    system::{Apt, Distribution, find_program},
    tools::{self, Tool},
    workspace::Workspace,
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

/// Where Firefox lies on systems that don't put it on the path. Its driver looks there too.
const FIREFOX_PLACES: &[&str] =
    &["/Applications/Firefox.app/Contents/MacOS/firefox", r"C:\Program Files\Mozilla Firefox\firefox.exe"];

/// Finds the driver of an installed Chrome or Chromium, installing both where that is simple.
pub(crate) fn set_up() -> Result<PathBuf> {
    if let Some(driver) = named("CHROMEDRIVER")? {
        return Ok(driver);
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

/// Finds Firefox's driver, or builds it, where there is a Firefox. Where one of the two can't be had, it says why in a line
/// and gives none: tests go on without.
pub(crate) fn set_up_firefox(workspace: &Workspace) -> Result<Option<PathBuf>> {
    if let Some(driver) = named("GECKODRIVER")? {
        return Ok(Some(driver));
    }
    // Its driver knows it by this name only.
    let Some(browser) = find(&["firefox"], FIREFOX_PLACES) else {
        println!("there is no Firefox: its tests are left out");
        return Ok(None);
    };
    let tool = Tool::geckodriver();
    let driver = match find_program("geckodriver").filter(|path| answers(path)) {
        Some(found) => found,
        None => match tools::ensure(workspace, &tool) {
            Ok(directory) => tool.path_in(&directory),
            Err(failure) => {
                println!("{failure}; the tests in Firefox are left out until there is a geckodriver on PATH");
                return Ok(None);
            }
        },
    };
    println!("{} with {}", browser.display(), driver.display());
    Ok(Some(driver))
}

/// The driver that a variable names, if it is set. Who names one knows which browser it drives.
fn named(variable: &str) -> Result<Option<PathBuf>> {
    let Some(named) = env::var_os(variable).map(PathBuf::from) else { return Ok(None) };
    let on_path = || named.to_str().and_then(find_program);
    let found = named.is_file().then(|| named.clone()).or_else(on_path);
    found.map(Some).ok_or_else(|| {
        Failure::new(format!("{variable} names {}, which is not there: correct or unset it", named.display()))
    })
}

/// The driver on the path, if there is a browser too.
fn installed() -> Option<PathBuf> {
    let driver = find_program("chromedriver").filter(|path| answers(path))?;
    let browser = find(NAMES, PLACES)?;
    println!("{} with {}", browser.display(), driver.display());
    Some(driver)
}

/// A browser by a name on the path, or at one of these places.
fn find(names: &[&str], places: &[&str]) -> Option<PathBuf> {
    names
        .iter()
        .filter_map(|name| find_program(name))
        .chain(places.iter().map(PathBuf::from).filter(|path| path.is_file()))
        .find(|path| answers(path))
}

/// Whether it is the program and not a stub that asks for a snap. Browsers on Windows open a window
/// when asked.
pub(crate) fn answers(program: &Path) -> bool {
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
