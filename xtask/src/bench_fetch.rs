//! The browser client's fetch transport beside a parser in JavaScript.

use std::{fs, path::Path};

use crate::{
    command,
    context::Context,
    failure::{Failure, Result},
    registry::Package,
    wasm_runner,
};

/// Measures the fetch transport beside npm's `eventsource-parser`.
pub(crate) fn run(context: &Context) -> Result<()> {
    let driver = context.chromedriver()?;
    let mut parser = String::new();
    for file in ["errors.js", "parse.js"] {
        let path = Package::PARSER
            .ensure(&context.workspace, &format!("eventsource-parser/dist/{file}"), Path::is_file)
            .ok_or_else(|| {
                Failure::new("there is no eventsource-parser to compare with: install npm, and try again".to_owned())
            })?;
        let text = fs::read_to_string(&path)
            .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))?;
        parser += &alone(&text);
    }
    let mut test = wasm_runner::cargo(context, ("CHROMEDRIVER", driver))?;
    test.args(["--release", "--features", "speed-test", "--test", "speed", "--", "--nocapture"]);
    println!("{}", command::line(&test));
    command::run(test.env(wasm_runner::PARSER, parser))
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
