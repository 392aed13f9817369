//! Tests that run in a browser themselves, by wasm-bindgen's runner.

use std::{env, fs, path::Path, process::Command};

use crate::{
    command,
    context::Context,
    failure::{Failure, Result},
    registry::Package,
    system,
};

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

/// The variable by which the comparison has the other parser's text, when it is built.
pub(crate) const PARSER: &str = "SSE_TEST_PARSER";

/// `cargo test` of the client in the browser of the driver that this variable is to name, ready for more arguments.
pub(crate) fn cargo(context: &Context, (variable, driver): (&str, &Path)) -> Result<Command> {
    let mut test = context.wasm_toolchain()?.cargo(context, "test");
    // By name and PATH, since the variable's value is split at spaces.
    test.args(["--package", "sse-wasm-client"])
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", "wasm-bindgen-test-runner")
        .env("PATH", system::path_with(context.wasm_bindgen()?)?);
    // The runner gives one test program 20 seconds, and a slow machine's driver 5, unless told
    // otherwise.
    for (name, seconds) in [("WASM_BINDGEN_TEST_TIMEOUT", "120"), ("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "30")] {
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

/// Measures the fetch transport beside npm's `eventsource-parser`.
pub(crate) fn bench(context: &Context) -> Result<()> {
    let driver = context.chromedriver()?;
    let mut parser = String::new();
    for file in ["errors.js", "parse.js"] {
        let path = Package::PARSER
            .ensure(context, &format!("eventsource-parser/dist/{file}"), Path::is_file)
            .ok_or_else(|| {
                Failure::new("there is no eventsource-parser to compare with: install npm, and try again".to_owned())
            })?;
        let text = fs::read_to_string(&path)
            .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))?;
        parser += &alone(&text);
    }
    let mut test = cargo(context, ("CHROMEDRIVER", driver))?;
    test.args(["--release", "--features", "speed-test", "--test", "speed", "--", "--nocapture"]);
    println!("{}", command::line(&test));
    command::run(test.env(PARSER, parser))
}

/// A module's text without what refers to other files, to be put together with others.
fn alone(module: &str) -> String {
    let refers = |line: &&str| line.starts_with("import") || line.contains("sourceMappingURL");
    module.lines().filter(|line| !refers(line)).map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_alone_refers_to_nothing() {
        let module = "import { a } from \"./a.js\";\nexport const b = 1;\n//# sourceMappingURL=b.js.map";
        assert_eq!(alone(module), "export const b = 1;\n");
    }
}
