//! Headless Chromium over WebDriver.
#![allow(unused_imports, reason = "each test target uses its part")]

#[path = "driver.rs"]
mod driver;

use driver::Driver;
pub(crate) use driver::{Page, eventually};

/// Chromium's driver with its browsers, gone with the test.
pub(crate) struct Chromium(Driver);

impl Chromium {
    /// Starts the driver that `CHROMEDRIVER` names, or the one on the path.
    pub(crate) async fn start() -> Self {
        Self(Driver::chromium().await)
    }

    /// Opens a page in a browser of its own.
    pub(crate) async fn open(&self, url: &str) -> Page {
        self.0.open(url).await
    }
}
