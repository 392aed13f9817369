//! Tests that run in a browser themselves: `cargo test` by wasm-bindgen's runner.

use std::{env, path::Path, process::Command};

use crate::{context::Context, failure::Result, system};

/// Variables by which the runner finds a browser's driver. It takes the first that is set.
const DRIVERS: &[&str] = &[
    "GECKODRIVER",
    "GECKODRIVER_REMOTE",
    "SAFARIDRIVER",
    "SAFARIDRIVER_REMOTE",
    "CHROMEDRIVER",
    "CHROMEDRIVER_REMOTE",
    "MSEDGEDRIVER",
    "MSEDGEDRIVER_REMOTE",
];

/// The variables that tell the browser client's tests where their servers are, when they are built.
pub(crate) const HUB: &str = "SSE_TEST_HUB";
pub(crate) const SCRIPTS: &str = "SSE_TEST_SCRIPTS";

/// The variable by which the comparison has the other parser's text, when it is built.
pub(crate) const PARSER: &str = "SSE_TEST_PARSER";

/// `cargo test` of the client in the browser of the driver that this variable is to name, ready for more arguments.
pub(crate) fn cargo(context: &Context, (variable, driver): (&str, &Path)) -> Result<Command> {
    let mut test = context.wasm_toolchain()?.cargo(&context.workspace, "test");
    // By name and PATH, since the variable's value is split at spaces.
    test.args(["--package", "sse-wasm-client"])
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", "wasm-bindgen-test-runner")
        .env("PATH", system::path_with(context.wasm_bindgen()?)?);
    // The runner gives one test program 20 seconds, and a slow machine's driver 5, unless told
    // otherwise.
    for (name, seconds) in [("WASM_BINDGEN_TEST_TIMEOUT", "300"), ("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "30")] {
        if env::var_os(name).is_none() {
            test.env(name, seconds);
        }
    }
    for name in DRIVERS {
        test.env_remove(name);
    }
    test.env(variable, driver);
    Ok(test)
}
